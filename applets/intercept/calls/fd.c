/* Calls on descriptors of stand-ins; seen only in processes that hold a hot one (special.h). */
#include <errno.h>
#include <limits.h>
#include <linux/magic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/uio.h>
#include <sys/vfs.h>
#include <unistd.h>

#include "intercept/calls/handlers.h"
#include "intercept/trace/job.h"
#include "intercept/trace/tracer.h"

enum { WRITE_MAX = 4096 };   /* longer ones are no sysctl values */

static struct special *mine(struct call *c)
{
	return special_of_fd(c->tr, c->t, (int)call_arg(c, 0));
}

/* Takes the value; the result for the tracee. */
static long accept_value(struct call *c, struct special *s, const char *data, size_t n)
{
	int r = store_write(&c->tr->store, s->seed, s->ns, data, n, s->real);
	call_log(c, "%s ← \"%.*s\": %s", s->path, (int)(n && data[n - 1] == '\n' ? n - 1 : n), data,
		r < 0 ? strerror(-r) : "kept");
	call_count(c);
	if (r < 0) return r;
	special_refresh(c->tr, s->seed, s->ns);
	return (long)n;
}

/* The kernel's own file: only a write that it refused although the value is a good one is taken over. */
static enum verdict refused(struct call *c)
{
	struct special *s = mine(c);
	char data[WRITE_MAX];
	size_t n = call_arg(c, 2) < sizeof data ? call_arg(c, 2) : sizeof data;

	if (!s || !s->seed || (c->result != -EIO && c->result != -EACCES && c->result != -EPERM
		&& c->result != -EROFS
		&& c->result != -EINVAL)) return PASS;
	if (call_read(c, call_arg(c, 1), data, n) < 0 || seed_check_write(s->seed, data, n) < 0) return PASS;
	return call_done(c, accept_value(c, s, data, n));
}

static enum verdict write_at(struct call *c, uint64_t offset)
{
	struct special *s = mine(c);
	char data[WRITE_MAX];
	size_t n = call_arg(c, 2);

	if (!s) return PASS;
	if (s->opath) return call_done(c, -EBADF);
	if (s->real) return call_exit(c, refused);
	if (!s->seed || s->fd < 0) return PASS;
	if (!n) return call_done(c, 0);
	if (n > sizeof data) return call_done(c, -EINVAL);
	if (call_read(c, call_arg(c, 1), data, n) < 0) return call_done(c, -EFAULT);
	/* kernel.sysctl_writes_strict=1 ignores what is not at the start */
	if (offset) return call_done(c, (long)n);
	return call_done(c, accept_value(c, s, data, n));
}

enum verdict write_enter(struct call *c)
{
	return write_at(c, 0);
}

enum verdict pwrite_enter(struct call *c)
{
	return write_at(c, call_arg(c, 3));
}

enum verdict writev_enter(struct call *c)
{
	struct special *s = mine(c);
	struct iovec v[16];
	char data[WRITE_MAX];
	size_t n = 0, count = call_arg(c, 2);

	if (s && s->opath) return call_done(c, -EBADF);
	if (!s || s->real || !s->seed || s->fd < 0) return PASS;
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

/* The row's buf says which argument is the descriptor that is written to. */
enum verdict copy_enter(struct call *c)
{
	const struct special *s = special_of_fd(c->tr, c->t, (int)call_arg(c, c->rule->buf));
	return s && s->seed && !s->real ? call_done(c, s->opath ? -EBADF : -EINVAL) : PASS;
}

enum verdict read_enter(struct call *c)
{
	const struct special *s = mine(c);

	if (!s || s->real) return PASS;
	return s->opath ? call_done(c, -EBADF) : s->dir ? call_done(c, -EISDIR) : PASS;
}

enum verdict ftruncate_enter(struct call *c)
{
	const struct special *s = mine(c);
	return s && s->seed && !s->real ? call_done(c, s->opath ? -EBADF : 0) : PASS;
}

/* close, dup2, dup3, close_range: one descriptor less, perhaps the last. */
enum verdict close_exit(struct call *c)
{
	special_rescan(c->tr, tracee_tgid(c->t));
	return PASS;
}

/* A pipe's owner decides who may open it anew, through /proc; its two ends work as before. */
enum verdict fchown_exit(struct call *c)
{
	char what[32], name[64];

	snprintf(what, sizeof what, "fd/%d", (int)call_arg(c, 0));
	if (c->result != -EPERM || !tracee_link(c->t, what, name, sizeof name) || strncmp(name, "pipe:", 5)) return PASS;
	call_count(c);
	return call_done(c, 0);
}

/* Linux guarantees that a procfs's root, and nothing else in it, is inode 1 (PROC_ROOT_INO). The root is where "self" lies. */
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

static enum verdict fstat_real(struct call *c, struct stat *st)
{
	enum { PROC_ROOT_INO = 1 };

	if (!(c->tr->features & F_RUNC) || !S_ISDIR(st->st_mode) || st->st_ino == PROC_ROOT_INO || !is_proc_root(c)) return PASS;
	st->st_ino = PROC_ROOT_INO;
	if (call_write(c, call_arg(c, 1), st, sizeof *st) == 0) call_count(c);
	return PASS;
}

enum verdict fstat_exit(struct call *c)
{
	const struct special *s = mine(c);
	struct stat st;

	if (c->result < 0 || (s && s->real) || call_read(c, call_arg(c, 1), &st, sizeof st) < 0) return PASS;
	if (!s) return fstat_real(c, &st);
	st.st_dev = s->fs_dev;
	st.st_size = 0;
	if (s->dir) st.st_mode = S_IFDIR | 0555;
	call_write(c, call_arg(c, 1), &st, sizeof st);
	return PASS;
}

enum verdict lseek_exit(struct call *c)
{
	struct special *s = mine(c);
	if (s && s->dir && c->result >= 0) s->listed = false;
	return PASS;
}
