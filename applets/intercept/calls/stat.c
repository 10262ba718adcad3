/* stat, lstat, newfstatat, statx, access, faccessat(2), readlink(at), truncate. The kernel is asked
 * first; what it does not have is described from here, so nothing in the call needs changing. */
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/sysmacros.h>
#include <unistd.h>

#include "base/text.h"
#include "intercept/calls/handlers.h"
#include "intercept/trace/scratch.h"
#include "intercept/view/path.h"
#include "intercept/view/resolve.h"
#include "intercept/view/statx.h"
#include "intercept/view/virtual.h"

static enum verdict answered(struct call *c, long result)
{
	call_log(c, "%s: %ld", c->t->job->path, result);
	call_count(c);
	return call_done(c, result);
}

static enum verdict write_out(struct call *c, const void *p, size_t n)
{
	return answered(c, call_write(c, call_arg(c, c->rule->buf), p, n) < 0 ? -EFAULT : 0);
}

static bool not_mine(const struct call *c)
{
	const struct job *j = c->t->job;

	if (j->kind == JOB_MAP && c->t->root != ROOT_SAME && tracee_euid(c->t) != geteuid()) return true;
	return c->result != -ENOENT && !j->at_once
		&& !(c->result == -ENOTDIR && j->fd != AT_FDCWD && special_of_fd(c->tr, c->t, j->fd));
}

/* fstatat(fd, "") and statx(fd, "") of a stand-in. */
static enum verdict empty_path_exit(struct call *c)
{
	const struct special *s = special_of_fd(c->tr, c->t, (int)call_arg(c, 0));
	char x[STATX_BYTES];
	struct stat st;
	uint64_t buf = call_arg(c, c->rule->buf);
	unsigned type = s && s->dir ? S_IFDIR | 0555 : 0;

	if (!s || s->real || c->result < 0) return PASS;
	if (c->rule->nr == SYS_statx) {
		struct stat_mode { uint16_t v; } mode;
		if (call_read(c, buf, x, sizeof x) < 0) return PASS;
		memcpy(&mode, x + 28, sizeof mode);   /* stx_mode */
		struct statx_info i = { .dev_major = major(s->fs_dev), .dev_minor = minor(s->fs_dev),
			.mnt_id = s->mnt_id,
			.has_mnt_id = s->has_mnt_id, .mode = type ? type : mode.v, .nlink = s->dir ? 2 : 1 };
		statx_patch(x, &i);
		call_write(c, buf, x, sizeof x);
	} else if (call_read(c, buf, &st, sizeof st) == 0) {
		st.st_dev = s->fs_dev;
		st.st_size = 0;
		if (type) st.st_mode = type;
		call_write(c, buf, &st, sizeof st);
	}
	call_count(c);
	return PASS;
}

/* With --opens-only it is for the namespaces alone that anybody who looks is answered. */
static bool is_worth_a_look(const struct tracer *tr, const char *raw)
{
	return tr->features & F_STAT || strstr(raw, "ns/");
}

enum { GIVEN_UP = 1 };

static enum verdict at_target_exit(struct call *c)
{
	return answered(c, c->result);
}

/* A mapped file: the same call once more, with its own path. In another root, where that leads elsewhere, the handler answers, if
 * the tracee has no fewer rights than we. */
static enum verdict at_target(struct call *c)
{
	if (c->t->job->stage == GIVEN_UP) return PASS;
	if (tracee_root(c->tr, c->t) == ROOT_SAME) return scratch_call(c, c->rule->path, GIVEN_UP, at_target_exit);
	return c->rule->exit(c);
}

static bool goes_round(const struct call *c)
{
	return c->t->job->kind == JOB_MAP && !c->t->job->at_once && c->t->root == ROOT_SAME;
}

static enum verdict enter(struct call *c, bool nofollow)
{
	char raw[PATH_MAX];
	const struct rule *r = c->rule;

	if (c->t->job) return at_target(c);
	uint64_t flags = r->flags == RULE_NONE ? 0 : call_arg(c, r->flags);

	if (flags & AT_SYMLINK_NOFOLLOW) nofollow = true;
	ssize_t n = mem_string(&c->tr->mem, c->t->tid, call_arg(c, r->path), raw, sizeof raw);
	if (n == 0 && flags & AT_EMPTY_PATH)
		return special_of_fd(c->tr, c->t, (int)call_arg(c, r->dirfd)) ? call_exit(c, empty_path_exit) : PASS;
	if (n <= 0 || !is_worth_a_look(c->tr, raw)) return PASS;
	struct job found;
	job_init(&found, JOB_OTHER);
	found.fd = r->dirfd == RULE_NONE || *raw == '/' ? AT_FDCWD : (int)call_arg(c, r->dirfd);
	if (!resolve(c->tr, c->t, found.fd, raw, nofollow, &found) || found.kind == JOB_TABLE) return PASS;
	struct job *j = c->t->job = job_new(found.kind);
	if (!j) return PASS;
	*j = found;
	j->flags = nofollow ? AT_SYMLINK_NOFOLLOW : 0;
	if (!j->at_once || j->kind != JOB_MAP) return EXIT;
	return at_target(c);
}

enum verdict path_enter(struct call *c)
{
	return enter(c, false);
}

enum verdict path_nofollow_enter(struct call *c)
{
	return enter(c, true);
}

enum verdict stat_reply(struct call *c)
{
	struct job *j = c->t->job;
	struct stat st;

	if (not_mine(c)) return PASS;
	if (goes_round(c)) return AGAIN;
	if (j->kind == JOB_MAP) {
		if (fstatat(AT_FDCWD, j->target, &st, (int)j->flags) < 0) return answered(c, -errno);
	} else {
		virtual_stat(c->tr, c->t, j, &st);
	}
	return write_out(c, &st, sizeof st);
}

enum verdict statx_reply(struct call *c)
{
	struct job *j = c->t->job;
	char x[STATX_BYTES], proc[PATH_MAX];
	struct stat st;

	if (not_mine(c)) return PASS;
	if (goes_round(c)) return AGAIN;
	if (j->kind == JOB_MAP) {
		int r = statx_call(AT_FDCWD, j->target, (unsigned)j->flags, (unsigned)call_arg(c, 3), x);
		return r < 0 ? answered(c, r) : write_out(c, x, sizeof x);
	}
	virtual_stat(c->tr, c->t, j, &st);
	struct statx_info i = { .dev_major = major(st.st_dev), .dev_minor = minor(st.st_dev), .ino = st.st_ino,
		.mode = st.st_mode, .nlink = (uint32_t)st.st_nlink, .seconds = st.st_mtim.tv_sec };
	virtual_folder(c->tr, c->t, j->path, proc);
	i.has_mnt_id = statx_mount_id(proc, &i.mnt_id);
	statx_make(&i, x);
	return write_out(c, x, sizeof x);
}

enum verdict access_reply(struct call *c)
{
	struct job *j = c->t->job;
	int want = (int)call_arg(c, c->rule->path + 1);

	if (not_mine(c)) return PASS;
	if (goes_round(c)) return AGAIN;
	if (j->kind == JOB_MAP) return answered(c, access(j->target, want) < 0 ? -errno : 0);
	return answered(c, virtual_access(c->t, j, want));
}

enum verdict truncate_reply(struct call *c)
{
	struct job *j = c->t->job;

	if (not_mine(c)) return PASS;
	if (goes_round(c)) return AGAIN;
	if (j->kind == JOB_MAP) return answered(c, truncate(j->target, (off_t)call_arg(c, 1)) < 0 ? -errno : 0);
	/* A sysctl has no length to set; open(2) with O_TRUNC succeeds on it as well. */
	return answered(c, j->kind == JOB_SEED_DIR ? -EISDIR : virtual_access(c->t, j, W_OK));
}

static enum verdict reply_text(struct call *c, const char *text)
{
	size_t n = strlen(text), room = (size_t)call_arg(c, c->rule->buf + 1);

	if (n > room) n = room;
	if (call_write(c, call_arg(c, c->rule->buf), text, n) < 0) return call_done(c, -EFAULT);
	return call_done(c, (long)n);
}

enum verdict readlink_reply(struct call *c)
{
	struct job *j = c->t->job;
	char text[PATH_MAX];

	if (not_mine(c)) return PASS;
	if (goes_round(c)) return AGAIN;
	if (j->kind != JOB_MAP) return answered(c, -EINVAL);   /* it is there, and is no link */
	ssize_t n = readlink(j->target, text, sizeof text - 1);
	if (n < 0) return answered(c, -errno);
	text[n] = 0;
	return reply_text(c, text);
}

/* The descriptor that the path /proc/self/fd/N (however written) means, or -1. */
static int own_fd(struct call *c, const char *raw)
{
	char base[PATH_MAX] = "/", full[PATH_MAX];
	const struct rule *r = c->rule;
	int pid;
	unsigned fd;

	if (*raw != '/') {
		int dirfd = r->dirfd == RULE_NONE ? AT_FDCWD : (int)call_arg(c, r->dirfd);
		bool known = dirfd == AT_FDCWD ? tracee_link(c->t, "cwd", base, sizeof base)
			: resolve_fd(c->tr, c->t, dirfd, base);
		if (!known) return -1;
	}
	if (path_join(full, base, raw) < 0) return -1;
	const char *rest = path_proc(full, &pid);
	const char *end = rest && !strncmp(rest, "fd/", 3) ? text_unsigned(rest + 3, &fd) : NULL;
	if (!end || *end) return -1;
	return !pid || pid == c->t->tid || pid == tracee_tgid(c->t) || tracee_root(c->tr, c->t) == ROOT_OTHER
		? (int)fd : -1;
}

/* A mapped file's own name leads to the one it was asked by. */
static bool unmap(struct call *c, const char *link, char *out)
{
	for (size_t i = 0; i < c->tr->map_n; i++) {
		const char *rest = path_below(link, c->tr->maps[i].to);
		if (rest && path_join(out, c->tr->maps[i].from, rest) == 0) return true;
	}
	return false;
}

static enum verdict fd_name_exit(struct call *c)
{
	int fd = c->t->job->fd;
	const struct special *s = special_of_fd(c->tr, c->t, fd);
	char what[32], link[PATH_MAX], name[PATH_MAX];

	if (c->result < 0) return PASS;
	if (s) return reply_text(c, s->path);
	snprintf(what, sizeof what, "fd/%d", fd);
	if (!tracee_link(c->t, what, link, sizeof link) || !unmap(c, link, name)) return PASS;
	return reply_text(c, name);
}

enum verdict readlink_enter(struct call *c)
{
	char raw[PATH_MAX];

	if (c->t->job || (!c->tr->specials.n && !c->tr->map_n)) return enter(c, true);
	ssize_t n = mem_string(&c->tr->mem, c->t->tid, call_arg(c, c->rule->path), raw, sizeof raw);
	int fd = n > 0 ? own_fd(c, raw) : -1;
	if (n == 0 && c->rule->dirfd != RULE_NONE) fd = (int)call_arg(c, c->rule->dirfd);
	if (fd < 0) return enter(c, true);
	struct job *j = c->t->job = job_new(JOB_OTHER);
	if (!j) return PASS;
	j->fd = fd;
	return call_exit(c, fd_name_exit);
}
