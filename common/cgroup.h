/* Control group mounts. */
#ifndef K3SBOX_CGROUP_H
#define K3SBOX_CGROUP_H

#include <stdbool.h>

struct mounts;

#define CGROUP_ROOT "/sys/fs/cgroup"

bool cgroup_is_v2(void);

/* Is the version 1 controller mounted somewhere? */
bool cgroup_mounted(const struct mounts *m, const char *controller);

/* Mounts every version 1 controller of /proc/cgroups that is not mounted yet below CGROUP_ROOT; a tmpfs first if that is no
 * place to make folders. 0 or -errno. */
int cgroup_mount_missing(void);

/* Unmounts what cgroup_mount_missing() mounted. 0 or -errno. */
int cgroup_unmount_ours(void);

#endif
