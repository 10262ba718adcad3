/* Reads, writes, replaces and removes files. */
#include "base/io.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/buf.h"
#include "base/cleanup.h"
#include "base/path.h"

int io_read_fd(int fd, struct buf *b, size_t max)
{
	size_t start = b->len;

	for (;;) {
		char *to = buf_reserve(b, 4096);
		if (!to) return -ENOMEM;
		ssize_t n = read(fd, to, 4096);
		if (n < 0 && errno == EINTR) continue;
		if (n < 0) return -errno;
		b->len += (size_t)n;
		b->data[b->len] = 0;
		if (!n) return 0;
		if (b->len - start > max) return -EFBIG;
	}
}

int io_read(const char *path, struct buf *b, size_t max)
{
	_cleanup_close_ int fd = open(path, O_RDONLY | O_CLOEXEC);
	return fd < 0 ? -errno : io_read_fd(fd, b, max);
}

int io_read_line(const char *path, char *line, size_t size)
{
	_cleanup_close_ int fd = open(path, O_RDONLY | O_CLOEXEC);
	if (fd < 0) return -errno;
	ssize_t n = read(fd, line, size - 1);
	if (n < 0) return -errno;
	line[n] = 0;
	line[strcspn(line, "\n")] = 0;
	return 0;
}

int io_write_fd(int fd, const void *data, size_t n)
{
	const char *p = data;

	while (n) {
		ssize_t k = write(fd, p, n);
		if (k < 0 && errno == EINTR) continue;
		if (k < 0) return -errno;
		if (!k) return -EIO;
		p += k;
		n -= (size_t)k;
	}
	return 0;
}

int io_poke(const char *path, const char *text)
{
	_cleanup_close_ int fd = open(path, O_WRONLY | O_CLOEXEC);
	if (fd < 0) return -errno;
	size_t len = strlen(text);
	ssize_t n = write(fd, text, len);
	if (n < 0) return -errno;
	return (size_t)n == len ? 0 : -EIO;
}

int io_add_line(const char *path, mode_t mode, const char *line)
{
	_cleanup_buf_ struct buf b = {0};
	_cleanup_close_ int fd = open(path, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, mode);
	if (fd < 0) return -errno;
	buf_printf(&b, "%s\n", line);
	return b.failed ? -ENOMEM : io_write_fd(fd, b.data, b.len);
}

int io_join(char *out, size_t size, const char *dir, const char *name)
{
	int n = snprintf(out, size, "%s/%s", dir, name);
	return n < 0 || (size_t)n >= size ? -ENAMETOOLONG : 0;
}

/* The directory part of path: "." if it has none, "/" for "/x". */
static int parent_of(const char *path, char *out, size_t size)
{
	const char *slash = strrchr(path, '/');
	size_t len = !slash ? 1 : slash == path ? 1 : (size_t)(slash - path);

	if (len >= size) return -ENAMETOOLONG;
	memcpy(out, slash ? path : ".", len);
	out[len] = 0;
	return 0;
}

static int sync_parent(const char *path)
{
	char dir[PATH_MAX];
	int r = parent_of(path, dir, sizeof dir);
	if (r < 0) return r;
	_cleanup_close_ int fd = open(dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (fd < 0) return -errno;
	/* Some file systems cannot sync a directory: EINVAL. */
	return fsync(fd) < 0 && errno != EINVAL ? -errno : 0;
}

int io_begin(const char *path, char *temp, size_t size)
{
	int n = snprintf(temp, size, "%s.XXXXXX", path);
	if (n < 0 || (size_t)n >= size) return -ENAMETOOLONG;
	int fd = mkostemp(temp, O_CLOEXEC);
	return fd < 0 ? -errno : fd;
}

int io_end(int fd, int r, mode_t mode, const char *temp, const char *path)
{
	if (!r && fchmod(fd, mode) < 0) r = -errno;
	if (!r && fsync(fd) < 0 && errno != EINVAL) r = -errno;
	if (close(fd) < 0 && !r) r = -errno;
	if (!r && rename(temp, path) < 0) r = -errno;
	if (r < 0) {
		unlink(temp);
		return r;
	}
	return sync_parent(path);
}

int io_replace(const char *path, mode_t mode, const void *data, size_t n)
{
	char temp[PATH_MAX];
	int fd = io_begin(path, temp, sizeof temp);
	if (fd < 0) return fd;
	return io_end(fd, io_write_fd(fd, data, n), mode, temp, path);
}

bool io_is_at(int fd, const char *path)
{
	struct stat a, b;

	return !fstat(fd, &a) && !stat(path, &b) && a.st_dev == b.st_dev && a.st_ino == b.st_ino;
}

int io_memory(const void *data, size_t n)
{
	char name[] = "/tmp/k3sbox.XXXXXX";
	int fd = memfd_create("k3sbox", MFD_CLOEXEC);

	if (fd < 0 && (fd = mkostemp(name, O_CLOEXEC)) >= 0) unlink(name);
	if (fd < 0) return -errno;
	int r = io_write_fd(fd, data, n);
	if (!r && lseek(fd, 0, SEEK_SET) < 0) r = -errno;
	if (r < 0) close(fd);
	return r < 0 ? r : fd;
}

int io_overwrite(const char *path, const void *data, size_t n)
{
	_cleanup_close_ int fd = open(path, O_WRONLY | O_CLOEXEC);

	if (fd < 0) return -errno;
	int r = io_write_fd(fd, data, n);
	return r < 0 ? r : ftruncate(fd, (off_t)n) < 0 ? -errno : 0;
}

static int copy_fd(int from, int to)
{
	char chunk[16384];

	for (;;) {
		ssize_t n = read(from, chunk, sizeof chunk);
		if (n < 0 && errno == EINTR) continue;
		if (n < 0) return -errno;
		if (!n) return 0;
		int r = io_write_fd(to, chunk, (size_t)n);
		if (r < 0) return r;
	}
}

int io_copy(const char *from, const char *to, mode_t mode)
{
	char temp[PATH_MAX];
	_cleanup_close_ int in = open(from, O_RDONLY | O_CLOEXEC);
	if (in < 0) return -errno;
	int fd = io_begin(to, temp, sizeof temp);
	if (fd < 0) return fd;
	return io_end(fd, copy_fd(in, fd), mode, temp, to);
}

static int make_dir(const char *path, mode_t mode)
{
	struct stat st;

	if (!mkdir(path, mode)) return 0;
	int err = errno;
	/* Some file systems answer EROFS or EACCES for a directory that exists. */
	if (stat(path, &st) < 0) return -err;
	return S_ISDIR(st.st_mode) ? 0 : -ENOTDIR;
}

int io_mkdirs(const char *path, mode_t mode)
{
	char part[PATH_MAX];
	size_t len = strlen(path);

	if (len >= sizeof part) return -ENAMETOOLONG;
	memcpy(part, path, len + 1);
	for (char *c = part + 1; c < part + len; c++) {
		if (*c != '/') continue;
		*c = 0;
		int r = make_dir(part, mode);
		if (r < 0) return r;
		*c = '/';
	}
	return len ? make_dir(part, mode) : 0;
}

int io_mkparents(const char *path, mode_t mode)
{
	char dir[PATH_MAX];
	int r = parent_of(path, dir, sizeof dir);
	return r < 0 ? r : io_mkdirs(dir, mode);
}

static int remove_at(int at, const char *name, dev_t dev, int depth);

static int remove_content(int fd, dev_t dev, int depth)
{
	_cleanup_closedir_ DIR *d = fdopendir(fd);
	if (!d) {
		close(fd);
		return -errno;
	}
	int result = 0;
	for (struct dirent *e; (e = readdir(d));) {
		if (path_is_dots(e->d_name)) continue;
		int r = remove_at(dirfd(d), e->d_name, dev, depth + 1);
		if (r < 0 && !result) result = r;
	}
	return result;
}

static int remove_at(int at, const char *name, dev_t dev, int depth)
{
	enum { DEEPEST = 128 };   /* one descriptor a level; container roots are far below this */
	struct stat st;

	if (fstatat(at, name, &st, AT_SYMLINK_NOFOLLOW) < 0) return errno == ENOENT ? 0 : -errno;
	if (!S_ISDIR(st.st_mode)) return unlinkat(at, name, 0) < 0 && errno != ENOENT ? -errno : 0;
	if (dev && st.st_dev != dev) return -EBUSY;   /* something is mounted there */
	if (depth > DEEPEST) return -ELOOP;
	int fd = openat(at, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	if (fd < 0) return -errno;
	int r = remove_content(fd, st.st_dev, depth);
	if (unlinkat(at, name, AT_REMOVEDIR) < 0 && errno != ENOENT) return r < 0 ? r : -errno;
	return r;
}

int io_remove_tree(const char *path)
{
	return remove_at(AT_FDCWD, path, 0, 0);
}

int io_unlink(const char *path)
{
	return unlink(path) < 0 && errno != ENOENT ? -errno : 0;
}

bool io_exists(const char *path)
{
	struct stat st;
	return lstat(path, &st) == 0;
}

int io_self_path(char *out, size_t size)
{
	ssize_t n = readlink("/proc/self/exe", out, size);

	if (n < 0 || (size_t)n >= size) return n < 0 ? -errno : -ENAMETOOLONG;
	out[n] = 0;
	return 0;
}

/* 1: it is an executable other than this process's own; else -ENOENT or -EACCES. */
static int is_other_program(const char *path)
{
	struct stat st, self;

	if (stat(path, &st) < 0 || !S_ISREG(st.st_mode)) return -ENOENT;
	if (access(path, X_OK) < 0) return -EACCES;
	if (stat("/proc/self/exe", &self) < 0) return 1;
	return st.st_dev == self.st_dev && st.st_ino == self.st_ino ? -ENOENT : 1;
}

int io_find_program(const char *name, const char *path_env, char *out, size_t size)
{
	int result = -ENOENT;

	if (strchr(name, '/')) {
		int r = is_other_program(name);
		if (r < 0) return r;
		return (size_t)snprintf(out, size, "%s", name) < size ? 0 : -ENAMETOOLONG;
	}
	if (!path_env) path_env = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin";
	for (const char *p = path_env; *p;) {
		size_t len = strcspn(p, ":");
		int n = snprintf(out, size, "%.*s/%s", (int)len, p, name);
		if (len && n > 0 && (size_t)n < size) {
			int r = is_other_program(out);
			if (r == 1) return 0;
			if (r == -EACCES) result = r;
		}
		p += len;
		if (*p) p++;
	}
	return result;
}
