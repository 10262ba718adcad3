/* Mount propagation of / and of the roots of containers. */
#ifndef K3SBOX_FIX_PROPAGATION_H
#define K3SBOX_FIX_PROPAGATION_H

#include "plan/rows.h"

/* Makes / and all mounts below it shared. */
step_apply propagation_share;
/* Makes them private again, but only if all were (the fact's value was "all"). */
step_undo propagation_unshare;

/* containerd's bundles, with the mounts of the containers' roots. */
#define TASKS_DIRECTORY "/run/k3s/containerd/io.containerd.runtime.v2.task"
/* Makes it a private mount of its own: other mount namespaces get no propagated copies of what is
 * mounted in it. */
step_apply propagation_tasks_private;
/* Unmounts it, with everything in it. */
step_undo propagation_tasks_unmount;

#endif
