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
#include "plan/seeds.h"

/* The folders directly below /proc/sys that can be covered: those of the table's seeds that are worth a mount. */
static const char *const covered[] = { "kernel", "vm" };
enum { COVERED = sizeof covered / sizeof *covered };

/* Where the real /proc/sys stays reachable while it is being covered. */
#define REAL K3SBOX_RUN "/proc-sys"

static char failed_path[PATH_MAX];

static int failed(const char *path, int r)
{
	snprintf(failed_path, sizeof failed_path, "%s", path);
	return r;
}

bool procsys_wanted(const struct seed *s)
{
	return s->need != SEED_LOGGED;
}

int procsys_check(const struct seed *s)
{
	char path[PATH_MAX], now[256], want[256];

	if (snprintf(path, sizeof path, PROC_SYS "/%s", s->path) >= (int)sizeof path) return -ENAMETOOLONG;
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
		if (procsys_wanted(&seeds[i]) && path_within(seeds[i].path, rel) && procsys_check(&seeds[i]) < 0) return true;
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

static int cover(const char *rel, unsigned long set);

/* One real entry: bound as it is, or, a folder that lacks something, made anew. */
static int bring_back(const char *rel, unsigned long set)
{
	char real[PATH_MAX], here[PATH_MAX];
	struct stat st;

	if (io_join(real, sizeof real, REAL, rel) < 0 || io_join(here, sizeof here, PROC_SYS, rel) < 0) return -ENAMETOOLONG;
	if (set_has(set, rel)) return 0;   /* there, but useless: the seed takes its place */
	if (stat(real, &st) < 0) return errno == ENOENT ? 0 : failed(real, -errno);
	if (S_ISDIR(st.st_mode)) {
		if (mkdir(here, 0755) < 0) return failed(here, -errno);
		if (set_has_below(set, rel)) return cover(rel, set);
	} else {
		int r = make_file(here, st.st_mode & 0777, "", 0);
		if (r < 0) return failed(here, r);
	}
	int r = bind(real, here);
	return r < 0 ? failed(here, r) : 0;
}

/* Fills the new folder /proc/sys/rel with the real one's entries. */
static int cover(const char *rel, unsigned long set)
{
	char real[PATH_MAX], entry[PATH_MAX];
	int r = io_join(real, sizeof real, REAL, rel);
	if (r < 0) return r;
	_cleanup_closedir_ DIR *d = opendir(real);
	if (!d) return failed(real, -errno);
	for (struct dirent *e; !r && (e = readdir(d));) {
		if (e->d_name[0] == '.') continue;
		r = io_join(entry, sizeof entry, rel, e->d_name);
		if (!r) r = bring_back(entry, set);
	}
	return r;
}

/* Those of the set below the folder (NULL: all), as files below root. */
static int add_seeds(const char *folder, unsigned long set, const char *root)
{
	char path[PATH_MAX], value[256];

	for (size_t i = 0; i < seed_count; i++) {
		if (!(set >> i & 1) || (folder && !path_within(seeds[i].path, folder))) continue;
		int r = io_join(path, sizeof path, root, seeds[i].path);
		if (!r) r = io_mkparents(path, 0755);
		if (!r) r = make_file(path, 0644, value, seed_value(&seeds[i], value, sizeof value));
		if (r < 0) return failed(path, r);
	}
	return 0;
}

static int cover_folder(const char *folder, unsigned long set)
{
	char path[PATH_MAX];
	int r = io_join(path, sizeof path, PROC_SYS, folder);

	if (r < 0) return r;
	if (mount("k3sbox", path, "tmpfs", MS_NOSUID | MS_NODEV | MS_NOEXEC, "mode=555,size=1m") < 0) return failed(path, -errno);
	r = cover(folder, set);
	return r < 0 ? r : add_seeds(folder, set, PROC_SYS);
}

static int keep_real(void)
{
	int r = io_mkdirs(REAL, 0700);
	if (!r) r = bind(PROC_SYS, REAL);
	if (r < 0) return failed(REAL, r);
	/* Else taking it away would reach the mounts that it is a copy of. A kernel without propagation has nothing to keep apart. */
	mount(NULL, REAL, NULL, MS_PRIVATE | MS_REC, NULL);
	return 0;
}

int procsys_apply(const char **what)
{
	unsigned long set = lacking_set();
	int r = 0;

	_Static_assert(sizeof set * CHAR_BIT >= 32, "a bit per seed");
	if (what) *what = failed_path;
	if (!set) return 0;
	r = keep_real();
	for (size_t i = 0; !r && i < COVERED; i++)
		if (set_has_below(set, covered[i])) r = cover_folder(covered[i], set);
	if (r < 0) procsys_clean();
	else for (size_t i = 0; i < COVERED && !r; i++)
		if (lacking_below(covered[i])) r = failed(PROC_SYS, -EIO);
	return r;
}

/* Is the folder of ours what is mounted there last? A tmpfs is nobody else's at such a place (gVisor does not tell its source). */
static bool is_covered(const char *path)
{
	_cleanup_mounts_ struct mounts m = {0};
	const struct mount_entry *e = mounts_read(&m) < 0 ? NULL : mounts_at(&m, path);

	return e && !strcmp(e->type, "tmpfs");
}

static bool is_mounted(const char *path)
{
	_cleanup_mounts_ struct mounts m = {0};
	return !mounts_read(&m) && mounts_at(&m, path);
}

int procsys_clean(void)
{
	char path[PATH_MAX];
	int result = 0;

	/* Lazily: with all that was bound into it, and nothing that was mounted there before. */
	for (size_t i = 0; i < COVERED; i++) {
		if (io_join(path, sizeof path, PROC_SYS, covered[i]) < 0) continue;
		for (int tries = 0; tries < 8 && is_covered(path); tries++)
			if (umount2(path, MNT_DETACH) < 0 && !result) result = failed(path, -errno);
	}
	if (is_mounted(REAL) && umount2(REAL, MNT_DETACH) < 0 && !result) result = failed(REAL, -errno);
	rmdir(REAL);   /* may not be there, and an empty folder that stays does no harm */
	return result;
}

int procsys_write_tree(const char *root)
{
	int r = io_mkdirs(root, 0755);
	if (r < 0) return failed(root, r);
	unsigned long all = seed_count >= sizeof all * CHAR_BIT ? ~0UL : (1UL << seed_count) - 1;
	return add_seeds(NULL, all, root);
}
