/* Looks at control group mounts, for the probes and for what mounts missing ones. */
#include "plan/cgroup.h"

#include <string.h>
#include <sys/vfs.h>

#include "base/mounts.h"

bool cgroup_is_v2(void)
{
	enum { CGROUP2_MAGIC = 0x63677270 };   /* linux/magic.h */
	struct statfs fs;
	return !statfs(CGROUP_ROOT, &fs) && fs.f_type == CGROUP2_MAGIC;
}

const char *cgroup_mounted(const struct mounts *m, const char *controller)
{
	for (size_t i = 0; i < m->n; i++)
		if (!strcmp(m->v[i].type, "cgroup") && mounts_has_option(m->v[i].super, controller))
			return m->v[i].point;
	return NULL;
}
