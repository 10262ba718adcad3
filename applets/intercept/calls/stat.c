/* stat, lstat, newfstatat, statx, access, faccessat(2), readlink(at), truncate, and the calls that
 * read extended attributes. The kernel is asked first; a file that it does not have is described
 * from here, so the call itself need not be changed. For a mapped file the tracee makes the call
 * once more with the other path. */
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/sysmacros.h>
#include <unistd.h>

#include "base/text.h"
#include "intercept/calls/call.h"
#include "intercept/calls/handlers.h"
#include "intercept/view/path.h"
#include "intercept/view/resolve.h"
#include "intercept/view/root.h"
#include "intercept/view/statx.h"

static struct path_state *state(const struct call *c)
{
	return &call_state(c)->path;
}

static enum call_verdict answered(struct call *c, long result)
{
	call_log(c, "%s: %ld", state(c)->found.path, result);
	call_count(c);
	return call_done(c, result);
}

static enum call_verdict write_out(struct call *c, const void *p, size_t n)
{
	return answered(c, call_write(c, call_arg(c, c->rule->buf), p, n) < 0 ? -EFAULT : 0);
}

/* ---- descriptors: an empty path ---- */

static void patch_statx(struct call *c, const struct special *s, uint64_t buf)
{
	char x[STATX_BYTES];

	if (call_read(c, buf, x, sizeof x) < 0) return;
	struct statx_info i = { .dev_major = major(s->fs_dev), .dev_minor = minor(s->fs_dev),
		.mnt_id = s->mnt_id, .has_mnt_id = s->has_mnt_id,
		.mode = s->dir ? S_IFDIR | 0555 : statx_mode(x), .nlink = s->dir ? 2 : 1 };
	statx_patch(x, &i);
	call_write(c, buf, x, sizeof x);
	call_count(c);
}

static void patch_stat(struct call *c, const struct special *s, uint64_t buf)
{
	struct stat st;

	if (call_read(c, buf, &st, sizeof st) < 0) return;
	st.st_dev = s->fs_dev;
	st.st_size = 0;
	if (s->dir) st.st_mode = S_IFDIR | 0555;
	call_write(c, buf, &st, sizeof st);
	call_count(c);
}

/* fstatat(fd, "") and statx(fd, "") of a stand-in. */
static enum call_verdict empty_path_exit(struct call *c)
{
	const struct special *s = call_special(c, c->rule->dirfd);
	uint64_t buf = call_arg(c, c->rule->buf);

	if (!s || s->real || c->result < 0) return CALL_PASS;
	if (c->rule->nr == SYS_statx) patch_statx(c, s, buf);
	else patch_stat(c, s, buf);
	return CALL_PASS;
}

/* ---- paths ---- */

/* With --opens-only, only the files of namespaces can be looked at. */
static bool is_worth_a_look(const struct tracer *tr, const char *raw)
{
	return tr->cfg.features & F_STAT || strstr(raw, "ns/");
}

static enum call_verdict target_answered(struct call *c)
{
	return answered(c, c->result);
}

/* A mapped file: the same call once more with its own path. In another root that leads elsewhere:
 * there the row's exit handler answers, if the tracee has no fewer credentials than the tracer. */
static enum call_verdict target_begins(struct call *c)
{
	if (root_of(&c->tr->view, c->t) != ROOT_SAME) return c->rule->exit(c);
	call_set_path(c, c->rule->path, state(c)->found.target);
	return call_then(c, target_answered);
}

static enum call_verdict enter(struct call *c, bool nofollow)
{
	char raw[PATH_MAX];
	const struct syscall_rule *r = c->rule;
	uint64_t flags = r->flags == RULE_NONE ? 0 : call_arg(c, r->flags);
	struct stand_in found;

	if (flags & AT_SYMLINK_NOFOLLOW) nofollow = true;
	ssize_t n = call_string(c, r->path, raw, sizeof raw);
	if (n == 0 && flags & AT_EMPTY_PATH)
		return call_special(c, r->dirfd) ? call_then(c, empty_path_exit) : CALL_PASS;
	if (n <= 0 || !is_worth_a_look(c->tr, raw)) return CALL_PASS;
	int start = call_path_start(c, raw);
	if (!resolve(&c->tr->view, c->t, start, raw, nofollow, &found)) return CALL_PASS;
	if (found.kind == STAND_IN_TABLE || !call_new_state(c)) return CALL_PASS;
	state(c)->found = found;
	state(c)->start = start;
	state(c)->nofollow = nofollow;
	if (found.kind == STAND_IN_MAP && found.at_once) return target_begins(c);
	return call_then(c, r->exit);
}

enum call_verdict path_enter(struct call *c)
{
	return enter(c, false);
}

enum call_verdict path_nofollow_enter(struct call *c)
{
	return enter(c, true);
}

/* ---- answers ---- */

/* Is the kernel's answer the right one? */
static bool stands(struct call *c)
{
	const struct path_state *p = state(c);

	if (p->found.kind == STAND_IN_MAP && c->t->root != ROOT_SAME
		&& tracee_euid(c->t) != geteuid())
		return true;
	if (c->result == -ENOENT || p->found.at_once) return false;
	return !(c->result == -ENOTDIR && p->start != AT_FDCWD
		&& special_of_fd(&c->tr->view.specials, c->t, p->start));
}

static bool goes_to_target(const struct call *c)
{
	const struct stand_in *f = &state(c)->found;
	return f->kind == STAND_IN_MAP && !f->at_once && c->t->root == ROOT_SAME;
}

static int at_flags(const struct call *c)
{
	return state(c)->nofollow ? AT_SYMLINK_NOFOLLOW : 0;
}

enum call_verdict stat_exit(struct call *c)
{
	const struct stand_in *f = &state(c)->found;
	struct stat st;

	if (stands(c)) return CALL_PASS;
	if (goes_to_target(c)) return call_again(c, target_begins);
	if (f->kind != STAND_IN_MAP) stand_in_stat(&c->tr->view, c->t, f, &st);
	else if (fstatat(AT_FDCWD, f->target, &st, at_flags(c)) < 0) return answered(c, -errno);
	return write_out(c, &st, sizeof st);
}

static void make_statx(struct call *c, char x[STATX_BYTES])
{
	const struct stand_in *f = &state(c)->found;
	struct view *v = &c->tr->view;
	char above[PATH_MAX];
	struct stat st;

	stand_in_stat(v, c->t, f, &st);
	struct statx_info i = { .dev_major = major(st.st_dev), .dev_minor = minor(st.st_dev),
		.ino = st.st_ino, .mode = st.st_mode, .nlink = (uint32_t)st.st_nlink,
		.seconds = st.st_mtim.tv_sec };
	root_directory_above(v, c->t, f->path, above);
	i.has_mnt_id = statx_mount_id(above, &i.mnt_id);
	statx_make(&i, x);
}

enum call_verdict statx_exit(struct call *c)
{
	const struct stand_in *f = &state(c)->found;
	char x[STATX_BYTES];

	if (stands(c)) return CALL_PASS;
	if (goes_to_target(c)) return call_again(c, target_begins);
	if (f->kind == STAND_IN_MAP) {
		unsigned mask = (unsigned)call_arg(c, 3);
		int r = statx_call(AT_FDCWD, f->target, (unsigned)at_flags(c), mask, x);
		return r < 0 ? answered(c, r) : write_out(c, x, sizeof x);
	}
	make_statx(c, x);
	return write_out(c, x, sizeof x);
}

enum call_verdict access_exit(struct call *c)
{
	const struct stand_in *f = &state(c)->found;
	int want = (int)call_arg(c, c->rule->path + 1);

	if (stands(c)) return CALL_PASS;
	if (goes_to_target(c)) return call_again(c, target_begins);
	if (f->kind != STAND_IN_MAP) return answered(c, stand_in_access(c->t, f, want));
	return answered(c, access(f->target, want) < 0 ? -errno : 0);
}

/* A stand-in has no extended attributes, and a mapped file in another root shows none. */
enum call_verdict xattr_exit(struct call *c)
{
	if (stands(c)) return CALL_PASS;
	return goes_to_target(c) ? call_again(c, target_begins) : answered(c, -EOPNOTSUPP);
}

/* A sysctl has no length to set; open(2) with O_TRUNC succeeds for it as well. */
enum call_verdict truncate_exit(struct call *c)
{
	const struct stand_in *f = &state(c)->found;

	if (stands(c)) return CALL_PASS;
	if (goes_to_target(c)) return call_again(c, target_begins);
	if (f->kind == STAND_IN_MAP)
		return answered(c, truncate(f->target, (off_t)call_arg(c, 1)) < 0 ? -errno : 0);
	if (f->kind == STAND_IN_SEED_DIR) return answered(c, -EISDIR);
	return answered(c, stand_in_access(c->t, f, W_OK));
}

/* ---- readlink ---- */

static enum call_verdict reply_text(struct call *c, const char *text)
{
	size_t n = strlen(text), size = (size_t)call_arg(c, c->rule->buf + 1);

	if (n > size) n = size;
	if (call_write(c, call_arg(c, c->rule->buf), text, n) < 0) return call_done(c, -EFAULT);
	return call_done(c, (long)n);
}

enum call_verdict readlink_exit(struct call *c)
{
	const struct stand_in *f = &state(c)->found;
	char text[PATH_MAX];

	if (stands(c)) return CALL_PASS;
	if (goes_to_target(c)) return call_again(c, target_begins);
	if (f->kind != STAND_IN_MAP) return answered(c, -EINVAL);   /* it exists, and is no link */
	ssize_t n = readlink(f->target, text, sizeof text - 1);
	if (n < 0) return answered(c, -errno);
	text[n] = 0;
	return reply_text(c, text);
}

/* The descriptor that a path means, if it is /proc/self/fd/N in any spelling; else -1. */
static int own_fd(struct call *c, const char *raw)
{
	char text[PATH_MAX], full[PATH_MAX];
	struct view *v = &c->tr->view;
	int pid;
	unsigned fd;

	if (!resolve_text(v, c->t, call_path_start(c, raw), raw, text)) return -1;
	if (path_join(full, "/", text) < 0) return -1;
	const char *rest = path_proc(full, &pid);
	const char *end = rest && !strncmp(rest, "fd/", 3) ? text_unsigned(rest + 3, &fd) : NULL;
	if (!end || *end) return -1;
	bool own = !pid || pid == c->t->tid || pid == tracee_tgid(c->t)
		|| root_of(v, c->t) == ROOT_OTHER;
	return own ? (int)fd : -1;
}

/* The name by which the tracee knows a mapped file. */
static bool unmap(struct call *c, const char *link, char *out)
{
	const struct view_config *cfg = &c->tr->view.cfg;

	for (size_t i = 0; i < cfg->map_n; i++) {
		const char *rest = path_below(link, cfg->maps[i].to);
		if (rest && path_join(out, cfg->maps[i].from, rest) == 0) return true;
	}
	return false;
}

static enum call_verdict fd_name_exit(struct call *c)
{
	int fd = call_state(c)->fd_name.fd;
	char what[32], link[PATH_MAX], name[PATH_MAX];

	if (c->result < 0) return CALL_PASS;
	const struct special *s = special_of_fd(&c->tr->view.specials, c->t, fd);
	if (s) return reply_text(c, s->path);
	snprintf(what, sizeof what, "fd/%d", fd);
	if (!tracee_link(c->t, what, link, sizeof link) || !unmap(c, link, name)) return CALL_PASS;
	return reply_text(c, name);
}

enum call_verdict readlink_enter(struct call *c)
{
	char raw[PATH_MAX];

	if (!c->tr->view.specials.n && !c->tr->view.cfg.map_n) return enter(c, true);
	ssize_t n = call_string(c, c->rule->path, raw, sizeof raw);
	int fd = n > 0 ? own_fd(c, raw) : -1;
	if (n == 0 && c->rule->dirfd != RULE_NONE) fd = (int)call_arg(c, c->rule->dirfd);
	if (fd < 0) return enter(c, true);
	if (!call_new_state(c)) return CALL_PASS;
	call_state(c)->fd_name.fd = fd;
	return call_then(c, fd_name_exit);
}
