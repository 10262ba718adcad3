/* Mounts cgroupfs and keeps its servers running. What they answer: applets/cgroupfs. */
#include "plan/fix/cgroupfs.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <unistd.h>

#include "base/buf.h"
#include "base/cleanup.h"
#include "base/die.h"
#include "base/io.h"
#include "base/mounts.h"
#include "base/spawn.h"

#define DEVICE "/dev/fuse"
/* Where the spare group is mounted for a moment. */
#define SPOT K3SBOX_RUN "/cgroup-spare"

enum { FLAGS = MS_NOSUID | MS_NODEV | MS_NOEXEC, TRY_MS = 5000 };

struct cgroupfs {
	char *point;
	/* The FUSE device; the root of the hierarchy; its spare group, which cannot be written to
	 * through this descriptor (-1: none is needed); a struct cgroupfs_state. */
	int device, real, spare, state;
	pid_t server;              /* 0: ended */
};

static struct cgroupfs *served;
static size_t served_n;
static bool tried;

/* ---- the spare group ---- */

/* Writes it, and expects to read the same. */
static int store(const char *group, const char *name, const char *text)
{
	char path[PATH_MAX], now[64] = "";
	int r = io_join(path, sizeof path, group, name);

	if (!r && *text) r = io_poke(path, text);
	if (!r) r = io_read_line(path, now, sizeof now);
	return r < 0 ? r : strcmp(now, text) ? -ENOTSUP : 0;
}

/* Numbers must be stored, and nothing else happen. */
static int fill_spare(const char *group)
{
	static const struct { const char *name, *text; } values[] = {
		{ "memory.soft_limit_in_bytes", "1" },
		{ "memory.move_charge_at_immigrate", "4611686018427387904" },
		{ "memory.move_charge_at_immigrate", "0" },
		{ "cgroup.procs", "" },
	};
	int r = 0;

	for (size_t i = 0; !r && i < sizeof values / sizeof *values; i++)
		r = store(group, values[i].name, values[i].text);
	return r;
}

/* Its directory on a read-only mount of its own: otherwise a process that is written to memory.stat
 * would become a member. */
static int open_readonly(const char *path)
{
	int r = io_mkdirs(SPOT, 0700);

	if (r < 0) return r;
	if (mount(path, SPOT, NULL, MS_BIND, NULL) < 0) return -errno;
	r = mounts_remount(SPOT, MS_RDONLY, 0);
	int fd = r < 0 ? r : open(SPOT, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (!r && fd < 0) fd = -errno;
	umount2(SPOT, MNT_DETACH);
	rmdir(SPOT);
	return fd;
}

static int make_spare(const char *point)
{
	char path[PATH_MAX];
	int r = io_join(path, sizeof path, point, CGROUPFS_SPARE);

	if (!r) r = io_mkdirs(path, 0700);
	if (!r) r = fill_spare(path);
	return r < 0 ? r : open_readonly(path);
}

/* Only for memory's files. */
static bool needs_spare(int real)
{
	return !faccessat(real, "memory.usage_in_bytes", F_OK, 0) &&
		faccessat(real, "memory.stat", F_OK, 0) < 0;
}

/* ---- mounts ---- */

static int mount_device(int device, const char *point)
{
	char options[128];

	snprintf(options, sizeof options, "fd=%d,rootmode=40755,user_id=0,group_id=0,"
		"default_permissions,allow_other", device);
	return mount("k3sbox", point, "fuse", FLAGS, options) < 0 ? -errno : 0;
}

int cgroupfs_try(void *unused)
{
	char request[CGROUPFS_REQUEST];
	_cleanup_close_ int device = open(DEVICE, O_RDWR | O_CLOEXEC);

	(void)unused;
	if (device < 0) return errno;
	int r = mount_device(device, K3SBOX_RUN);
	/* The kernel's first request is there by now. */
	if (!r && read(device, request, sizeof request) <= 0) r = -errno;
	return -r;
}

/* ---- servers ---- */

/* How others reach the spare group: the hierarchy's own, or that of memory, in which a server makes
 * groups to keep numbers in. Empty: there is none. */
static void name_spare(const struct cgroupfs *c, char out[64])
{
	const char *below = "";
	int fd = c->spare;

	for (size_t i = 0; fd < 0 && i < served_n; i++) {
		if (served[i].spare < 0) continue;
		fd = served[i].real;
		below = "/" CGROUPFS_SPARE;
	}
	*out = 0;
	if (fd >= 0) snprintf(out, 64, "--spare=/proc/%d/fd/%d%s", (int)getpid(), fd, below);
}

static int start(struct cgroupfs *c)
{
	char self[PATH_MAX], real[64], spare[64];
	char *argv[] = { self, "cgroupfs", real, spare, NULL };
	struct spawn s = {
		.path = self, .argv = argv, .in = c->device, .out = c->state, .err = -1,
		.die_with_parent = SIGKILL,
	};
	int r = io_self_path(self, sizeof self);

	snprintf(real, sizeof real, "--serve=/proc/%d/fd/%d", (int)getpid(), c->real);
	name_spare(c, spare);
	if (!*spare) argv[3] = NULL;
	if (!r) r = (int)spawn(&s);
	c->server = r > 0 ? r : 0;
	return r < 0 ? r : 0;
}

static void release(struct cgroupfs *c)
{
	const int fds[] = { c->device, c->real, c->spare, c->state };

	/* Its server may still be starting, and would find nothing. */
	if (c->server > 0) kill(c->server, SIGKILL);
	for (size_t i = 0; i < sizeof fds / sizeof *fds; i++)
		if (fds[i] >= 0) close(fds[i]);
	free(c->point);
}

static int open_all(struct cgroupfs *c, struct err *e)
{
	c->real = open(c->point, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (c->real < 0) return err_errno(e, -errno, "%s", c->point);
	c->device = open(DEVICE, O_RDWR | O_CLOEXEC);
	if (c->device < 0) return err_errno(e, -errno, DEVICE);
	c->state = io_memory("", 0);
	if (c->state < 0 || ftruncate(c->state, sizeof(struct cgroupfs_state)) < 0)
		return err_errno(e, c->state < 0 ? c->state : -errno, "a file for requests");
	if (!needs_spare(c->real)) return 0;
	c->spare = make_spare(c->point);
	return c->spare < 0 ? err_errno(e, c->spare, "%s/" CGROUPFS_SPARE, c->point) : 0;
}

static int look(void *point)
{
	char path[PATH_MAX], line[16];
	int r = io_join(path, sizeof path, point, "cgroup.procs");

	return r < 0 ? -r : -io_read_line(path, line, sizeof line);
}

/* Reads a file of it: a server that does not answer would block every process that looks there. */
static int mount_served(struct cgroupfs *c, struct err *e)
{
	int r = mount_device(c->device, c->point);

	if (r < 0) return err_errno(e, r, "a FUSE file system on %s", c->point);
	r = start(c);
	if (!r) r = spawn_call(look, c->point, TRY_MS);
	if (!r) return 0;
	umount2(c->point, MNT_DETACH);
	return err_errno(e, r > 0 ? -EIO : r, "the server for %s", c->point);
}

int cgroupfs_add(const char *point, struct err *e)
{
	struct cgroupfs c = { .point = xstrdup(point), .device = -1, .real = -1, .spare = -1,
		.state = -1 };
	int r = open_all(&c, e);

	if (!r) r = mount_served(&c, e);
	if (r < 0) {
		release(&c);
		return r;
	}
	served = xrealloc(served, (served_n + 1) * sizeof *served);
	served[served_n++] = c;
	return 0;
}

bool cgroupfs_is_mounted(void)
{
	return served_n > 0;
}

bool cgroupfs_tried(void)
{
	return tried;
}

bool cgroupfs_is_server(pid_t pid)
{
	for (size_t i = 0; i < served_n; i++)
		if (served[i].server == pid) return true;
	return false;
}

bool cgroupfs_ended(pid_t pid)
{
	for (size_t i = 0; i < served_n; i++) {
		if (served[i].server != pid) continue;
		served[i].server = 0;
		return true;
	}
	return false;
}

int cgroupfs_restart(void)
{
	int result = 0;

	for (size_t i = 0; i < served_n; i++) {
		int r = served[i].server ? 0 : start(&served[i]);
		if (r < 0) result = r;
	}
	return result;
}

/* The hierarchy's spare group and those in it, whose files cannot be removed. */
static void remove_spare(const char *point)
{
	char path[PATH_MAX];
	DIR *d = io_join(path, sizeof path, point, CGROUPFS_SPARE) < 0 ? NULL : opendir(path);

	if (!d) return;
	for (struct dirent *e; (e = readdir(d));)
		if (e->d_type == DT_DIR) unlinkat(dirfd(d), e->d_name, AT_REMOVEDIR);
	closedir(d);
	rmdir(path);
}

void cgroupfs_close(void)
{
	while (served_n) {
		struct cgroupfs *c = &served[--served_n];
		umount2(c->point, MNT_DETACH);
		if (c->spare >= 0) remove_spare(c->point);
		release(c);
	}
	free(served);
	served = NULL;
}

/* ---- the step ---- */

int cgroupfs_mount(const struct plan_options *o, const struct plan_step *s, struct err *e)
{
	_cleanup_free_ char *points = xstrdup(s->seen->value);
	int r = 0;

	(void)o;
	if (tried) return 0;
	tried = true;
	for (char *rest = points, *point; !r && (point = strsep(&rest, " "));)
		if (*point) r = cgroupfs_add(point, e);
	if (r < 0) cgroupfs_close();
	return r;
}

/* The mounts have gone with their world. */
int cgroupfs_unmount(const struct plan_options *o, const char *seen, struct err *e)
{
	_cleanup_mounts_ struct mounts m = {0};

	(void)o, (void)seen, (void)e;
	if (mounts_read(&m) < 0) return 0;
	for (size_t i = 0; i < m.n; i++)
		if (!strcmp(m.v[i].type, "cgroup"))
			remove_spare(m.v[i].point);   /* in most there is none */
	return 0;
}
