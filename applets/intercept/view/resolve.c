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
#include "base/text.h"
#include "intercept/trace/hash.h"
#include "intercept/view/path.h"
#include "intercept/view/virtual.h"

enum { PLAIN_MS = 1000, LINKS_MAX = 20 };

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

static bool is_plain(const struct tracer *tr, uint64_t key)
{
	size_t i = key % PLAIN_SLOTS;
	return tr->plain[i].hash == key && tr->plain[i].gen == tr->link_gen
		&& (int32_t)(tr->plain[i].until - now_ms()) > 0;
}

static void set_plain(struct tracer *tr, uint64_t key)
{
	size_t i = key % PLAIN_SLOTS;
	tr->plain[i].hash = key;
	tr->plain[i].gen = tr->link_gen;
	tr->plain[i].until = now_ms() + PLAIN_MS;
}

/* A link's text starts at our root; the tracee knows only what lies below its own. */
static void strip_root(struct tracer *tr, struct tracee *t, char *path)
{
	char root[PATH_MAX];

	if (tracee_root(tr, t) == ROOT_SAME || !tracee_link(t, "root", root, sizeof root)) return;
	if (!strcmp(root, "/")) return;
	const char *rest = path_below(path, root);
	if (!rest) return;
	size_t n = strlen(rest);
	memmove(path + 1, rest, n + 1);
	*path = '/';
}

/* A procfs that is mounted nowhere (fsopen, fsmount) has names like "/sys/net". */
static bool is_detached_proc(const struct tracee *t, int fd, const char *link)
{
	char what[32], name[64];
	struct statfs fs;

	if (strcmp(link, "/") && !path_below(link, "/sys") && path_below(link, "/proc")) return false;
	snprintf(what, sizeof what, "fd/%d", fd);
	tracee_proc(t, what, name, sizeof name);
	return !path_below(link, "/proc") && statfs(name, &fs) == 0 && fs.f_type == PROC_SUPER_MAGIC;
}

bool resolve_fd(struct tracer *tr, struct tracee *t, int fd, char *out)
{
	char what[32], text[PATH_MAX];

	const struct special *s = tr->specials.n ? special_of_fd(tr, t, fd) : NULL;
	if (s) {
		snprintf(out, PATH_MAX, "%s", s->path);
		return true;
	}
	snprintf(what, sizeof what, "fd/%d", fd);
	if (!tracee_link(t, what, text, sizeof text) || *text != '/') return false;
	if ((!strcmp(text, "/") || path_below(text, "/sys")) && is_detached_proc(t, fd, text))
		return path_join(out, "/proc", text + 1) == 0;
	snprintf(out, PATH_MAX, "%s", text);
	strip_root(tr, t, out);
	return true;
}

static bool base_of(struct tracer *tr, struct tracee *t, int dirfd, char *out)
{
	if (dirfd != AT_FDCWD) return resolve_fd(tr, t, dirfd, out);
	if (!tracee_link(t, "cwd", out, PATH_MAX) || *out != '/') return false;
	strip_root(tr, t, out);
	return true;
}

int resolve_for_us(struct tracer *tr, struct tracee *t, const char *path, char *out)
{
	int n = tracee_root(tr, t) == ROOT_SAME ? snprintf(out, PATH_MAX, "%s", path)
		: snprintf(out, PATH_MAX, "/proc/%d/root%s", (int)t->tid, path);
	return n < PATH_MAX ? 0 : -ENAMETOOLONG;
}

/* /proc/self and /proc/thread-self mean us when we ask: the tracee's number instead, and its own links
 * followed by hand, because its PID namespace may count otherwise. False: nothing to do. */
static bool expand_self(struct tracer *tr, struct tracee *t, const char *path, char *out)
{
	char link[PATH_MAX];
	int pid;
	unsigned fd;
	const char *rest = path_proc(path, &pid), *below;

	if (!rest || pid) return false;
	if ((below = path_below(rest, "root"))) return path_join(out, "/", below) == 0;
	if ((below = path_below(rest, "cwd")))
		return base_of(tr, t, AT_FDCWD, link) && path_join(out, link, below) == 0;
	const char *end = !strncmp(rest, "fd/", 3) ? text_unsigned(rest + 3, &fd) : NULL;
	if (end && *end == '/') return resolve_fd(tr, t, (int)fd, link) && path_join(out, link, end + 1) == 0;
	snprintf(link, sizeof link, "/proc/%d", (int)(path_below(path, "/proc/self") ? tracee_tgid(t) : t->tid));
	return tracee_root(tr, t) == ROOT_SAME && path_join(out, link, rest) == 0;
}

/* Moves cur's last component to the front of tail; false if that cannot be done literally. */
static bool shift_tail(char *cur, char *tail)
{
	char joined[PATH_MAX];
	char *slash = strrchr(cur, '/');

	if (!slash || slash == cur || !strcmp(slash + 1, "..")) return false;
	if (snprintf(joined, sizeof joined, "%s%s%s", slash + 1, *tail ? "/" : "", tail) >= PATH_MAX) return false;
	set_path(tail, joined);
	*slash = 0;
	while (slash > cur && slash[-1] == '/') *--slash = 0;
	return true;
}

/* cur is a symlink that leads to nothing: what it would lead to. */
static bool follow_dangling(struct tracer *tr, struct tracee *t, char *cur)
{
	char ours[PATH_MAX], link[PATH_MAX], next[PATH_MAX];

	if (resolve_for_us(tr, t, cur, ours) < 0) return false;
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

/* The path as the kernel resolves it, links and all; what does not exist is kept as text behind what
 * does. */
static bool canonical(struct tracer *tr, struct tracee *t, const char *path, bool nofollow, char *out)
{
	char cur[PATH_MAX], tail[PATH_MAX], ours[PATH_MAX], proc[32], link[PATH_MAX];
	int links = 0;

	*tail = 0;
	if (snprintf(cur, sizeof cur, "%s", path) >= PATH_MAX) return false;
	for (size_t n = strlen(cur); n > 1 && cur[n - 1] == '/'; n--) cur[n - 1] = 0;
	for (;;) {
		if (resolve_for_us(tr, t, *cur ? cur : "/", ours) < 0) return false;
		_cleanup_close_ int fd = open(ours, O_PATH | O_CLOEXEC | (nofollow && !*tail ? O_NOFOLLOW : 0));
		if (fd >= 0) {
			snprintf(proc, sizeof proc, "/proc/self/fd/%d", fd);
			ssize_t n = readlink(proc, link, sizeof link - 1);
			if (n <= 0) return false;
			link[n] = 0;
			strip_root(tr, t, link);
			return path_join(out, link, tail) == 0;
		}
		if (errno != ENOENT) return false;
		if (!(nofollow && !*tail) && links++ < LINKS_MAX && follow_dangling(tr, t, cur)) continue;
		if (!shift_tail(cur, tail)) return false;
	}
}

static void find_served(struct tracee *t, struct served *s)
{
	_cleanup_mounts_ struct mounts m = {0};
	struct buf b = {0};
	char name[64];

	strv_free(&s->points);
	s->root = t->root_key;
	s->until = now_ms() + PLAIN_MS;
	tracee_proc(t, "mountinfo", name, sizeof name);
	if (io_read(name, &b, 16 << 20) < 0) buf_free(&b);
	else mounts_parse(&m, b.data);
	for (size_t i = 0; i < m.n; i++)
		if (mount_is_served(&m.v[i])) strv_add(&s->points, m.v[i].point);
}

/* Has the mount table changed? Where that cannot be learned, it is read once a second. */
static bool mounts_changed(struct tracer *tr)
{
	struct pollfd p = { .fd = tr->mount_events, .events = POLLPRI };

	if (tr->mount_events < 0) p.fd = tr->mount_events = open("/proc/self/mountinfo", O_RDONLY | O_CLOEXEC);
	return poll(&p, 1, 0) > 0 && p.revents & POLLPRI;
}

/* May looking at this path mean to wait for a process that waits for us? Then it is none of ours. */
static bool is_served(struct tracer *tr, struct tracee *t, const char *path)
{
	struct served *s = &tr->served[t->root_key % SERVED_ROOTS];

	if (s->root != t->root_key || (int32_t)(s->until - now_ms()) <= 0 || (t->root == ROOT_SAME && mounts_changed(tr))) find_served(t, s);
	for (size_t i = 0; i < s->points.n; i++)
		if (path_within(path, s->points.v[i])) return true;
	return false;
}

/* base/raw as text. */
static bool whole(struct tracer *tr, struct tracee *t, int dirfd, const char *raw, char *full)
{
	size_t n = 0, len = strlen(raw);

	if (!len) return false;
	if (*raw != '/') {
		if (!base_of(tr, t, dirfd, full)) return false;
		n = strlen(full);
		if (n + 1 >= PATH_MAX) return false;
		full[n++] = '/';
	}
	if (n + len >= PATH_MAX) return false;
	memcpy(full + n, raw, len + 1);
	return true;
}

/* /proc/self/fd/N itself, which means ours when we ask. */
static bool is_own_fd(const char *path, unsigned *fd)
{
	int pid;
	const char *rest = path_proc(path, &pid);
	const char *end = rest && !pid && !strncmp(rest, "fd/", 3) ? text_unsigned(rest + 3, fd) : NULL;

	return end && !*end;
}

bool resolve_path(struct tracer *tr, struct tracee *t, int dirfd, const char *raw, char *out)
{
	char full[PATH_MAX], self[PATH_MAX], lexical[PATH_MAX];

	unsigned fd;

	if (!whole(tr, t, dirfd, raw, full) || path_join(lexical, "/", full) < 0) return false;
	if (is_own_fd(lexical, &fd)) return resolve_fd(tr, t, (int)fd, out);
	for (int i = 0; i < LINKS_MAX && expand_self(tr, t, lexical, self); i++) {
		set_path(lexical, self);
		set_path(full, self);
	}
	return canonical(tr, t, full, false, out);
}

/* Below a map a file may appear at any moment, at the other end. */
static bool may_come(const struct tracer *tr, const char *path)
{
	for (size_t i = 0; i < tr->map_n; i++)
		if (path_below(path, tr->maps[i].from)) return true;
	return false;
}

bool resolve(struct tracer *tr, struct tracee *t, int dirfd, const char *raw, bool nofollow, struct job *j)
{
	char full[PATH_MAX], lexical[PATH_MAX], self[PATH_MAX];

	if (!whole(tr, t, dirfd, raw, full)) return false;
	tracee_root(tr, t);
	uint64_t key = plain_key(t, full, nofollow);
	if (is_plain(tr, key)) return false;

	if (path_join(lexical, "/", full) < 0) return false;
	int pid;
	bool own = path_proc(lexical, &pid) && !pid;   /* means another place for each process, and at another time */
	for (int i = 0; i < LINKS_MAX && expand_self(tr, t, lexical, self); i++) {
		if (virtual_find(tr, t, lexical, j)) return true;
		set_path(lexical, self);
		set_path(full, self);
	}
	/* Literally right unless ".." follows a symlink. */
	if (!path_climbs(full) && virtual_find(tr, t, lexical, j)) return true;
	if (is_served(tr, t, lexical)) return false;
	if (canonical(tr, t, full, nofollow, lexical) && virtual_find(tr, t, lexical, j)) return true;
	if (!own && !may_come(tr, lexical)) set_plain(tr, key);
	return false;
}
