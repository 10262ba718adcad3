/* Which control group hierarchies are mounted. */
#ifndef K3SBOX_PLAN_CGROUP_H
#define K3SBOX_PLAN_CGROUP_H

#include <stdbool.h>

struct mounts;

#define CGROUP_ROOT "/sys/fs/cgroup"

bool cgroup_is_v2(void);

/* Where the version 1 controller is mounted, alone or with others; NULL: nowhere. */
const char *cgroup_mounted(const struct mounts *m, const char *controller);

#endif
