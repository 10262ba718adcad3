/* What a path argument of a tracee means: follows it as the kernel would for the tracee, without
 * asking the tracee. Which stand-in a canonical path has is not known here (stand_in.c). */
#include "intercept/view/resolve.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/magic.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/vfs.h>
#include <time.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/io.h"
#include "base/mounts.h"
#include "base/path.h"
#include "base/text.h"
#include "intercept/trace/hash.h"
#include "intercept/view/path.h"
#include "intercept/view/root.h"

enum { PLAIN_MS = 1000, UNSERVED_MS = 10000, LINKS_MAX = 20 };

/* Both have PATH_MAX bytes. */
static void set_path(char *to, const char *from)
{
	memcpy(to, from, strlen(from) + 1);
}

static uint32_t now_ms(void)
{
	struct timespec ts;
	clock_gettime(CLOCK_MONOTONIC_COARSE, &ts);
	return (uint32_t)((uint64_t)ts.tv_sec * 1000 + (uint64_t)ts.tv_nsec / 1000000);
}

static uint64_t plain_key(const struct tracee *t, const char *path, bool nofollow)
{
	uint64_t h = hash_bytes(path, strlen(path), t->root_key + nofollow);
	return h ? h : 1;
}

static bool is_plain(const struct view *v, uint64_t key)
{
	const struct plain_path *p = &v->cache.plain[key % PLAIN_SLOTS];
	return p->hash == key && p->gen == v->cache.link_gen && (int32_t)(p->until - now_ms()) > 0;
}

static void set_plain(struct view *v, uint64_t key)
{
	v->cache.plain[key % PLAIN_SLOTS] = (struct plain_path){
		.hash = key, .gen = v->cache.link_gen, .until = now_ms() + PLAIN_MS,
	};
}

/* Names in a procfs that is not mounted anywhere (fsopen, fsmount) look like "/sys/net". */
static bool is_detached_proc(const struct tracee *t, int fd, const char *link)
{
	char what[32], name[64];
	struct statfs fs;

	if (strcmp(link, "/") && !path_below(link, "/sys") && path_below(link, "/proc"))
		return false;
	snprintf(what, sizeof what, "fd/%d", fd);
	tracee_proc(t, what, name, sizeof name);
	return !path_below(link, "/proc") && statfs(name, &fs) == 0
		&& fs.f_type == PROC_SUPER_MAGIC;
}

bool resolve_fd(struct view *v, struct tracee *t, int fd, char *out)
{
	char what[32], text[PATH_MAX];

	const struct special *s = special_of_fd(&v->specials, t, fd);
	if (s) {
		snprintf(out, PATH_MAX, "%s", s->path);
		return true;
	}
	snprintf(what, sizeof what, "fd/%d", fd);
	if (!tracee_link(t, what, text, sizeof text) || *text != '/') return false;
	if ((!strcmp(text, "/") || path_below(text, "/sys")) && is_detached_proc(t, fd, text))
		return path_join(out, "/proc", text + 1) == 0;
	snprintf(out, PATH_MAX, "%s", text);
	root_strip(v, t, out);
	return true;
}

static bool base_of(struct view *v, struct tracee *t, int dirfd, char *out)
{
	if (dirfd != AT_FDCWD) return resolve_fd(v, t, dirfd, out);
	if (!tracee_link(t, "cwd", out, PATH_MAX) || *out != '/') return false;
	root_strip(v, t, out);
	return true;
}

/* /proc/self and /proc/thread-self would mean the tracer: replaced by the number of the tracee.
 * Links in that directory are followed here, because numbers may differ in the PID namespace of the
 * tracee. False: nothing to do. */
static bool expand_self(struct view *v, struct tracee *t, const char *path, char *out)
{
	char link[PATH_MAX];
	int pid;
	unsigned fd;
	const char *rest = path_proc(path, &pid), *below;

	if (!rest || pid) return false;
	if ((below = path_below(rest, "root"))) return path_join(out, "/", below) == 0;
	if ((below = path_below(rest, "cwd")))
		return base_of(v, t, AT_FDCWD, link) && path_join(out, link, below) == 0;
	const char *end = !strncmp(rest, "fd/", 3) ? text_unsigned(rest + 3, &fd) : NULL;
	if (end && *end == '/')
		return resolve_fd(v, t, (int)fd, link) && path_join(out, link, end + 1) == 0;
	if (root_of(v, t) != ROOT_SAME) return false;
	pid = path_below(path, "/proc/self") ? tracee_tgid(t) : t->tid;
	snprintf(link, sizeof link, "/proc/%d", pid);
	return path_join(out, link, rest) == 0;
}

/* Moves the last component of cur to the front of tail; false if that would change the meaning. */
static bool shift_tail(char *cur, char *tail)
{
	char joined[PATH_MAX];
	char *slash = strrchr(cur, '/');

	if (!slash || slash == cur || !strcmp(slash + 1, "..")) return false;
	int n = snprintf(joined, sizeof joined, "%s%s%s", slash + 1, *tail ? "/" : "", tail);
	if (n >= PATH_MAX) return false;
	set_path(tail, joined);
	*slash = 0;
	while (slash > cur && slash[-1] == '/') *--slash = 0;
	return true;
}

/* If cur is a symlink whose target does not exist, replaces cur by that target. */
static bool follow_dangling(struct view *v, struct tracee *t, char *cur)
{
	char ours[PATH_MAX], link[PATH_MAX], next[PATH_MAX];

	if (root_name(v, t, cur, ours) < 0) return false;
	ssize_t n = readlink(ours, link, sizeof link - 1);
	if (n < 0) return false;
	link[n] = 0;
	const char *slash = strrchr(cur, '/');
	int len = *link == '/' ? snprintf(next, sizeof next, "%s", link)
		: snprintf(next, sizeof next, "%.*s/%s", (int)(slash - cur), cur, link);
	if (len >= PATH_MAX) return false;
	set_path(cur, next);
	return true;
}

/* One system call, where canonical() needs three. */
static bool is_link(struct view *v, struct tracee *t, const char *path)
{
	char ours[PATH_MAX], to[1];

	return root_name(v, t, path, ours) < 0 || readlink(ours, to, sizeof to) >= 0
		|| (errno != EINVAL && errno != ENOENT);
}

/* The name of what a descriptor of ours has open, as the tracee sees it, with tail behind it. */
static bool name_of(struct view *v, struct tracee *t, int fd, const char *tail, char *out)
{
	char proc[32], link[PATH_MAX];

	snprintf(proc, sizeof proc, "/proc/self/fd/%d", fd);
	ssize_t n = readlink(proc, link, sizeof link - 1);
	if (n <= 0) return false;
	link[n] = 0;
	root_strip(v, t, link);
	return path_join(out, link, tail) == 0;
}

/* The path as the kernel resolves it, with its links. What does not exist is kept as text (tail)
 * behind what does (cur). */
static bool canonical(struct view *v, struct tracee *t, const char *path, bool nofollow, char *out)
{
	char cur[PATH_MAX], tail[PATH_MAX], ours[PATH_MAX];
	int links = 0;

	*tail = 0;
	if (snprintf(cur, sizeof cur, "%s", path) >= PATH_MAX) return false;
	for (size_t n = strlen(cur); n > 1 && cur[n - 1] == '/'; n--) cur[n - 1] = 0;
	for (;;) {
		bool last = nofollow && !*tail;
		if (root_name(v, t, *cur ? cur : "/", ours) < 0) return false;
		_cleanup_close_ int fd = open(ours, O_PATH | O_CLOEXEC | (last ? O_NOFOLLOW : 0));
		if (fd >= 0) return name_of(v, t, fd, tail, out);
		if (errno != ENOENT) return false;
		if (!last && links++ < LINKS_MAX && follow_dangling(v, t, cur)) continue;
		if (!shift_tail(cur, tail)) return false;
	}
}

/* ---- file systems that a process serves ---- */

/* Reading the table takes milliseconds in gVisor, and each container has one of its own: that is
 * done often only once a tracee has mounted such a file system. */
static void find_served(struct view *v, struct tracee *t, struct served_mounts *s)
{
	_cleanup_mounts_ struct mounts m = {0};
	struct buf b = {0};
	char name[64];

	strv_free(&s->points);
	s->root = t->root_key;
	s->until = now_ms() + (v->cache.fuse_mounted ? PLAIN_MS : UNSERVED_MS);
	tracee_proc(t, "mountinfo", name, sizeof name);
	if (io_read(name, &b, 16 << 20) < 0) buf_free(&b);
	else mounts_parse(&m, b.data);
	for (size_t i = 0; i < m.n; i++)
		if (mounts_is_served(&m.v[i])) strv_add(&s->points, m.v[i].point);
}

/* Has the mount table changed? Where poll(2) does not tell, it is read when its time is over. */
static bool mounts_changed(struct view *v)
{
	int *fd = &v->cache.mount_events;

	if (*fd < 0) *fd = open("/proc/self/mountinfo", O_RDONLY | O_CLOEXEC);
	struct pollfd p = { .fd = *fd, .events = POLLPRI };
	return poll(&p, 1, 0) > 0 && p.revents & POLLPRI;
}

/* Is the path on a file system that a process serves (FUSE)? To look at it could mean to wait for a
 * tracee that waits for us, so there are no stand-ins. */
static bool is_served(struct view *v, struct tracee *t, const char *path)
{
	struct served_mounts *s = &v->cache.served[t->root_key % SERVED_ROOTS];
	bool stale = s->root != t->root_key || (int32_t)(s->until - now_ms()) <= 0;

	stale |= v->cache.fuse_mounted && t->root == ROOT_SAME && mounts_changed(v);
	if (stale) find_served(v, t, s);
	for (size_t i = 0; i < s->points.n; i++)
		if (path_below(path, s->points.v[i])) return true;
	return false;
}

/* ---- the whole path ---- */

bool resolve_text(struct view *v, struct tracee *t, int dirfd, const char *raw, char *full)
{
	size_t n = 0, len = strlen(raw);

	if (!len) return false;
	if (*raw != '/') {
		if (!base_of(v, t, dirfd, full)) return false;
		n = strlen(full);
		if (n + 1 >= PATH_MAX) return false;
		full[n++] = '/';
	}
	if (n + len >= PATH_MAX) return false;
	memcpy(full + n, raw, len + 1);
	return true;
}

/* /proc/self/fd/N itself, which would mean a descriptor of the tracer. */
static bool is_own_fd(const char *path, unsigned *fd)
{
	int pid;
	const char *rest = path_proc(path, &pid);

	if (!rest || pid || strncmp(rest, "fd/", 3)) return false;
	const char *end = text_unsigned(rest + 3, fd);
	return end && !*end;
}

bool resolve_path(struct view *v, struct tracee *t, int dirfd, const char *raw, char *out)
{
	char full[PATH_MAX], self[PATH_MAX], lexical[PATH_MAX];
	unsigned fd;

	if (!resolve_text(v, t, dirfd, raw, full) || path_join(lexical, "/", full) < 0)
		return false;
	if (is_own_fd(lexical, &fd)) return resolve_fd(v, t, (int)fd, out);
	for (int i = 0; i < LINKS_MAX && expand_self(v, t, lexical, self); i++) {
		set_path(lexical, self);
		set_path(full, self);
	}
	return canonical(v, t, full, false, out);
}

/* Below a map a file may appear in the target at any moment. */
static bool may_come(const struct view *v, const char *path)
{
	for (size_t i = 0; i < v->cfg.map_n; i++)
		if (path_below(path, v->cfg.maps[i].from)) return true;
	return false;
}

/* ".." behind a mapped directory: if the kernel has no such directory, the place that its name is
 * in. lexical: the whole path as text. */
static bool find_above_map(struct view *v, struct tracee *t, const char *full, const char *lexical,
	struct stand_in *s)
{
	char dir[PATH_MAX];
	const char *up = full;

	while ((up = strstr(up, "/..")) && up[3] && up[3] != '/') up++;
	if (!up || up - full >= PATH_MAX) return false;
	memcpy(dir, full, (size_t)(up - full));
	dir[up - full] = 0;
	if (path_join(s->path, "/", dir) < 0) return false;
	set_path(dir, s->path);
	if (!stand_in_find(v, t, dir, s) || s->kind != STAND_IN_MAP) return false;
	if (stand_in_find(v, t, lexical, s)) return true;
	s->kind = STAND_IN_MAP;
	s->at_once = false;
	set_path(s->path, lexical);
	return root_name(v, t, lexical, s->target) == 0;
}

/* Is the name at the end one that no stand-in has? Then the path leads to one only if it is a link
 * that is followed. runc opens each component of a path with O_NOFOLLOW, about a thousand for a
 * container. */
static bool is_other_name(const struct view *v, const char *raw)
{
	const char *name = path_name(raw);

	return *name && !path_is_dots(name) && !stand_in_may_be_named(v, name);
}

bool resolve(struct view *v, struct tracee *t, int dirfd, const char *raw, bool nofollow,
	struct stand_in *s)
{
	char full[PATH_MAX], lexical[PATH_MAX], self[PATH_MAX];
	int pid;

	bool other = is_other_name(v, raw);
	if (nofollow && other) return false;
	if (!resolve_text(v, t, dirfd, raw, full)) return false;
	root_of(v, t);
	uint64_t key = plain_key(t, full, nofollow);
	if (is_plain(v, key)) return false;

	if (path_join(lexical, "/", full) < 0) return false;
	/* /proc/self means another place for each process, and at another time. */
	bool own = path_proc(lexical, &pid) && !pid;
	for (int i = 0; i < LINKS_MAX && expand_self(v, t, lexical, self); i++) {
		if (stand_in_find(v, t, lexical, s)) return true;
		set_path(lexical, self);
		set_path(full, self);
	}
	/* Right as text, unless ".." follows a symlink. */
	if (!path_climbs(full) && stand_in_find(v, t, lexical, s)) return true;
	if (v->cfg.map_n && path_climbs(full) && find_above_map(v, t, full, lexical, s))
		return true;
	if (is_served(v, t, lexical)) return false;
	bool leads = !other || is_link(v, t, full);
	if (leads && canonical(v, t, full, nofollow, lexical) && stand_in_find(v, t, lexical, s))
		return true;
	if (!own && !may_come(v, lexical)) set_plain(v, key);
	return false;
}
