#include "plan/fix/cgroup.h"

#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <sys/mount.h>
#include <unistd.h>

#include "base/buf.h"
#include "base/cleanup.h"
#include "base/io.h"
#include "base/mounts.h"

/* What we mounted, a path a line, written before each mount. */
#define OURS K3SBOX_RUN "/cgroup-mounts"

static int mount_at(const char *dir, const char *controller)
{
	int r = io_mkdirs(dir, 0755);
	if (!r) r = io_add_line(OURS, 0600, dir);
	if (r < 0) return r;
	return mount("cgroup", dir, "cgroup", MS_NOSUID | MS_NODEV | MS_NOEXEC, controller) < 0 ? -errno : 0;
}

/* CGROUP_ROOT is a folder of sysfs, where nothing can be made: a tmpfs over it, unless somebody did that. */
static int prepare_root(const struct mounts *m)
{
	if (mounts_at(m, CGROUP_ROOT)) return 0;
	int r = io_mkdirs(CGROUP_ROOT, 0755);
	if (!r) r = io_add_line(OURS, 0600, CGROUP_ROOT);
	if (r < 0) return r;
	return mount("k3sbox", CGROUP_ROOT, "tmpfs", MS_NOSUID | MS_NODEV | MS_NOEXEC, "mode=755,size=1m") < 0 ? -errno : 0;
}

/* Those of linux/cgroup_subsys.h. /proc/cgroups would tell which of them there are, but in a sandbox it may be empty until one is mounted;
 * so each is tried, and what the kernel does not have is left out. */
static void mount_all(const struct mounts *m)
{
	static const char *const names[] = {
		"cpu", "cpuacct", "cpuset", "memory", "pids", "devices", "freezer", "blkio", "net_cls", "net_prio", "perf_event", "hugetlb",
		"rdma", "misc",
	};

	for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
		char dir[64];
		if (cgroup_mounted(m, names[i])) continue;
		snprintf(dir, sizeof dir, CGROUP_ROOT "/%s", names[i]);
		if (mount_at(dir, names[i]) < 0) rmdir(dir);
	}
}

/* Folders to write to, in the hierarchy that is there in any case. */
static int mount_stand_in(const struct mounts *m, const char *controller)
{
	char dir[64];

	snprintf(dir, sizeof dir, CGROUP_ROOT "/%s", controller);
	return mounts_at(m, dir) ? 0 : mount_at(dir, "cpu");
}

int cgroup_mount_missing(void)
{
	_cleanup_mounts_ struct mounts m = {0};
	int r = mounts_read(&m);

	if (!r) r = io_mkdirs(K3SBOX_RUN, 0700);
	if (!r) r = prepare_root(&m);
	if (!r) mount_all(&m);
	if (r < 0) cgroup_unmount_ours();
	return r;
}

int cgroup_mount_stand_in(const char *controller)
{
	_cleanup_mounts_ struct mounts m = {0};
	int r = cgroup_mount_missing();

	if (!r) r = mounts_read(&m);
	if (!r) r = mount_stand_in(&m, controller);
	if (r < 0) cgroup_unmount_ours();
	return r;
}

int cgroup_unmount_ours(void)
{
	_cleanup_buf_ struct buf list = {0};
	int result = 0;

	if (io_read(OURS, &list, 1 << 16) < 0) return 0;
	for (char *line = list.data, *next; line && *line; line = next) {
		next = strchr(line, '\n');
		if (next) *next++ = 0;
		int r = path_within(line, CGROUP_ROOT) ? umount_within(line) : 0;
		if (r < 0 && !result) result = r;
	}
	return result < 0 ? result : io_unlink(OURS);
}
