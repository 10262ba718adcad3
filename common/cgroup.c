#include "cgroup.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <sys/mount.h>
#include <unistd.h>

#include "buf.h"
#include "cleanup.h"
#include "io.h"
#include "mounts.h"
#include "text.h"

/* What we mounted, a path a line, written before each mount. */
#define OURS K3SBOX_RUN "/cgroup-mounts"

static int note(const char *point)
{
	_cleanup_close_ int fd = open(OURS, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0600);
	if (fd < 0) return -errno;
	int r = io_write_fd(fd, point, strlen(point));
	return r < 0 ? r : io_write_fd(fd, "\n", 1);
}

static int mount_controller(const char *name)
{
	char dir[PATH_MAX];
	int r = io_join(dir, sizeof dir, CGROUP_ROOT, name);

	if (!r) r = io_mkdirs(dir, 0755);
	if (!r) r = note(dir);
	if (r < 0) return r;
	return mount("cgroup", dir, "cgroup", MS_NOSUID | MS_NODEV | MS_NOEXEC, name) < 0 ? -errno : 0;
}

/* CGROUP_ROOT is a folder of sysfs, where nothing can be made: a tmpfs over it, unless somebody did that. */
static int prepare_root(const struct mounts *m)
{
	if (mounts_at(m, CGROUP_ROOT)) return 0;
	int r = io_mkdirs(CGROUP_ROOT, 0755);
	if (!r) r = note(CGROUP_ROOT);
	if (r < 0) return r;
	return mount("k3sbox", CGROUP_ROOT, "tmpfs", MS_NOSUID | MS_NODEV | MS_NOEXEC, "mode=755,size=1m") < 0 ? -errno : 0;
}

/* Rows of /proc/cgroups: name, hierarchy, number, enabled. */
static int mount_listed(const char *text, const struct mounts *m)
{
	enum { NAME, HIERARCHY, NUMBER, ENABLED };
	char name[64], enabled[8];

	for (const char *line = text; line && *line; line = strchr(line, '\n'), line += line != NULL) {
		if (*line == '#' || !text_field(line, NAME, name, sizeof name)) continue;
		if (!text_field(line, ENABLED, enabled, sizeof enabled) || !strcmp(enabled, "0")) continue;
		if (cgroup_mounted(m, name)) continue;
		int r = mount_controller(name);
		if (r < 0) return r;
	}
	return 0;
}

int cgroup_mount_missing(void)
{
	_cleanup_mounts_ struct mounts m = {0};
	_cleanup_buf_ struct buf list = {0};
	int r = io_read("/proc/cgroups", &list, 1 << 16);

	if (!r) r = mounts_read(&m);
	if (!r) r = io_mkdirs(K3SBOX_RUN, 0700);
	if (!r) r = prepare_root(&m);
	if (!r) r = mount_listed(list.data, &m);
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
