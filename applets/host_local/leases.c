/* Reading the store: which leases belong to an attachment. */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/io.h"
#include "base/path.h"
#include "host_local/store.h"

struct lease_walk {
	hl_visit *fn;
	void *arg;
	struct buf content;
	int err;             /* why the walk is not complete */
};

/* An error of one file makes that file unreadable; an error of this process or of the disk fails
 * the walk. */
static void note(struct lease_walk *w, int err)
{
	/* EBADF: from musl's fdopendir(3). */
	if (err == EMFILE || err == ENFILE || err == ENOMEM || err == EIO || err == EBADF)
		w->err = err;
}

/* Content of a file in a directory, trimmed; .s is NULL if it cannot be read. */
static struct str read_at(struct lease_walk *w, int dir, const char *name)
{
	enum { BIGGEST = 1 << 20, CHUNK = 512 };
	struct buf *b = &w->content;

	buf_reset(b);
	_cleanup_close_ int fd = openat(dir, name, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);
	char *to = fd < 0 ? NULL : buf_reserve(b, CHUNK);
	ssize_t n = to ? read(fd, to, CHUNK) : -1;
	int r = n < 0 ? -errno : 0;
	if (n > 0) b->len = (size_t)n;
	/* A short read is the file's end. */
	if (n == CHUNK) r = io_read_fd(fd, b, BIGGEST);
	if (r < 0) {
		note(w, -r);
		return (struct str){0};
	}
	return go_trim((struct str){ b->data, b->len });
}

static unsigned char type_of(int dir, const struct dirent *e)
{
	struct stat st;

	if (e->d_type != DT_UNKNOWN || fstatat(dir, e->d_name, &st, AT_SYMLINK_NOFOLLOW) < 0)
		return e->d_type;
	return (unsigned char)IFTODT(st.st_mode);
}

static void walk_dir(struct lease_walk *w, int fd, const char *prefix, int depth)
{
	enum { DEEPEST = 32 };

	_cleanup_closedir_ DIR *d = fd < 0 ? NULL : fdopendir(fd);
	if (!d) {
		note(w, errno);
		if (fd >= 0) close(fd);
		return;
	}
	for (struct dirent *e; errno = 0, (e = readdir(d));) {
		char path[PATH_MAX];
		struct str content = {0};
		if (path_is_dots(e->d_name)) continue;
		unsigned char type = type_of(dirfd(d), e);
		int n = snprintf(path, sizeof path, "%s%s%s", prefix, e->d_name,
			type == DT_DIR ? "/" : "");
		if (n >= (int)sizeof path) continue;
		/* A link may lead to a file; pipes and devices are not read. */
		if (type == DT_REG || type == DT_LNK) content = read_at(w, dirfd(d), e->d_name);
		w->fn(w->arg, path, content, type == DT_REG && !depth);
		if (type == DT_DIR && depth < DEEPEST)
			walk_dir(w, openat(dirfd(d), e->d_name,
				O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC), path, depth + 1);
	}
	if (errno) note(w, errno);
}

int hl_store_walk(struct hl_store *s, hl_visit *fn, void *arg)
{
	struct lease_walk w = { .fn = fn, .arg = arg };

	walk_dir(&w, openat(s->dir, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC), "", 0);
	buf_free(&w.content);
	return -w.err;
}

static bool same(struct str a, struct str b)
{
	return a.s && a.n == b.n && !memcmp(a.s, b.s, a.n);
}

static void add_lease(struct hl_store *s, struct hl_leases *l, const char *name, bool old)
{
	const char *base = path_name(name);
	struct hl_lease lease = { .name = arena_copy(&s->c->arena, name, strlen(name)),
		.old = old };

	ip_parse(&lease.ip, base, strlen(base));
	*(struct hl_lease *)go_slice_add(&s->c->arena, &l->list, sizeof lease) = lease;
	l->exact += !old;
}

struct lease_scan {
	struct hl_store *s;
	struct str exact_owner, old_owner;
	struct hl_leases *out;
	bool odd;            /* the store has a file that the index cannot represent */
};

/* Is this the name of a lease as both plugins write it? */
static bool is_lease_name(const char *name, struct ip *a)
{
	char text[IP_TEXT];

	if (!ip_parse(a, name, strlen(name))) return false;
	ip_format(a, text);
	return !strcmp(name, text);
}

/* Is this a file that both plugins keep in the store, with its usual content, which cannot be an
 * ID? */
static bool is_housekeeping(const char *name, struct str content)
{
	struct ip a;

	if (!strcmp(name, HL_LOCK)) return true;
	return !strncmp(name, HL_LAST_PREFIX, strlen(HL_LAST_PREFIX)) &&
		(!content.n || ip_parse(&a, content.s, content.n));
}

static void visit(void *arg, const char *path, struct str content, bool plain)
{
	struct lease_scan *scan = arg;
	struct hl_store *s = scan->s;
	struct ip a;

	if (s->better && plain && !strcmp(path, HL_TEMP)) {   /* of a call that was killed */
		hl_store_remove(s, path);
		return;
	}
	if (same(content, scan->exact_owner)) add_lease(s, scan->out, path, false);
	if (same(content, scan->old_owner)) add_lease(s, scan->out, path, true);
	if (!s->better) return;
	if (plain && is_lease_name(path, &a)) {
		if (!content.s) scan->odd = true;
		/* Its writer was killed between creating and filling it: the address is not in
		 * use. */
		else if (!content.n) hl_store_remove(s, path);
		else hl_index_add(&s->index, hl_index_hash(content.s, content.n), &a);
	} else if (!plain || !is_housekeeping(path, content)) {
		scan->odd = true;
	}
}

/* The order of Go's filepath.Walk: by components. */
static int by_path(const void *a_, const void *b_)
{
	const char *a = ((const struct hl_lease *)a_)->name;
	const char *b = ((const struct hl_lease *)b_)->name;

	while (*a && *a == *b) a++, b++;
	int x = *a == '/' ? 1 : (unsigned char)*a + (*a != 0);
	int y = *b == '/' ? 1 : (unsigned char)*b + (*b != 0);
	return x - y;
}

static int find_by_scan(struct hl_store *s, struct lease_scan *scan)
{
	hl_index_clear(&s->index);
	int r = hl_store_walk(s, visit, scan);
	s->scanned = s->better && !r && !scan->odd;
	return r && s->c->compat == CNI_BETTER ? cni_fail_path(s->c, "read", s->path, -r) : 0;
}

/* Is this the whole content of a file of the store? */
static bool holds(struct hl_store *s, const char *name, struct str who)
{
	char first[512];

	_cleanup_close_ int fd = openat(s->dir, name, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);
	ssize_t n = fd < 0 || who.n >= sizeof first ? -1 : read(fd, first, sizeof first);
	return n >= 0 && n < (ssize_t)sizeof first &&
		same(go_trim((struct str){ first, (size_t)n }), who);
}

/* Adds the owner's leases by the index. False if a lease has another owner than in the index. */
static bool look_up(struct hl_store *s, struct str who, bool old, struct hl_leases *out)
{
	uint64_t hash = hl_index_hash(who.s, who.n);
	const struct hl_record *r;

	for (size_t i = 0; (r = hl_index_at(&s->index, i)); i++) {
		char name[IP_TEXT];
		if (r->owner != hash) continue;
		ip_format(&r->ip, name);
		if (!holds(s, name, who)) return false;
		add_lease(s, out, name, old);
	}
	return true;
}

int hl_store_find(struct hl_store *s, struct hl_leases *l)
{
	struct str id = go_str(s->c->id);
	struct lease_scan scan = {
		.s = s, .exact_owner = hl_store_owner(s->c), .old_owner = id, .out = l,
	};
	struct ip a;
	int r = 0;

	*l = (struct hl_leases){0};
	/* An ID that is an address can also be the content of last_reserved_ip.N, which changes
	 * without the index being told. */
	if (!s->scanned || ip_parse(&a, id.s, id.n) || !look_up(s, scan.exact_owner, false, l) ||
		!look_up(s, id, true, l)) {
		*l = (struct hl_leases){0};
		r = find_by_scan(s, &scan);
	}
	if (l->list.n) qsort(l->list.v, l->list.n, sizeof(struct hl_lease), by_path);
	return r;
}
