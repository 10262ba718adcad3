/* Mounts of version 1 control groups. */
#ifndef K3SBOX_FIX_CGROUP_H
#define K3SBOX_FIX_CGROUP_H

#include "plan/cgroup.h"
#include "plan/rows.h"

/* Mounts every version 1 controller that this kernel has and that is not mounted yet below
 * CGROUP_ROOT; a tmpfs first if no directory can be made there. Then, if the row has an
 * argument, which is a controller (pids, devices) that this kernel lacks, the cpu hierarchy in a
 * directory of that name: the interceptor shows it as the controller's (--controller). */
step_apply cgroup_mount;
step_undo cgroup_unmount;

#endif
