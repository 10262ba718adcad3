/* Covers directories of /proc/sys that lack files, and uncovers them. The files' values are in
 * plan/seeds.c. */
#include "plan/fix/procsys.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/io.h"
#include "base/mounts.h"
#include "base/path.h"
#include "plan/seeds.h"

/* The directories of /proc/sys that can be covered: those of the seeds that are worth a mount. */
static const char *const covered[] = { "kernel", "vm" };
enum { COVERED = sizeof covered / sizeof *covered };

/* Where the real /proc/sys stays reachable while it is being covered. */
#define REAL K3SBOX_RUN "/proc-sys"

bool procsys_wanted(const struct seed *s)
{
	return s->need != SEED_LOGGED;
}

int procsys_check(const struct seed *s)
{
	char path[PATH_MAX], now[256], want[256];

	if (snprintf(path, sizeof path, PROC_SYS "/%s", s->path) >= (int)sizeof path)
		return -ENAMETOOLONG;
	int r = io_read_line(path, now, sizeof now);
	if (r < 0 || s->need != SEED_FATAL) return r;
	want[seed_value(s, want, sizeof want)] = 0;
	want[strcspn(want, "\n")] = 0;
	return strcmp(now, want) ? io_poke(path, now) : 0;
}

/* Is any seed at or below this path (relative to /proc/sys) missing? */
static bool lacking_below(const char *rel)
{
	for (size_t i = 0; i < seed_count; i++)
		if (procsys_wanted(&seeds[i]) && path_within(seeds[i].path, rel) &&
			procsys_check(&seeds[i]) < 0) return true;
	return false;
}

/* The same, decided before anything was mounted: bit i stands for seeds[i]. */
static unsigned long lacking_set(void)
{
	unsigned long set = 0;
	for (size_t i = 0; i < seed_count; i++)
		if (procsys_wanted(&seeds[i]) && procsys_check(&seeds[i]) < 0) set |= 1UL << i;
	return set;
}

static bool set_has_below(unsigned long set, const char *rel)
{
	for (size_t i = 0; i < seed_count; i++)
		if (set >> i & 1 && path_within(seeds[i].path, rel)) return true;
	return false;
}

static bool set_has(unsigned long set, const char *rel)
{
	for (size_t i = 0; i < seed_count; i++)
		if (set >> i & 1 && !strcmp(seeds[i].path, rel)) return true;
	return false;
}

static int make_file(const char *path, mode_t mode, const char *data, size_t n)
{
	_cleanup_close_ int fd = open(path, O_WRONLY | O_CREAT | O_CLOEXEC, mode);
	if (fd < 0) return -errno;
	return io_write_fd(fd, data, n);
}

/* With what others have mounted below it, where the kernel can. */
static int bind(const char *from, const char *to)
{
	if (!mount(from, to, NULL, MS_BIND | MS_REC, NULL)) return 0;
	return mount(from, to, NULL, MS_BIND, NULL) < 0 ? -errno : 0;
}

static int cover(const char *rel, unsigned long set, struct err *e);

/* One real entry: bound as it is or, if it is a directory that lacks something, made anew. */
static int bring_back(const char *rel, unsigned long set, struct err *e)
{
	char real[PATH_MAX], here[PATH_MAX];
	struct stat st;

	if (io_join(real, sizeof real, REAL, rel) < 0 ||
		io_join(here, sizeof here, PROC_SYS, rel) < 0)
		return -ENAMETOOLONG;
	if (set_has(set, rel)) return 0;   /* it exists but is useless: the seed takes its place */
	if (stat(real, &st) < 0) return errno == ENOENT ? 0 : err_errno(e, -errno, "%s", real);
	if (S_ISDIR(st.st_mode)) {
		if (mkdir(here, 0755) < 0) return err_errno(e, -errno, "%s", here);
		if (set_has_below(set, rel)) return cover(rel, set, e);
	} else {
		int r = make_file(here, st.st_mode & 0777, "", 0);
		if (r < 0) return err_errno(e, r, "%s", here);
	}
	int r = bind(real, here);
	return r < 0 ? err_errno(e, r, "%s", here) : 0;
}

/* Fills the new directory /proc/sys/rel with the real one's entries. */
static int cover(const char *rel, unsigned long set, struct err *e)
{
	char real[PATH_MAX], entry[PATH_MAX];
	int r = io_join(real, sizeof real, REAL, rel);
	if (r < 0) return r;
	_cleanup_closedir_ DIR *d = opendir(real);
	if (!d) return err_errno(e, -errno, "%s", real);
	for (struct dirent *f; !r && (f = readdir(d));) {
		if (f->d_name[0] == '.') continue;
		r = io_join(entry, sizeof entry, rel, f->d_name);
		if (!r) r = bring_back(entry, set, e);
	}
	return r;
}

/* Those of the set below the directory (NULL: all), as files below root. */
static int add_seeds(const char *dir, unsigned long set, const char *root, struct err *e)
{
	char path[PATH_MAX], value[256];

	for (size_t i = 0; i < seed_count; i++) {
		if (!(set >> i & 1) || (dir && !path_within(seeds[i].path, dir))) continue;
		int r = io_join(path, sizeof path, root, seeds[i].path);
		if (!r) r = io_mkparents(path, 0755);
		if (!r) r = make_file(path, 0644, value,
			seed_value(&seeds[i], value, sizeof value));
		if (r < 0) return err_errno(e, r, "%s", path);
	}
	return 0;
}

static int cover_directory(const char *dir, unsigned long set, struct err *e)
{
	char path[PATH_MAX];
	int r = io_join(path, sizeof path, PROC_SYS, dir);

	if (r < 0) return r;
	if (mount("k3sbox", path, "tmpfs", MS_NOSUID | MS_NODEV | MS_NOEXEC,
		"mode=555,size=1m") < 0)
		return err_errno(e, -errno, "%s", path);
	r = cover(dir, set, e);
	return r < 0 ? r : add_seeds(dir, set, PROC_SYS, e);
}

static int keep_real(struct err *e)
{
	int r = io_mkdirs(REAL, 0700);
	if (!r) r = bind(PROC_SYS, REAL);
	if (r < 0) return err_errno(e, r, "%s", REAL);
	/* Otherwise unmounting it would reach the mounts that it is a copy of. A kernel without
	 * propagation has nothing to keep apart. */
	mount(NULL, REAL, NULL, MS_PRIVATE | MS_REC, NULL);
	return 0;
}

int procsys_mount(const struct plan_options *o, const struct plan_step *s, struct err *e)
{
	unsigned long set = lacking_set();

	(void)s;
	_Static_assert(sizeof set * CHAR_BIT >= 32, "a bit per seed");
	if (!set) return 0;
	int r = keep_real(e);
	for (size_t i = 0; !r && i < COVERED; i++)
		if (set_has_below(set, covered[i])) r = cover_directory(covered[i], set, e);
	if (r < 0) procsys_unmount(o, NULL, NULL);
	else for (size_t i = 0; i < COVERED && !r; i++)
		if (lacking_below(covered[i])) r = err_errno(e, -EIO, PROC_SYS);
	return r;
}

/* Is a directory of ours mounted there last? No other program mounts a tmpfs at such a place
 * (gVisor does not show the source of a mount). */
static bool is_covered(const char *path)
{
	_cleanup_mounts_ struct mounts m = {0};
	const struct mount_entry *at = mounts_read(&m) < 0 ? NULL : mounts_at(&m, path);

	return at && !strcmp(at->type, "tmpfs");
}

static bool is_mounted(const char *path)
{
	_cleanup_mounts_ struct mounts m = {0};
	return !mounts_read(&m) && mounts_at(&m, path);
}

int procsys_unmount(const struct plan_options *o, const char *seen, struct err *e)
{
	char path[PATH_MAX];
	int result = 0;

	(void)o, (void)seen;
	/* Lazily: with all that was bound into it, and nothing that was mounted there before. */
	for (size_t i = 0; i < COVERED; i++) {
		if (io_join(path, sizeof path, PROC_SYS, covered[i]) < 0) continue;
		for (int tries = 0; tries < 8 && is_covered(path); tries++)
			if (umount2(path, MNT_DETACH) < 0 && !result)
				result = err_errno(e, -errno, "%s", path);
	}
	if (is_mounted(REAL) && umount2(REAL, MNT_DETACH) < 0 && !result)
		result = err_errno(e, -errno, "%s", REAL);
	rmdir(REAL);   /* may not exist, and an empty directory that stays does no harm */
	return result;
}

int procsys_write_tree(const char *root, struct err *e)
{
	int r = io_mkdirs(root, 0755);
	if (r < 0) return err_errno(e, r, "%s", root);
	unsigned long all = seed_count >= sizeof all * CHAR_BIT ? ~0UL : (1UL << seed_count) - 1;
	return add_seeds(NULL, all, root, e);
}
