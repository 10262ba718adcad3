/* Control group mounts. */
#ifndef K3SBOX_CGROUP_H
#define K3SBOX_CGROUP_H

#include <stdbool.h>

struct mounts;

#define CGROUP_ROOT "/sys/fs/cgroup"

bool cgroup_is_v2(void);

/* Where the version 1 controller is mounted, alone or with others; NULL: nowhere. */
const char *cgroup_mounted(const struct mounts *m, const char *controller);

/* Mounts every version 1 controller that this kernel has and that is not mounted yet below CGROUP_ROOT; a tmpfs first if that is no
 * place to make folders. 0 or -errno. */
int cgroup_mount_missing(void);

/* The same; then, for a controller (pids, devices) that this kernel does not have, the cpu hierarchy in a folder of its name. The
 * interceptor shows it as the controller's (--controller). */
int cgroup_mount_stand_in(const char *controller);

/* Unmounts what these two mounted. 0 or -errno. */
int cgroup_unmount_ours(void);

#endif
