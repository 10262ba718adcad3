/* The store of leases: opening and locking it, what a new boot makes of it, and reserving and
 * removing leases. Reading them is leases.c. */
#include "host_local/store.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/die.h"
#include "base/io.h"
#include "base/path.h"
#include "host_local/boot.h"

#define DEFAULT_DIR "/var/lib/cni/networks"

/* ---- opening ---- */

/* filepath.Join(dir, name): what messages show. */
static int join_clean(char *out, size_t size, const char *dir, const char *name)
{
	char both[PATH_MAX];
	int n = snprintf(both, sizeof both, "%s%s%s", dir, *dir ? "/" : "", name);

	if (n < 0 || (size_t)n >= sizeof both) return -ENAMETOOLONG;
	return path_clean(out, size, both);
}

/* os.MkdirAll; the message names the directory that failed. */
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

	s->dir = openat(AT_FDCWD, s->path, flags);
	if (s->dir >= 0) return 0;
	if (make_dirs(s->c, s->path) < 0) return -1;
	s->dir = openat(AT_FDCWD, s->path, flags);
	return s->dir < 0 ? cni_fail_path(s->c, "stat", s->path, errno) : 0;
}

static int open_lock(struct hl_store *s)
{
	char scratch[128];

	/* Writable only for the note of the boot. */
	s->lock = -1;
	if (s->c->compat == CNI_BETTER)
		s->lock = openat(s->dir, HL_LOCK, O_RDWR | O_CREAT | O_CLOEXEC, 0750);
	if (s->lock < 0) s->lock = openat(s->dir, HL_LOCK, O_RDONLY | O_CREAT | O_CLOEXEC, 0750);
	if (s->lock < 0)
		return cni_fail(s->c, CNI_INTERNAL, "%s",
			go_strerror(errno, scratch, sizeof scratch));
	/* On a file system without locks upstream goes on without one, too; exclusive creation
	 * still prevents duplicate addresses. */
	int r;
	while ((r = flock(s->lock, LOCK_EX)) < 0 && errno == EINTR) ;
	s->better = !r && s->c->compat == CNI_BETTER;
	return 0;
}

/* Removes leases that were made before this time. */
static void drop_older(struct hl_store *s, time_t boot)
{
	int fd = openat(s->dir, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	_cleanup_closedir_ DIR *d = fd < 0 ? NULL : fdopendir(fd);

	if (!d) {
		if (fd >= 0) close(fd);
		return;
	}
	for (struct dirent *e; (e = readdir(d));) {
		struct stat st;
		struct ip a;
		if (!ip_parse(&a, e->d_name, strlen(e->d_name))) continue;
		if (fstatat(s->dir, e->d_name, &st, AT_SYMLINK_NOFOLLOW) < 0 ||
			!S_ISREG(st.st_mode))
			continue;
		/* One that cannot be removed stays reserved: an address less, no conflict. */
		if (st.st_ctime < boot) (void)hl_store_remove(s, e->d_name);
	}
}

/* Compares the note of this boot with the one in the lock file, which upstream leaves empty and
 * never reads. If they differ, leases from before this boot are removed. Writes the note if it
 * is new. */
static void settle_boot(struct hl_store *s)
{
	char now[HL_BOOT_NOTE], noted[HL_BOOT_NOTE];
	size_t len = hl_boot_note(s->dir, now);

	if (!len) return;
	ssize_t n = pread(s->lock, noted, sizeof noted, 0);
	if (n == (ssize_t)len && !memcmp(noted, now, len)) return;
	/* Without a note nothing is known: another plugin may have written all of it today. With
	 * the note of another machine, that machine's pods may be running. */
	size_t id = HL_BOOT_MACHINE + 1;   /* with the blank before it */
	if (n > (ssize_t)id && !memcmp(noted + (size_t)n - id, now + len - id, id))
		drop_older(s, hl_boot_earliest());
	/* A note that cannot be written, or is torn, makes the next call look again. */
	if (pwrite(s->lock, now, len, 0) == (ssize_t)len && n > (ssize_t)len)
		(void)!ftruncate(s->lock, (off_t)len);
}

int hl_store_open(struct cni *c, const struct hl_conf *conf, struct hl_store *s)
{
	*s = (struct hl_store)HL_STORE_CLOSED;
	s->c = c;
	const char *data = conf->data_dir.n ? conf->data_dir.s : DEFAULT_DIR;
	if (conf->data_dir.n && hl_check_path(c, "mkdir ", conf->data_dir) < 0) return -1;
	if (join_clean(s->path, sizeof s->path, data, conf->name.s) < 0)
		return cni_fail_path(c, "mkdir", data, ENAMETOOLONG);
	if (open_dir(s) < 0 || open_lock(s) < 0) return -1;
	if (!s->better) return 0;
	s->boot_time = hl_boot_time();
	s->scanned = hl_index_open(&s->index, &c->arena, s->dir, s->boot_time);
	/* A valid table was written in this boot, after the note had been compared. */
	if (!s->scanned) settle_boot(s);
	return 0;
}

static void close_last(struct hl_store *s)
{
	if (s->last >= 0) close(s->last);
	s->last = -1;
}

void hl_store_close(struct hl_store *s)
{
	close_last(s);
	if (s->scanned && (s->changed || s->index.dirty != SIZE_MAX))
		hl_index_commit(&s->index, s->dir, s->boot_time);
	hl_index_close(&s->index);
	if (s->lock >= 0) close(s->lock);
	if (s->dir >= 0) close(s->dir);
}

/* ---- leases ---- */

struct str hl_store_owner(struct cni *c)
{
	struct str s = { arena_printf(&c->arena, "%s\r\n%s", c->id, c->ifname), 0 };
	s.n = strlen(s.s);
	return s;
}

int hl_store_fail(struct hl_store *s, const char *op, const char *name, int err)
{
	_cleanup_free_ char *path = xasprintf("%s/%s", s->path, name);
	return cni_fail_path(s->c, op, path, err);
}

static mode_t lease_mode(const struct cni *c)
{
	return c->compat == CNI_111 ? 0644 : 0600;
}

bool hl_store_taken(struct hl_store *s, const struct ip *a)
{
	char name[IP_TEXT];
	struct stat st;

	ip_format(a, name);
	return !fstatat(s->dir, name, &st, AT_SYMLINK_NOFOLLOW);
}

/* Creates the file with its content, or no file. 1: done; 0: it exists; -1 after cni_fail(). */
static int write_new(struct hl_store *s, const char *name, int flags, const char *shown,
	struct str content)
{
	int fd = openat(s->dir, name, O_RDWR | O_CREAT | O_NOFOLLOW | O_CLOEXEC | flags,
		lease_mode(s->c));
	if (fd < 0) return errno == EEXIST ? 0 : hl_store_fail(s, "open", shown, errno);
	s->changed = true;
	int r = io_write_fd(fd, content.s, content.n);
	if (close(fd) < 0 && !r) r = -errno;
	if (!r) return 1;
	unlinkat(s->dir, name, 0);
	return hl_store_fail(s, "write", shown, -r);
}

/* Renames unless the new name exists. Where the kernel lacks RENAME_NOREPLACE the name is tested
 * first, which is enough under the lock. */
static int rename_new(int dir, const char *from, const char *to)
{
	enum { NOREPLACE = 1 };
	struct stat st;

	if (!syscall(SYS_renameat2, dir, from, dir, to, NOREPLACE)) return 0;
	if (errno != ENOSYS && errno != EINVAL) return -errno;
	if (!fstatat(dir, to, &st, AT_SYMLINK_NOFOLLOW)) return -EEXIST;
	return renameat(dir, from, dir, to) < 0 ? -errno : 0;
}

/* Written under another name first: a process that is killed leaves no lease, rather than one
 * without owner. */
static int write_lease(struct hl_store *s, const char *name, struct str content)
{
	if (!s->better) return write_new(s, name, O_EXCL, name, content);
	int r = write_new(s, HL_TEMP, O_TRUNC, name, content);
	if (r != 1) return r;
	r = rename_new(s->dir, HL_TEMP, name);
	if (!r) return 1;
	unlinkat(s->dir, HL_TEMP, 0);
	return r == -EEXIST ? 0 : hl_store_fail(s, "rename", name, -r);
}

static void last_name(char *name, size_t size, size_t set)
{
	snprintf(name, size, HL_LAST_PREFIX "%zu", set);
}

struct ip hl_store_last(struct hl_store *s, size_t set)
{
	char name[sizeof HL_LAST_PREFIX + 24], text[IP_TEXT];
	struct ip a = {0};
	int flags = O_CLOEXEC | O_NONBLOCK | O_NOCTTY;

	last_name(name, sizeof name, set);
	close_last(s);
	s->last = openat(s->dir, name, O_RDWR | flags);
	_cleanup_close_ int read_only = s->last < 0 ? openat(s->dir, name, O_RDONLY | flags) : -1;
	ssize_t n = pread(s->last < 0 ? read_only : s->last, text, sizeof text, 0);
	s->last_size = n;
	/* Not a short regular file: it must not be overwritten in place. */
	if (n < 0 || n == sizeof text) close_last(s);
	if (n > 0) ip_parse(&a, text, (size_t)n);
	return a;
}

static int write_last(struct hl_store *s, size_t set, const char *text)
{
	char name[sizeof HL_LAST_PREFIX + 24];
	off_t len = (off_t)strlen(text);

	last_name(name, sizeof name, set);
	if (s->last < 0) {
		s->last = openat(s->dir, name,
			O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC | O_NONBLOCK, lease_mode(s->c));
		s->last_size = 0;
	}
	if (s->last < 0) return hl_store_fail(s, "open", name, errno);
	/* An existing file is not truncated first: ext4 takes that for a replacement and writes
	 * it to disk at once. */
	ssize_t n = pwrite(s->last, text, (size_t)len, 0);
	int r = n < 0 ? -errno : n != len ? -ENOSPC : 0;
	if (!r && s->last_size > len && ftruncate(s->last, len) < 0) r = -errno;
	close_last(s);
	return r < 0 ? hl_store_fail(s, "write", name, -r) : 0;
}

int hl_store_reserve(struct hl_store *s, const struct ip *a, size_t set)
{
	struct str who = hl_store_owner(s->c);
	char name[IP_TEXT];

	/* The first one tried is usually free; otherwise renaming fails. */
	if (s->better && s->crowded && hl_store_taken(s, a)) return 0;
	ip_format(a, name);
	int r = write_lease(s, name, who);
	s->crowded = !r;
	if (r != 1) return r;
	hl_index_add(&s->index, hl_index_hash(who.s, who.n), a);
	if (!write_last(s, set, name)) return 1;
	/* Upstream leaves the lease behind. */
	if (s->c->compat == CNI_BETTER) hl_store_remove(s, name);
	return -1;
}

int hl_store_remove(struct hl_store *s, const char *name)
{
	struct ip a;

	if (unlinkat(s->dir, name, 0) < 0) return errno == ENOENT ? 0 : -errno;
	s->changed = true;
	if (ip_parse(&a, name, strlen(name))) hl_index_remove(&s->index, &a);
	return 0;
}

int hl_store_release(struct hl_store *s, size_t rounds)
{
	struct hl_leases l;
	int status = hl_store_find(s, &l);

	for (const struct hl_lease *v = l.list.v, *end = v + l.list.n; v < end; v++) {
		if (v->old && l.exact && rounds < 2) continue;
		int r = hl_store_remove(s, v->name);
		if (r < 0 && s->c->compat == CNI_BETTER)
			status = hl_store_fail(s, "remove", v->name, -r);
	}
	return status;
}
