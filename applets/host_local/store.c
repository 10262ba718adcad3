#include "store.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "boot.h"
#include "cleanup.h"
#include "die.h"
#include "io.h"
#include "utf8.h"

#define DEFAULT_DIR "/var/lib/cni/networks"
#define LAST_PREFIX "last_reserved_ip."
/* A lease before it gets its name; there is one at most, and who holds the lock owns it. */
#define TEMP ".k3sbox-lease"

/* ---- opening ---- */

/* filepath.Join(dir, name): what messages show. */
static int join_clean(char *out, size_t size, const char *dir, const char *name)
{
	size_t len = 0;
	bool rooted = *dir == '/';
	unsigned depth = 0;
	const char *parts[] = { dir, name };

	if (strlen(dir) + strlen(name) + 3 > size) return -1;
	if (rooted) out[len++] = '/';
	for (int i = 0; i < 2; i++) {
		for (const char *p = parts[i]; *p; p += strspn(p, "/")) {
			size_t n = strcspn(p, "/");
			bool up = n == 2 && !memcmp(p, "..", 2);
			if (up && depth) {
				while (len > rooted && out[len - 1] != '/') len--;
				if (len > rooted) len--;
				depth--;
			} else if (n && !(n == 1 && *p == '.') && !(up && rooted)) {
				if (len > rooted) out[len++] = '/';
				memcpy(out + len, p, n);
				len += n;
				depth += !up;
			}
			p += n;
		}
	}
	if (!len) out[len++] = '.';
	out[len] = 0;
	return 0;
}

/* os.MkdirAll, naming the folder that failed. */
static int make_dirs(struct cni *c, const char *path)
{
	char part[PATH_MAX];
	size_t len = strlen(path);
	struct stat st;

	memcpy(part, path, len + 1);
	for (char *p = part + 1;; p++) {
		if (*p && *p != '/') continue;
		char was = *p;
		*p = 0;
		if (mkdir(part, 0755) < 0) {
			int err = errno;
			if (stat(part, &st) < 0) return cni_fail_path(c, "mkdir", part, err);
			if (!S_ISDIR(st.st_mode)) return cni_fail_path(c, "mkdir", part, ENOTDIR);
		}
		*p = was;
		if (!was) return 0;
	}
}

static int open_dir(struct hl_store *s)
{
	int flags = O_RDONLY | O_DIRECTORY | O_CLOEXEC;

	s->dir = open(s->path, flags);
	if (s->dir >= 0) return 0;
	if (make_dirs(s->c, s->path) < 0) return -1;
	s->dir = open(s->path, flags);
	return s->dir < 0 ? cni_fail_path(s->c, "stat", s->path, errno) : 0;
}

static int open_lock(struct hl_store *s)
{
	char scratch[128];

	/* Writable for the boot's name in it; nothing else needs that. */
	s->lock = -1;
	if (s->c->compat == CNI_BETTER) s->lock = openat(s->dir, "lock", O_RDWR | O_CREAT | O_CLOEXEC, 0750);
	if (s->lock < 0) s->lock = openat(s->dir, "lock", O_RDONLY | O_CREAT | O_CLOEXEC, 0750);
	if (s->lock < 0) return cni_fail(s->c, CNI_INTERNAL, "%s", go_strerror(errno, scratch, sizeof scratch));
	/* A file system without locks gets none from upstream either; exclusive creation still keeps addresses apart. */
	while (flock(s->lock, LOCK_EX) < 0 && errno == EINTR) ;
	return 0;
}

int hl_store_open(struct cni *c, const struct hl_conf *conf, struct hl_store *s)
{
	*s = (struct hl_store){ .c = c, .dir = -1, .lock = -1, .index.fd = -1 };
	const char *data = *conf->data_dir ? conf->data_dir : DEFAULT_DIR;
	if (join_clean(s->path, sizeof s->path, data, conf->name.s) < 0) return cni_fail_path(c, "mkdir", data, ENAMETOOLONG);
	if (open_dir(s) < 0 || open_lock(s) < 0) return -1;
	if (c->compat == CNI_BETTER) {
		uint64_t boot = hl_boot_settle(s);
		s->scanned = hl_index_open(&s->index, s->dir, boot) && !s->changed;
	}
	return 0;
}

void hl_store_close(struct hl_store *s)
{
	if (s->scanned && (s->changed || s->index.dirty != SIZE_MAX)) hl_index_commit(&s->index, s->dir);
	hl_index_close(&s->index);
	if (s->lock >= 0) close(s->lock);
	if (s->dir >= 0) close(s->dir);
}

/* ---- reading ---- */

/* strings.TrimSpace */
static struct str trim(struct str s)
{
	static const char *const spaces[] = { " ", "\t", "\n", "\v", "\f", "\r", "\xc2\x85", "\xc2\xa0", "\xe1\x9a\x80",
		"\xe2\x80\xa8", "\xe2\x80\xa9", "\xe2\x80\xaf", "\xe2\x81\x9f", "\xe3\x80\x80", "\xe2\x80\x80", "\xe2\x80\x81",
		"\xe2\x80\x82", "\xe2\x80\x83", "\xe2\x80\x84", "\xe2\x80\x85", "\xe2\x80\x86", "\xe2\x80\x87", "\xe2\x80\x88",
		"\xe2\x80\x89", "\xe2\x80\x8a" };

	for (size_t i = 0; i < sizeof spaces / sizeof *spaces;) {
		size_t n = strlen(spaces[i]);
		if (s.n >= n && !memcmp(s.s, spaces[i], n)) s.s += n;
		else if (s.n < n || memcmp(s.s + s.n - n, spaces[i], n)) {
			i++;
			continue;
		}
		s.n -= n;
		i = 0;
	}
	return s;
}

/* Content of a file in a folder, trimmed; .s is NULL if it cannot be had. Names that would block or do harm are not opened. */
static struct str read_at(int dir, const char *name, struct buf *b)
{
	enum { BIGGEST = 1 << 20, CHUNK = 4096 };

	buf_reset(b);
	_cleanup_close_ int fd = openat(dir, name, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);
	char *to = fd < 0 ? NULL : buf_reserve(b, CHUNK);
	if (!to) return (struct str){0};
	ssize_t n = read(fd, to, CHUNK);
	if (n < 0) return (struct str){0};
	b->len = (size_t)n;
	/* A short read of a file is its end. */
	if (n == CHUNK && io_read_fd(fd, b, BIGGEST) < 0) return (struct str){0};
	return trim((struct str){ b->data, b->len });
}

struct walk {
	hl_visit *fn;
	void *arg;
	struct buf content;
};

static void walk_dir(struct walk *w, int fd, const char *prefix, int depth)
{
	enum { DEEPEST = 32 };

	_cleanup_closedir_ DIR *d = fdopendir(fd);
	if (!d) {
		close(fd);
		return;
	}
	for (struct dirent *e; (e = readdir(d));) {
		char path[PATH_MAX];
		struct stat st;
		if (!strcmp(e->d_name, ".") || !strcmp(e->d_name, "..")) continue;
		if (snprintf(path, sizeof path, "%s%s", prefix, e->d_name) >= (int)sizeof path - 1) continue;
		unsigned char type = e->d_type;
		if (type == DT_UNKNOWN && !fstatat(dirfd(d), e->d_name, &st, AT_SYMLINK_NOFOLLOW))
			type = S_ISDIR(st.st_mode) ? DT_DIR : S_ISLNK(st.st_mode) ? DT_LNK : S_ISREG(st.st_mode) ? DT_REG : DT_UNKNOWN;
		if (type == DT_DIR) {
			int sub = depth < DEEPEST ? openat(dirfd(d), e->d_name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC) : -1;
			strcat(path, "/");
			w->fn(w->arg, path, (struct str){0}, false);
			if (sub >= 0) walk_dir(w, sub, path, depth + 1);
			continue;
		}
		struct str content = type == DT_REG || type == DT_LNK ? read_at(dirfd(d), e->d_name, &w->content) : (struct str){0};
		w->fn(w->arg, path, content, type == DT_REG && !depth);
	}
}

void hl_store_walk(struct hl_store *s, hl_visit *fn, void *arg)
{
	struct walk w = { .fn = fn, .arg = arg };
	int fd = openat(s->dir, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);

	if (fd >= 0) walk_dir(&w, fd, "", 0);
	buf_free(&w.content);
}

/* ---- whose is it ---- */

/* What a lease of this attachment holds. */
static struct str owner(struct cni *c)
{
	struct str s = { arena_printf(&c->arena, "%s\r\n%s", c->id, c->ifname), 0 };
	s.n = strlen(s.s);
	return s;
}

static bool same(struct str a, struct str b)
{
	return a.s && a.n == b.n && !memcmp(a.s, b.s, a.n);
}

static struct ip ip_of(const char *path)
{
	const char *base = strrchr(path, '/');
	struct ip a;

	base = base ? base + 1 : path;
	ip_parse(&a, base, strlen(base));
	return a;
}

static void add_lease(struct hl_store *s, struct hl_leases *l, const char *name)
{
	if ((l->n & (l->n - 1)) == 0) {
		struct hl_lease *v = arena_alloc(&s->c->arena, (l->n ? l->n * 2 : 1) * sizeof *v);
		if (l->n) memcpy(v, l->v, l->n * sizeof *v);
		l->v = v;
	}
	l->v[l->n++] = (struct hl_lease){ arena_copy(&s->c->arena, name, strlen(name)), ip_of(name) };
}

struct scan {
	struct hl_store *s;
	struct str exact_owner, old_owner;
	struct hl_leases *exact, *old;
	bool odd;            /* the store has something that the index cannot say */
};

/* Is it a lease as both plugins write them? */
static bool is_lease_name(const char *name, struct ip *a)
{
	char text[IP_TEXT];

	if (!ip_parse(a, name, strlen(name))) return false;
	ip_format(a, text);
	return !strcmp(name, text);
}

static void visit(void *arg, const char *path, struct str content, bool plain)
{
	struct scan *scan = arg;
	struct hl_store *s = scan->s;
	struct ip a;

	if (same(content, scan->exact_owner)) add_lease(s, scan->exact, path);
	if (same(content, scan->old_owner)) add_lease(s, scan->old, path);
	if (s->c->compat != CNI_BETTER) return;
	if (plain && is_lease_name(path, &a)) {
		if (!content.s) scan->odd = true;
		/* Who wrote it was killed between making it and filling it in: nobody has this address. */
		else if (!content.n) hl_store_remove(s, path);
		else hl_index_add(&s->index, hl_index_hash(content.s, content.n), &a);
	} else if (plain && !strcmp(path, TEMP)) {
		hl_store_remove(s, path);
	} else if (!plain || (strcmp(path, "lock") && strncmp(path, LAST_PREFIX, strlen(LAST_PREFIX)))) {
		scan->odd = true;
	}
}

/* filepath.Walk goes through folders in the order of names: by components. */
static int by_path(const void *a_, const void *b_)
{
	const char *a = ((const struct hl_lease *)a_)->name, *b = ((const struct hl_lease *)b_)->name;

	while (*a && *a == *b) a++, b++;
	int x = *a == '/' ? 1 : (unsigned char)*a + (*a != 0), y = *b == '/' ? 1 : (unsigned char)*b + (*b != 0);
	return x - y;
}

static void find_by_scan(struct hl_store *s, struct str exact_owner, struct hl_leases *exact, struct hl_leases *old)
{
	struct scan scan = { s, exact_owner, { s->c->id, strlen(s->c->id) }, exact, old, false };

	hl_index_clear(&s->index);
	hl_store_walk(s, visit, &scan);
	if (exact->n) qsort(exact->v, exact->n, sizeof *exact->v, by_path);
	if (old->n) qsort(old->v, old->n, sizeof *old->v, by_path);
	s->scanned = s->c->compat == CNI_BETTER && !scan.odd;
}

/* Adds what the index has for the owner. False if a lease does not say what the index says. */
static bool look_up(struct hl_store *s, struct str who, struct hl_leases *out)
{
	uint64_t hash = hl_index_hash(who.s, who.n);
	_cleanup_buf_ struct buf b = {0};

	for (size_t i = 0; i < s->index.n; i++) {
		char name[IP_TEXT];
		if (s->index.v[i].owner != hash) continue;
		ip_format(&s->index.v[i].ip, name);
		if (!same(read_at(s->dir, name, &b), who)) return false;
		add_lease(s, out, name);
	}
	if (out->n) qsort(out->v, out->n, sizeof *out->v, by_path);
	return true;
}

void hl_store_find(struct hl_store *s, struct hl_leases *exact, struct hl_leases *old)
{
	struct str who = owner(s->c), id = { s->c->id, strlen(s->c->id) };
	struct ip a;

	/* An ID that reads like an address is also what last_reserved_ip.N may hold, and that changes behind the index's back. */
	*exact = *old = (struct hl_leases){0};
	if (s->scanned && !ip_parse(&a, id.s, id.n) && look_up(s, who, exact) && look_up(s, id, old)) return;
	*exact = *old = (struct hl_leases){0};
	find_by_scan(s, who, exact, old);
}

bool hl_store_taken(struct hl_store *s, const struct ip *a)
{
	char name[IP_TEXT];
	struct stat st;

	ip_format(a, name);
	return !fstatat(s->dir, name, &st, AT_SYMLINK_NOFOLLOW);
}

struct ip hl_store_last(struct hl_store *s, size_t set)
{
	char name[sizeof LAST_PREFIX + 24], text[IP_TEXT];
	struct ip a = {0};

	snprintf(name, sizeof name, LAST_PREFIX "%zu", set);
	_cleanup_close_ int fd = openat(s->dir, name, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);
	ssize_t n = fd < 0 ? -1 : read(fd, text, sizeof text);
	if (n > 0) ip_parse(&a, text, (size_t)n);
	return a;
}

/* ---- writing ---- */

static int fail_at(struct hl_store *s, const char *op, const char *name, int err)
{
	_cleanup_free_ char *path = xasprintf("%s/%s", s->path, name);
	return cni_fail_path(s->c, op, path, err);
}

static mode_t lease_mode(const struct cni *c)
{
	return c->compat == CNI_111 ? 0644 : 0600;
}

/* The file with its content, or no file. */
static int write_new(struct hl_store *s, const char *name, int flags, const char *shown, struct str content)
{
	int fd = openat(s->dir, name, O_RDWR | O_CREAT | O_NOFOLLOW | O_CLOEXEC | flags, lease_mode(s->c));
	if (fd < 0) return errno == EEXIST ? 0 : fail_at(s, "open", shown, errno);
	s->changed = true;
	int r = io_write_fd(fd, content.s, content.n);
	if (close(fd) < 0 && !r) r = -errno;
	if (!r) return 1;
	unlinkat(s->dir, name, 0);
	return fail_at(s, "write", shown, -r);
}

/* Renames unless the new name is there. Under the lock, and with the other plugin honouring it, a look first is as good where
 * the kernel has no such call. */
static int rename_new(int dir, const char *from, const char *to)
{
	enum { NOREPLACE = 1 };
	struct stat st;

	if (!syscall(SYS_renameat2, dir, from, dir, to, NOREPLACE)) return 0;
	if (errno != ENOSYS && errno != EINVAL) return -errno;
	if (!fstatat(dir, to, &st, AT_SYMLINK_NOFOLLOW)) return -EEXIST;
	return renameat(dir, from, dir, to) < 0 ? -errno : 0;
}

/* Complete under another name first: who dies on the way leaves no lease, instead of one without an owner. */
static int write_lease(struct hl_store *s, const char *name, struct str content)
{
	if (s->c->compat != CNI_BETTER) return write_new(s, name, O_EXCL, name, content);
	int r = write_new(s, TEMP, O_TRUNC, name, content);
	if (r != 1) return r;
	r = rename_new(s->dir, TEMP, name);
	if (!r) return 1;
	unlinkat(s->dir, TEMP, 0);
	return r == -EEXIST ? 0 : fail_at(s, "rename", name, -r);
}

static int write_last(struct hl_store *s, size_t set, const char *text)
{
	char name[sizeof LAST_PREFIX + 24];
	size_t len = strlen(text);
	struct stat st;

	snprintf(name, sizeof name, LAST_PREFIX "%zu", set);
	int fd = openat(s->dir, name, O_WRONLY | O_CREAT | O_CLOEXEC | O_NONBLOCK, lease_mode(s->c));
	if (fd < 0) return fail_at(s, "open", name, errno);
	/* Not emptied first: ext4 takes that for a replacement and writes it out at once. */
	int r = io_write_fd(fd, text, len);
	if (!r && (fstat(fd, &st) < 0 || (st.st_size != (off_t)len && ftruncate(fd, (off_t)len) < 0))) r = -errno;
	if (close(fd) < 0 && !r) r = -errno;
	return r < 0 ? fail_at(s, "write", name, -r) : 0;
}

int hl_store_reserve(struct hl_store *s, const struct ip *a, size_t set)
{
	struct str who = owner(s->c);
	char name[IP_TEXT];

	if (s->c->compat == CNI_BETTER && hl_store_taken(s, a)) return 0;
	ip_format(a, name);
	int r = write_lease(s, name, who);
	if (r != 1) return r;
	hl_index_add(&s->index, hl_index_hash(who.s, who.n), a);
	if (!write_last(s, set, name)) return 1;
	/* Upstream leaves the lease to whoever tidies up. */
	if (s->c->compat == CNI_BETTER) hl_store_remove(s, name);
	return -1;
}

void hl_store_remove(struct hl_store *s, const char *name)
{
	struct ip a;

	if (unlinkat(s->dir, name, 0) < 0) return;
	s->changed = true;
	if (ip_parse(&a, name, strlen(name))) hl_index_remove(&s->index, &a);
}

void hl_store_release(struct hl_store *s, size_t rounds)
{
	struct hl_leases exact, old;

	hl_store_find(s, &exact, &old);
	for (size_t i = 0; i < exact.n; i++) hl_store_remove(s, exact.v[i].name);
	if (exact.n && rounds < 2) return;
	for (size_t i = 0; i < old.n; i++) hl_store_remove(s, old.v[i].name);
}
