/* Mounts version 1 control groups, and stand-ins for controllers that the kernel lacks. */
#include "plan/fix/cgroup.h"

#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <sys/mount.h>
#include <unistd.h>

#include "base/io.h"
#include "base/mounts.h"
#include "base/path.h"
#include "plan/fix/noted.h"

/* Where we mounted something, a path a line, written before each mount. */
#define OURS K3SBOX_RUN "/cgroup-mounts"

enum { FLAGS = MS_NOSUID | MS_NODEV | MS_NOEXEC };

static int mount_noted(const char *dir, const char *source, const char *type, const char *data)
{
	int r = io_mkdirs(dir, 0755);
	if (!r) r = io_add_line(OURS, 0600, dir);
	if (r < 0) return r;
	return mount(source, dir, type, FLAGS, data) < 0 ? -errno : 0;
}

/* CGROUP_ROOT is a directory of sysfs, where none can be made: a tmpfs over it, unless something
 * is mounted there already. */
static int prepare_root(const struct mounts *m)
{
	return mounts_at(m, CGROUP_ROOT) ? 0
		: mount_noted(CGROUP_ROOT, "k3sbox", "tmpfs", "mode=755,size=1m");
}

/* Those of linux/cgroup_subsys.h. /proc/cgroups lists the ones that exist, but in a sandbox it
 * may be empty until one is mounted; so each is tried, and what the kernel lacks is left out. */
static void mount_all(const struct mounts *m)
{
	static const char *const names[] = {
		"cpu", "cpuacct", "cpuset", "memory", "pids", "devices", "freezer", "blkio",
		"net_cls", "net_prio", "perf_event", "hugetlb", "rdma", "misc",
	};

	for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
		char dir[64];
		if (cgroup_mounted(m, names[i])) continue;
		snprintf(dir, sizeof dir, CGROUP_ROOT "/%s", names[i]);
		if (mount_noted(dir, "cgroup", "cgroup", names[i]) < 0) rmdir(dir);
	}
}

/* The cpu hierarchy always exists, and directories can be made in it. */
static int mount_stand_in(const char *controller)
{
	_cleanup_mounts_ struct mounts m = {0};
	char dir[64];
	int r = mounts_read(&m);

	snprintf(dir, sizeof dir, CGROUP_ROOT "/%s", controller);
	return r < 0 || mounts_at(&m, dir) ? r : mount_noted(dir, "cgroup", "cgroup", "cpu");
}

int cgroup_mount(const struct plan_options *o, const struct plan_step *s, struct err *e)
{
	_cleanup_mounts_ struct mounts m = {0};
	int r = mounts_read(&m);

	if (!r) r = io_mkdirs(K3SBOX_RUN, 0700);
	if (!r) r = prepare_root(&m);
	if (!r) mount_all(&m);
	if (!r && s->row->arg) r = mount_stand_in(s->row->arg);
	if (r < 0) {
		err_errno(e, r, "mounts below %s", CGROUP_ROOT);
		cgroup_unmount(o, NULL, NULL);
	}
	return r;
}

static int unmount(const char *dir)
{
	return path_within(dir, CGROUP_ROOT) ? mounts_umount_within(dir) : 0;
}

int cgroup_unmount(const struct plan_options *o, const char *seen, struct err *e)
{
	(void)o, (void)seen;
	return noted_undo(OURS, unmount, "unmounting ", e);
}
