/* Calls on descriptors: writes to stand-ins, which must be checked and kept, and attributes of
 * stand-ins. Most are seen only in processes that hold a hot stand-in (special.h). */
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <linux/magic.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/uio.h>
#include <sys/vfs.h>

#include "intercept/calls/call.h"
#include "intercept/calls/handlers.h"

enum { WRITE_MAX = 4096 };   /* no value of a sysctl is longer */

static struct special *mine(struct call *c)
{
	return call_special(c, 0);
}

/* Keeps the value. Returns the result for the tracee. */
static long accept_value(struct call *c, struct special *s, const char *data, size_t n)
{
	struct view *v = &c->tr->view;
	int line = (int)(n && data[n - 1] == '\n' ? n - 1 : n);
	int r = store_write(&v->store, s->seed, s->ns, data, n, s->real);

	call_log(c, "%s ← \"%.*s\": %s", s->path, line, data, r < 0 ? strerror(-r) : "kept");
	call_count(c);
	if (r < 0) return r;
	special_refresh(&v->specials, &v->store, s->seed, s->ns);
	return (long)n;
}

static bool is_refusal(long result)
{
	switch (result) {
	case -EIO: case -EACCES: case -EPERM: case -EROFS: case -EINVAL: return true;
	default: return false;
	}
}

/* The kernel's own file: if it refused a valid value, the value is kept here. */
static enum call_verdict real_written(struct call *c)
{
	struct special *s = mine(c);
	char data[WRITE_MAX];
	size_t n = call_arg(c, 2) < sizeof data ? call_arg(c, 2) : sizeof data;

	if (!s || !s->seed || !is_refusal(c->result)) return CALL_PASS;
	if (call_read(c, call_arg(c, 1), data, n) < 0) return CALL_PASS;
	if (seed_check_write(s->seed, data, n) < 0) return CALL_PASS;
	return call_done(c, accept_value(c, s, data, n));
}

static enum call_verdict write_at(struct call *c, uint64_t offset)
{
	struct special *s = mine(c);
	char data[WRITE_MAX];
	size_t n = call_arg(c, 2);

	if (!s) return CALL_PASS;
	if (s->opath) return call_done(c, -EBADF);
	if (s->real) return call_then(c, real_written);
	if (!s->seed || s->fd < 0) return CALL_PASS;
	if (!n) return call_done(c, 0);
	if (n > sizeof data) return call_done(c, -EINVAL);
	if (call_read(c, call_arg(c, 1), data, n) < 0) return call_done(c, -EFAULT);
	/* with kernel.sysctl_writes_strict=1, data that is not at the start is ignored */
	if (offset) return call_done(c, (long)n);
	return call_done(c, accept_value(c, s, data, n));
}

enum call_verdict write_enter(struct call *c)
{
	return write_at(c, 0);
}

enum call_verdict pwrite_enter(struct call *c)
{
	return write_at(c, call_arg(c, 3));
}

enum call_verdict writev_enter(struct call *c)
{
	struct special *s = mine(c);
	struct iovec v[16];
	char data[WRITE_MAX];
	size_t n = 0, count = call_arg(c, 2);

	if (s && s->opath) return call_done(c, -EBADF);
	if (!s || s->real || !s->seed || s->fd < 0) return CALL_PASS;
	if (count > sizeof v / sizeof *v) return call_done(c, -EINVAL);
	if (call_read(c, call_arg(c, 1), v, count * sizeof *v) < 0) return call_done(c, -EFAULT);
	for (size_t i = 0; i < count; i++) {
		if (v[i].iov_len > sizeof data - n) return call_done(c, -EINVAL);
		if (call_read(c, (uint64_t)(uintptr_t)v[i].iov_base, data + n, v[i].iov_len) < 0)
			return call_done(c, -EFAULT);
		n += v[i].iov_len;
	}
	return call_done(c, n ? accept_value(c, s, data, n) : 0);
}

/* The descriptor that is written to is the argument that the rule calls buf. */
enum call_verdict copy_enter(struct call *c)
{
	const struct special *s = call_special(c, c->rule->buf);

	if (!s || !s->seed || s->real) return CALL_PASS;
	return call_done(c, s->opath ? -EBADF : -EINVAL);
}

enum call_verdict read_enter(struct call *c)
{
	const struct special *s = mine(c);

	if (!s || s->real) return CALL_PASS;
	if (s->opath) return call_done(c, -EBADF);
	return s->dir ? call_done(c, -EISDIR) : CALL_PASS;
}

enum call_verdict ftruncate_enter(struct call *c)
{
	const struct special *s = mine(c);

	if (!s || !s->seed || s->real) return CALL_PASS;
	return call_done(c, s->opath ? -EBADF : 0);
}

/* close, dup2, dup3, close_range: the last descriptor of a hot stand-in may be gone. */
enum call_verdict close_exit(struct call *c)
{
	special_rescan(&c->tr->view.specials, tracee_tgid(c->t));
	return CALL_PASS;
}

static enum call_verdict close_range_shorter(struct call *c)
{
	call_set_arg(c, 1, INT_MAX);
	call_count(c);
	return call_then(c, close_exit);
}

/* gVisor of 2022 takes the last descriptor as an int, and refuses "all" (UINT_MAX), which runc 1.2
 * asks for. No descriptor is higher than that int. */
enum call_verdict close_range_exit(struct call *c)
{
	bool all = (uint32_t)call_arg(c, 0) <= INT_MAX && (uint32_t)call_arg(c, 1) > INT_MAX;

	if (c->result == -EINVAL && c->tr->cfg.features & F_RUNC && all)
		return call_again(c, close_range_shorter);
	return close_exit(c);
}

/* runc gives pipes to the user of the container. Without that both ends work as before; only to
 * open them anew through /proc is not possible then. */
enum call_verdict fchown_exit(struct call *c)
{
	char what[32], name[64];

	snprintf(what, sizeof what, "fd/%d", (int)call_arg(c, 0));
	if (c->result != -EPERM || !tracee_link(c->t, what, name, sizeof name)) return CALL_PASS;
	if (strncmp(name, "pipe:", 5)) return CALL_PASS;
	call_count(c);
	return call_done(c, 0);
}

/* The descriptor's name in /proc in place of the empty path. */
static enum call_verdict fchownat_by_name(struct call *c)
{
	call_set_arg(c, 0, (uint64_t)AT_FDCWD);
	call_set_path(c, 1, call_state(c)->owner.name);
	call_set_arg(c, 4, 0);
	call_count(c);
	return call_then(c, call_pass);
}

/* runc 1.4 sets the owner of device files by descriptors that it opened with O_PATH. gVisor of 2022
 * refuses these. */
enum call_verdict fchownat_exit(struct call *c)
{
	char path[2], what[32], name[64];
	int fd = (int)call_arg(c, 0);

	if (c->result != -EBADF || !(call_arg(c, 4) & AT_EMPTY_PATH)) return CALL_PASS;
	snprintf(what, sizeof what, "fd/%d", fd);
	if (!tracee_link(c->t, what, name, sizeof name)) return CALL_PASS;
	if (call_string(c, 1, path, sizeof path) != 0 || !call_new_state(c)) return CALL_PASS;
	struct owner_state *o = &call_state(c)->owner;
	snprintf(o->name, sizeof o->name, "/proc/self/fd/%d", fd);
	return call_again(c, fchownat_by_name);
}

/* Is it the root of a procfs? That is the directory in which "self" lies. On Linux its inode number
 * is always 1 (PROC_ROOT_INO), which runc checks. */
static bool is_proc_root(struct call *c)
{
	char name[64];
	struct statfs fs;
	struct stat st;

	snprintf(name, sizeof name, "/proc/%d/fd/%d/self", (int)c->t->tid, (int)call_arg(c, 0));
	if (lstat(name, &st) < 0 || !S_ISLNK(st.st_mode)) return false;
	*strrchr(name, '/') = 0;
	return !statfs(name, &fs) && fs.f_type == PROC_SUPER_MAGIC;
}

static enum call_verdict fstat_real(struct call *c, struct stat *st)
{
	enum { PROC_ROOT_INO = 1 };

	if (!(c->tr->cfg.features & F_RUNC) || !S_ISDIR(st->st_mode)) return CALL_PASS;
	if (st->st_ino == PROC_ROOT_INO || !is_proc_root(c)) return CALL_PASS;
	st->st_ino = PROC_ROOT_INO;
	if (call_write(c, call_arg(c, 1), st, sizeof *st) == 0) call_count(c);
	return CALL_PASS;
}

enum call_verdict fstat_exit(struct call *c)
{
	const struct special *s = mine(c);
	struct stat st;

	if (c->result < 0 || (s && s->real)) return CALL_PASS;
	if (call_read(c, call_arg(c, 1), &st, sizeof st) < 0) return CALL_PASS;
	if (!s) return fstat_real(c, &st);
	st.st_dev = s->fs_dev;
	st.st_size = 0;
	if (s->dir) st.st_mode = S_IFDIR | 0555;
	call_write(c, call_arg(c, 1), &st, sizeof st);
	return CALL_PASS;
}

enum call_verdict lseek_exit(struct call *c)
{
	struct special *s = mine(c);
	if (s && s->dir && c->result >= 0) s->listed = false;
	return CALL_PASS;
}
