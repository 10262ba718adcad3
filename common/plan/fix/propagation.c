/* Makes / a shared mount, the directory of containers' roots a private one, and takes that back. */
#include "plan/fix/propagation.h"

#include <errno.h>
#include <string.h>
#include <sys/mount.h>

#include "base/io.h"
#include "base/mounts.h"

static int set(unsigned long how, struct err *e)
{
	return mount(NULL, "/", NULL, how | MS_REC, NULL) < 0
		? err_errno(e, -errno, "mount(2) of /") : 0;
}

int propagation_share(const struct plan_options *o, const struct plan_step *s, struct err *e)
{
	(void)o, (void)s;
	return set(MS_SHARED, e);
}

int propagation_unshare(const struct plan_options *o, const char *seen, struct err *e)
{
	(void)o;
	return seen && !strcmp(seen, "all") ? set(MS_PRIVATE, e) : 0;
}

int propagation_tasks_private(const struct plan_options *o, const struct plan_step *s,
	struct err *e)
{
	enum { CONTAINERD_MODE = 0711 };
	_cleanup_mounts_ struct mounts m = {0};

	(void)o, (void)s;
	int r = io_mkdirs(TASKS_DIRECTORY, CONTAINERD_MODE);
	if (!r) r = mounts_read(&m);
	if (!r && !mounts_at(&m, TASKS_DIRECTORY) &&
		mount(TASKS_DIRECTORY, TASKS_DIRECTORY, NULL, MS_BIND, NULL) < 0) r = -errno;
	if (!r && mount(NULL, TASKS_DIRECTORY, NULL, MS_PRIVATE, NULL) < 0) r = -errno;
	return r < 0 ? err_errno(e, r, TASKS_DIRECTORY) : 0;
}

int propagation_tasks_unmount(const struct plan_options *o, const char *seen, struct err *e)
{
	(void)o, (void)seen;
	int r = mounts_umount_within(TASKS_DIRECTORY);
	return r < 0 ? err_errno(e, r, TASKS_DIRECTORY) : 0;
}
