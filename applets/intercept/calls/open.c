/* open, creat, openat, openat2. The kernel is asked first. Where it has no such file, the tracee
 * makes the call once more: as memfd_create(2), which needs no path and so works in any root, mount
 * and PID namespace, or, for a mapped file, with another path. Read from top to bottom, this is the
 * order in which the functions run. */
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <linux/magic.h>
#include <linux/memfd.h>
#include <linux/openat2.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/vfs.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/io.h"
#include "intercept/calls/call.h"
#include "intercept/calls/handlers.h"
#include "intercept/view/resolve.h"
#include "intercept/view/root.h"
#include "intercept/view/statx.h"

/* Begins (b) or ends (e) a round of the call. */
static call_handler kernel_answered;      /* e: has it no such file? */
static call_handler stand_in_begins;      /* b */
static call_handler target_opened;        /* e: a mapped file */
static call_handler memfd_made;           /* e: any other stand-in, to be filled */
static call_handler unfilled_begins;      /* b: no content, so it is closed again */
static call_handler unfilled_closed;      /* e */
static call_handler opened_in_watched;    /* e: no stand-in, but perhaps one opened anew */

static bool wants_write(uint64_t flags)
{
	return !(flags & O_PATH) && (flags & O_ACCMODE) != O_RDONLY;
}

static struct open_state *state(const struct call *c)
{
	return &call_state(c)->open;
}

/* ---- the call as the tracee made it ---- */

/* Does the kernel have no such seed? Only where the tracer's own view is the tracee's: same root,
 * and the same network namespace for what lies below net/. Not for openat2, which has rules of its
 * own for paths. Saves two stops. */
static bool is_missing_for_us(struct call *c, const struct stand_in *s)
{
	struct view *v = &c->tr->view;

	if (s->kind != STAND_IN_SEED || c->rule->nr == SYS_openat2) return false;
	if (root_of(v, c->t) != ROOT_SAME) return false;
	if (store_per_net(s->seed) && tracee_net_ns(c->t) != v->own.net) return false;
	return access(s->path, F_OK) < 0 && errno == ENOENT;
}

static enum call_verdict no_stand_in(struct call *c)
{
	const struct specials *s = &c->tr->view.specials;
	bool watched = s->hot_n && special_is_hot(s, tracee_tgid(c->t));
	return watched ? call_then(c, opened_in_watched) : CALL_PASS;
}

/* judged: the RESOLVE_ flags of openat2, for which the kernel may refuse a file that exists. */
static enum call_verdict open_with(struct call *c, int path, uint64_t flags, uint64_t mode,
	uint64_t judged)
{
	char raw[PATH_MAX];
	struct stand_in found;

	ssize_t n = call_string(c, path, raw, sizeof raw);
	if (n <= 0) return CALL_PASS;
	int start = call_path_start(c, raw);
	if (!resolve(&c->tr->view, c->t, start, raw, flags & O_NOFOLLOW, &found))
		return no_stand_in(c);
	if (!call_new_state(c)) return CALL_PASS;
	struct open_state *o = state(c);
	o->found = found;
	o->start = start;
	o->flags = flags;
	o->mode = mode;
	o->empty = call_arg(c, path) + (uint64_t)n;
	o->answer = -ENOENT;
	bool at_once = found.at_once && !(judged && found.kind == STAND_IN_MAP);
	if (at_once || is_missing_for_us(c, &found)) return stand_in_begins(c);
	return call_then(c, kernel_answered);
}

enum call_verdict open_enter(struct call *c)
{
	const struct syscall_rule *r = c->rule;
	return open_with(c, r->path, call_arg(c, r->flags), call_arg(c, r->flags + 1), 0);
}

enum call_verdict creat_enter(struct call *c)
{
	return open_with(c, c->rule->path, O_CREAT | O_WRONLY | O_TRUNC, call_arg(c, 1), 0);
}

/* A struct larger than this one may ask for what we cannot judge: the kernel's answer stands. So it
 * does with RESOLVE_IN_ROOT, by which even an absolute path starts at the descriptor. */
enum call_verdict openat2_enter(struct call *c)
{
	struct open_how how;

	if (call_arg(c, 3) != sizeof how) return CALL_PASS;
	if (call_read(c, call_arg(c, 2), &how, sizeof how) < 0) return CALL_PASS;
	if (how.resolve & RESOLVE_IN_ROOT) return CALL_PASS;
	return open_with(c, c->rule->path, how.flags, how.mode, how.resolve);
}

/* ---- the kernel's answer ---- */

/* With O_CREAT, procfs has other errors for files that it will not make. */
static bool is_missing(struct call *c, const struct open_state *o)
{
	switch (c->result) {
	case -ENOENT: return true;
	case -EACCES: case -EPERM: case -EROFS:
		/* Read-only /proc/sys, or a file that this kernel shows but does not let root
		 * set. */
		return wants_write(o->flags) && o->found.kind == STAND_IN_SEED
			&& !tracee_euid(c->t);
	case -ENOTDIR:   /* the directory is a stand-in itself */
		return o->start != AT_FDCWD && special_of_fd(&c->tr->view.specials, c->t, o->start);
	default: return false;
	}
}

/* The kernel has the file. If a write to it fails, the value will be kept here. */
static void watch_writes(struct call *c, const struct stand_in *f, int fd)
{
	struct specials *all = &c->tr->view.specials;
	char name[64];
	struct stat st;

	snprintf(name, sizeof name, "/proc/%d/fd/%d", (int)c->t->tid, fd);
	if (stat(name, &st) < 0) return;
	struct special s = { .dev = st.st_dev, .ino = st.st_ino, .seed = f->seed,
		.ns = tracee_net_ns(c->t), .fd = -1, .real = true };
	if (!special_by_id(all, s.dev, s.ino) && !special_add(all, &s, f->path)) return;
	call_watch_process(c);
}

static enum call_verdict kernel_answered(struct call *c)
{
	struct open_state *o = state(c);
	const struct stand_in *f = &o->found;

	if (c->result >= 0 && f->kind == STAND_IN_SEED && f->seed->need == SEED_FATAL
		&& wants_write(o->flags)) watch_writes(c, f, (int)c->result);
	if (!is_missing(c, o)) return CALL_PASS;
	o->answer = c->result;
	return call_again(c, stand_in_begins);
}

/* ---- the stand-in ---- */

/* The errors that open(2) has for such a file. */
static int refusal(const struct call *c, const struct open_state *o)
{
	bool dir = o->found.kind == STAND_IN_SEED_DIR;
	int acc = (int)(o->flags & O_ACCMODE);

	if (o->flags & O_CREAT && o->flags & O_EXCL) return -EEXIST;
	if (dir && (wants_write(o->flags) || o->flags & O_CREAT)) return -EISDIR;
	if (!dir && o->flags & O_DIRECTORY) return -ENOTDIR;
	if (o->flags & O_PATH) return 0;
	return stand_in_access(c->t, &o->found,
		(acc != O_WRONLY ? R_OK : 0) | (acc != O_RDONLY ? W_OK : 0));
}

/* The name of the memfd is the empty string at the end of the path: no new string is needed, and
 * none is too long. */
static enum call_verdict by_memfd(struct call *c)
{
	const struct open_state *o = state(c);

	call_set_nr(c, SYS_memfd_create);
	call_set_arg(c, 0, o->empty);
	call_set_arg(c, 1, MFD_ALLOW_SEALING | (o->flags & O_CLOEXEC ? MFD_CLOEXEC : 0));
	return call_then(c, memfd_made);
}

/* In another root the target cannot be named: a copy, which is made with the tracer's credentials,
 * so the tracee's must be the same. */
static enum call_verdict by_copy(struct call *c)
{
	const struct stand_in *f = &state(c)->found;
	struct stat st;

	if (tracee_euid(c->t) == geteuid() && stat(f->target, &st) == 0
		&& !S_ISDIR(st.st_mode) && !S_ISFIFO(st.st_mode)) return by_memfd(c);
	call_log(c, "%s: %s is out of reach in this root", f->path, f->target);
	return CALL_PASS;
}

/* openat2 becomes openat: its RESOLVE_ flags were for the kernel to judge, which it has done. */
static enum call_verdict by_path(struct call *c)
{
	struct open_state *o = state(c);

	if (root_of(&c->tr->view, c->t) != ROOT_SAME) return by_copy(c);
	if (c->rule->nr == SYS_openat2) {
		call_set_nr(c, SYS_openat);
		call_set_arg(c, 0, (uint64_t)AT_FDCWD);
		call_set_arg(c, 2, o->flags);
		call_set_arg(c, 3, o->mode);
	}
	call_set_path(c, c->rule->path, o->found.target);
	return call_then(c, target_opened);
}

static enum call_verdict stand_in_begins(struct call *c)
{
	const struct open_state *o = state(c);

	if (o->found.kind == STAND_IN_MAP) return by_path(c);
	int r = refusal(c, o);
	if (r == 0) return by_memfd(c);
	call_count(c);
	return call_done(c, r);
}

static enum call_verdict target_opened(struct call *c)
{
	const struct stand_in *f = &state(c)->found;

	call_log(c, "%s → %s: %ld", f->path, f->target, c->result);
	call_count(c);
	return CALL_PASS;
}

/* ---- a memfd becomes the stand-in ---- */

/* Another thread of the tracee may have put another file in the place of the memfd, one that the
 * tracee may not write to and the tracer may. So it is pinned and examined before it is opened. */
static int open_memfd(struct call *c, int fd, struct stat *st)
{
	char name[64];

	snprintf(name, sizeof name, "/proc/%d/fd/%d", (int)c->t->tid, fd);
	_cleanup_close_ int pin = open(name, O_PATH | O_CLOEXEC);
	if (pin < 0 || fstat(pin, st) < 0) return -errno;
	if (!S_ISREG(st->st_mode) || st->st_size) return -EBADF;
	if (special_by_id(&c->tr->view.specials, st->st_dev, st->st_ino)) return -EBADF;
	snprintf(name, sizeof name, "/proc/self/fd/%d", pin);
	int own = open(name, O_RDWR | O_CLOEXEC);
	if (own < 0) return -errno;
	if (fcntl(own, F_GET_SEALS) == 0) return own;   /* EINVAL for every other file */
	close(own);
	return -EBADF;
}

/* Mount, device and file system type: those of the descriptor that the path started from, or of the
 * directory that the stand-in appears in. */
static void describe_place(struct call *c, struct special *s)
{
	const struct open_state *o = state(c);
	struct view *v = &c->tr->view;
	char name[PATH_MAX];
	struct statfs fs;
	struct stat st;

	const struct special *dir = o->start == AT_FDCWD ? NULL
		: special_of_fd(&v->specials, c->t, o->start);
	if (dir) {
		s->fs_type = dir->fs_type;
		s->fs_dev = dir->fs_dev;
		s->mnt_id = dir->mnt_id;
		s->has_mnt_id = dir->has_mnt_id;
		return;
	}
	if (o->start != AT_FDCWD)
		snprintf(name, sizeof name, "/proc/%d/fd/%d", (int)c->t->tid, o->start);
	else root_directory_above(v, c->t, o->found.path, name);
	s->fs_type = statfs(name, &fs) == 0 ? (uint64_t)fs.f_type : PROC_SUPER_MAGIC;
	if (stat(name, &st) == 0) s->fs_dev = st.st_dev;
	s->has_mnt_id = statx_mount_id(name, &s->mnt_id);
}

static bool is_hot(const struct open_state *o)
{
	enum stand_in_kind kind = o->found.kind;
	return kind == STAND_IN_SEED_DIR || o->flags & O_PATH
		|| (kind == STAND_IN_SEED && wants_write(o->flags));
}

/* Adds the memfd (own is our descriptor, which a hot stand-in keeps) to the table. */
static int remember(struct call *c, const struct stat *st, int *own)
{
	const struct open_state *o = state(c);
	const struct stand_in *f = &o->found;
	struct special s = { .dev = st->st_dev, .ino = st->st_ino, .seed = f->seed, .fd = -1,
		.dir = f->kind == STAND_IN_SEED_DIR, .opath = o->flags & O_PATH,
		.ns = f->seed ? tracee_net_ns(c->t) : 0,
		.is_ns = f->kind == STAND_IN_NS, .mnt_of = f->mnt_of };
	bool hot = is_hot(o);

	describe_place(c, &s);
	if (hot) {
		s.fd = *own;
		*own = -1;
	} else if (!wants_write(o->flags)) {
		fcntl(*own, F_ADD_SEALS, F_SEAL_WRITE | F_SEAL_GROW | F_SEAL_SHRINK | F_SEAL_SEAL);
	}
	if (!special_add(&c->tr->view.specials, &s, f->path)) return -ENOMEM;
	if (hot) call_watch_process(c);
	return 0;
}

/* fd is the memfd in the tracee. 0 or -errno. */
static int fill(struct call *c, int fd)
{
	const struct stand_in *f = &state(c)->found;
	_cleanup_buf_ struct buf content = {0};
	struct stat st;

	int r = stand_in_content(&c->tr->view, c->t, f, &content);
	if (r < 0) return r;
	_cleanup_close_ int own = open_memfd(c, fd, &st);
	if (own < 0) return own;
	r = io_write_fd(own, content.data, content.len);
	if (r < 0) return r;
	if (fchmod(own, stand_in_mode(f) & 07777) < 0 || fstat(own, &st) < 0) return -errno;
	return remember(c, &st, &own);
}

static enum call_verdict memfd_made(struct call *c)
{
	struct open_state *o = state(c);
	const char *path = o->found.path;

	if (c->result < 0) {
		call_log(c, "%s: memfd_create: %s", path, strerror((int)-c->result));
		return o->found.at_once ? call_again(c, call_pass) : call_done(c, o->answer);
	}
	int r = fill(c, (int)c->result);
	if (r == 0) {
		call_log(c, "%s → descriptor %ld", path, c->result);
		call_count(c);
		return call_done(c, c->result);
	}
	call_log(c, "%s → descriptor %ld, unfilled: %s", path, c->result, strerror(-r));
	o->unfilled = (int)c->result;
	o->answer = r;
	return call_again(c, unfilled_begins);
}

static enum call_verdict unfilled_begins(struct call *c)
{
	call_set_nr(c, SYS_close);
	call_set_arg(c, 0, (uint64_t)state(c)->unfilled);
	return call_then(c, unfilled_closed);
}

static enum call_verdict unfilled_closed(struct call *c)
{
	return call_done(c, state(c)->answer);
}

/* ---- processes that hold a hot stand-in ---- */

/* An O_PATH stand-in was opened anew through /proc/self/fd: from then on its inode may be read and
 * written. O_TRUNC has emptied it, which does not happen to a sysctl. */
static enum call_verdict opened_in_watched(struct call *c)
{
	struct view *v = &c->tr->view;
	struct special *s = c->result < 0 ? NULL
		: special_of_fd(&v->specials, c->t, (int)c->result);

	if (!s || s->real) return CALL_PASS;
	s->opath = false;
	if (s->seed) special_refresh(&v->specials, &v->store, s->seed, s->ns);
	return CALL_PASS;
}
