/* open, creat, openat, openat2. The kernel is asked first; where it has nothing, the same call is made
 * once more as memfd_create(2) (which needs no path, so it works in any root, mount and PID namespace)
 * or, for a map, with another path. */
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <linux/magic.h>
#include <linux/memfd.h>
#include <linux/openat2.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/vfs.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/io.h"
#include "intercept/calls/handlers.h"
#include "intercept/trace/scratch.h"
#include "intercept/view/path.h"
#include "intercept/view/resolve.h"
#include "intercept/view/statx.h"
#include "intercept/view/virtual.h"

enum stage { ASKED = 1, GIVEN_UP, UNFILLED };

static bool wants_write(uint64_t flags)
{
	return !(flags & O_PATH) && (flags & O_ACCMODE) != O_RDONLY;
}

/* Has the kernel no such file? With O_CREAT procfs says in its own ways that it will not make one. */
static bool is_missing(const struct call *c, const struct job *j)
{
	switch (c->result) {
	case -ENOENT: return true;
	case -EACCES: case -EPERM: case -EROFS:
		/* Read-only /proc/sys, or a file that this kernel shows but does not let root set. */
		return wants_write(j->flags) && j->kind == JOB_SEED && !tracee_euid(c->t);
	case -ENOTDIR: return j->fd != AT_FDCWD && c->tr->specials.n && special_of_fd(c->tr, c->t, j->fd);
	default: return false;
	}
}

/* What open(2) says of such a file before it opens it. */
static int refusal(const struct call *c, const struct job *j)
{
	bool dir = j->kind == JOB_SEED_DIR;

	if (j->flags & O_CREAT && j->flags & O_EXCL) return -EEXIST;
	if (dir && (wants_write(j->flags) || j->flags & O_CREAT)) return -EISDIR;
	if (!dir && j->flags & O_DIRECTORY) return -ENOTDIR;
	if (j->flags & O_PATH) return 0;
	int acc = (int)(j->flags & O_ACCMODE);
	return virtual_access(c->t, j, (acc != O_WRONLY ? R_OK : 0) | (acc != O_RDONLY ? W_OK : 0));
}

/* The mount, device and type of the folder that a stand-in pretends to lie in: the descriptor's that its
 * path started from, or procfs as the tracee sees it. */
static void describe_folder(struct call *c, const struct job *j, struct special *s)
{
	char name[PATH_MAX];
	struct statfs fs;
	struct stat st;

	const struct special *parent = j->fd == AT_FDCWD ? NULL : special_of_fd(c->tr, c->t, j->fd);
	if (parent) {
		s->fs_type = parent->fs_type;
		s->fs_dev = parent->fs_dev;
		s->mnt_id = parent->mnt_id;
		s->has_mnt_id = parent->has_mnt_id;
		return;
	}
	if (j->fd != AT_FDCWD) snprintf(name, sizeof name, "/proc/%d/fd/%d", (int)c->t->tid, j->fd);
	else virtual_folder(c->tr, c->t, j->path, name);
	s->fs_type = statfs(name, &fs) == 0 ? (uint64_t)fs.f_type : PROC_SUPER_MAGIC;
	if (stat(name, &st) == 0) s->fs_dev = st.st_dev;
	s->has_mnt_id = statx_mount_id(name, &s->mnt_id);
}

/* The memfd of the tracee that has just been made. Another thread may have put something else in its place, which the tracee may not
 * write to and we may: so it is pinned first, and looked at before it is opened. */
static int open_memfd(struct call *c, int fd, struct stat *st)
{
	char name[64];

	snprintf(name, sizeof name, "/proc/%d/fd/%d", (int)c->t->tid, fd);
	_cleanup_close_ int pin = open(name, O_PATH | O_CLOEXEC);
	if (pin < 0 || fstat(pin, st) < 0) return -errno;
	if (!S_ISREG(st->st_mode) || st->st_size || special_by_id(&c->tr->specials, st->st_dev, st->st_ino)) return -EBADF;
	snprintf(name, sizeof name, "/proc/self/fd/%d", pin);
	int own = open(name, O_RDWR | O_CLOEXEC);
	if (own < 0) return -errno;
	if (fcntl(own, F_GET_SEALS) == 0) return own;   /* EINVAL for every other file */
	close(own);
	return -EBADF;
}

/* fd is the memfd in the tracee: content, mode, and what must be known about it later. */
static int fill(struct call *c, int fd)
{
	struct job *j = c->t->job;
	_cleanup_buf_ struct buf content = {0};
	struct stat st;

	int r = virtual_content(c->tr, c->t, j, &content);
	if (r < 0) return r;
	_cleanup_close_ int own = open_memfd(c, fd, &st);
	if (own < 0) return own;
	r = io_write_fd(own, content.data, content.len);
	if (r < 0) return r;
	if (fchmod(own, virtual_mode(j) & 07777) < 0 || fstat(own, &st) < 0) return -errno;

	struct special s = { .dev = st.st_dev, .ino = st.st_ino, .seed = j->seed, .fd = -1,
		.dir = j->kind == JOB_SEED_DIR, .opath = j->flags & O_PATH };
	bool hot = s.dir || s.opath || (j->kind == JOB_SEED && wants_write(j->flags));
	describe_folder(c, j, &s);
	if (j->seed) s.ns = virtual_net_ns(c->t);
	s.is_ns = j->kind == JOB_NS;
	s.mnt_of = j->mnt_of;
	if (hot) {
		s.fd = own;
		own = -1;
	} else if (!wants_write(j->flags)) {
		fcntl(own, F_ADD_SEALS, F_SEAL_WRITE | F_SEAL_GROW | F_SEAL_SHRINK | F_SEAL_SEAL);
	}
	if (!special_add(&c->tr->specials, &s, j->path)) return -ENOMEM;
	if (hot) tracer_heat(c->tr, tracee_tgid(c->t));
	return 0;
}

static enum verdict memfd_made(struct call *c)
{
	struct job *j = c->t->job;

	if (c->result >= 0) {
		int r = fill(c, (int)c->result);
		call_log(c, "%s → descriptor %ld%s%s", j->path, c->result, r < 0 ? ", unfilled: " : "",
			r < 0 ? strerror(-r) : "");
		if (r < 0) {   /* once more, to close it */
			j->stage = UNFILLED;
			j->value = (uint64_t)c->result;
			j->error = r;
			return AGAIN;
		}
		call_count(c);
		return DONE;
	}
	call_log(c, "%s: memfd_create: %s", j->path, strerror((int)-c->result));
	if (j->at_once) {
		j->stage = GIVEN_UP;
		return AGAIN;
	}
	return call_done(c, j->error);
}

/* The name given to the memfd is the empty string at the path's own end: never a new string, never one
 * too long. */
static enum verdict by_memfd(struct call *c)
{
	struct job *j = c->t->job;

	call_set_nr(c, SYS_memfd_create);
	call_set_arg(c, 0, j->path_addr + j->path_len);
	call_set_arg(c, 1, MFD_ALLOW_SEALING | (j->flags & O_CLOEXEC ? MFD_CLOEXEC : 0));
	return call_exit(c, memfd_made);
}

static enum verdict mapped(struct call *c)
{
	call_log(c, "%s → %s: %ld", c->t->job->path, c->t->job->target, c->result);
	call_count(c);
	return PASS;
}

static enum verdict closed(struct call *c)
{
	return call_done(c, c->t->job->error);
}

static enum verdict by_path(struct call *c)
{
	struct job *j = c->t->job;
	struct stat st;

	if (tracee_root(c->tr, c->t) != ROOT_SAME) {
		/* A copy is made by our rights. */
		bool copies = tracee_euid(c->t) == geteuid() && stat(j->target, &st) == 0 && !S_ISDIR(st.st_mode) && !S_ISFIFO(st.st_mode);
		if (copies) return by_memfd(c);
		call_log(c, "%s: %s is out of reach in this root", j->path, j->target);
		return PASS;
	}
	uint64_t mode = j->value;
	enum verdict v = scratch_call(c, c->rule->path, GIVEN_UP, mapped);
	if (j->pool && v == EXIT && c->rule->nr == SYS_openat2) {   /* its RESOLVE_ flags were the kernel's to judge, and it has */
		call_set_nr(c, SYS_openat);
		call_set_arg(c, 0, (uint64_t)AT_FDCWD);
		call_set_arg(c, 2, j->flags);
		call_set_arg(c, 3, mode);
	}
	return v;
}

/* At an entry stop: the kernel has been asked, or need not be. */
static enum verdict stand_in(struct call *c)
{
	struct job *j = c->t->job;

	if (j->stage == GIVEN_UP) return PASS;
	if (j->stage == UNFILLED) {
		call_set_nr(c, SYS_close);
		call_set_arg(c, 0, j->value);
		return call_exit(c, closed);
	}
	if (j->kind == JOB_MAP) return by_path(c);
	int r = refusal(c, j);
	if (r < 0) {
		call_count(c);
		return call_done(c, r);
	}
	return by_memfd(c);
}

/* The kernel has the file. If a write to it should fail, the value is kept here: its descriptor is
 * watched. */
static void watch_writes(struct call *c, const struct job *j, int fd)
{
	char name[64];
	struct stat st;

	snprintf(name, sizeof name, "/proc/%d/fd/%d", (int)c->t->tid, fd);
	if (stat(name, &st) < 0) return;
	struct special s = { .dev = st.st_dev, .ino = st.st_ino, .seed = j->seed, .fd = -1, .real = true };
	s.ns = virtual_net_ns(c->t);
	if (!special_by_id(&c->tr->specials, s.dev, s.ino) && !special_add(&c->tr->specials, &s, j->path)) return;
	tracer_heat(c->tr, tracee_tgid(c->t));
}

static enum verdict asked(struct call *c)
{
	struct job *j = c->t->job;

	if (c->result >= 0 && j->kind == JOB_SEED && wants_write(j->flags) && j->seed->need == SEED_FATAL)
		watch_writes(c, j, (int)c->result);
	if (!is_missing(c, j)) return PASS;
	j->error = c->result;
	j->stage = ASKED;
	return AGAIN;
}

/* In a process that is watched: an O_PATH stand-in was opened anew through /proc/self/fd; from then on
 * its inode may be read and written. O_TRUNC has emptied it, which does not happen to a sysctl. */
static enum verdict reopened(struct call *c)
{
	struct special *s = c->result < 0 ? NULL : special_of_fd(c->tr, c->t, (int)c->result);

	if (s && !s->real) s->opath = false;
	if (s && !s->real && s->seed) special_refresh(c->tr, s->seed, s->ns);
	return PASS;
}

/* May we ask the kernel ourselves, and does it say that there is no such file? Only where our view is the tracee's: same root, same
 * network namespace for what lies below net/, and a call that has no rules of its own for paths. Saves two stops. */
static bool is_missing_for_us(struct call *c, const struct job *j)
{
	if (j->kind != JOB_SEED || c->rule->nr == SYS_openat2) return false;
	if (tracee_root(c->tr, c->t) != ROOT_SAME) return false;
	if (store_per_net(j->seed) && virtual_net_ns(c->t) != c->tr->own_net) return false;
	return access(j->path, F_OK) < 0 && errno == ENOENT;
}

/* judged: openat2's RESOLVE_ flags, by which the kernel may refuse what is there. */
static enum verdict open_with(struct call *c, int dirfd, int path, uint64_t flags, uint64_t mode, uint64_t judged)
{
	char raw[PATH_MAX];

	if (c->t->job) return stand_in(c);
	uint64_t addr = call_arg(c, path);
	ssize_t n = mem_string(&c->tr->mem, c->t->tid, addr, raw, sizeof raw);
	if (n <= 0) return PASS;
	struct job found;
	job_init(&found, JOB_OTHER);
	found.fd = dirfd == RULE_NONE || *raw == '/' ? AT_FDCWD : (int)call_arg(c, dirfd);
	if (!resolve(c->tr, c->t, found.fd, raw, flags & O_NOFOLLOW, &found))
		return c->tr->specials.hot_n && special_is_hot(&c->tr->specials, tracee_tgid(c->t))
			? call_exit(c, reopened) : PASS;
	struct job *j = c->t->job = job_new(found.kind);
	if (!j) return PASS;
	*j = found;
	j->flags = flags;
	j->value = mode;
	j->path_addr = addr;
	j->path_len = (size_t)n;
	j->error = -ENOENT;
	if (judged && j->kind == JOB_MAP) j->at_once = false;
	return j->at_once || is_missing_for_us(c, j) ? stand_in(c) : call_exit(c, asked);
}

enum verdict open_enter(struct call *c)
{
	const struct rule *r = c->rule;
	return open_with(c, r->dirfd, r->path, call_arg(c, r->flags), call_arg(c, r->flags + 1), 0);
}

enum verdict creat_enter(struct call *c)
{
	return open_with(c, RULE_NONE, 0, O_CREAT | O_WRONLY | O_TRUNC, call_arg(c, 1), 0);
}

/* A struct larger than we know may ask for what we cannot judge: the kernel's answer stands. */
enum verdict openat2_enter(struct call *c)
{
	struct open_how how;

	if (call_arg(c, 3) != sizeof how || call_read(c, call_arg(c, 2), &how, sizeof how) < 0) return PASS;
	/* Such a path starts at the descriptor, whatever it looks like. */
	if (how.resolve & RESOLVE_IN_ROOT) return PASS;
	return open_with(c, 0, 1, how.flags, how.mode, how.resolve);
}
