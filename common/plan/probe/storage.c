/* Probes of the data directory and of the disk that it lies on: room, programs, overlay mounts as
 * containerd uses them. */
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/statfs.h>
#include <sys/sysmacros.h>
#include <sys/xattr.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/io.h"
#include "base/mounts.h"
#include "plan/fix/executable.h"
#include "plan/probe/probe.h"

/* How much of the path exists already, in bytes. */
static size_t existing_part(const char *path)
{
	char part[PATH_MAX];
	size_t n = strlen(path);

	for (; n && n < sizeof part; n--) {
		if (path[n] && path[n] != '/') continue;
		snprintf(part, sizeof part, "%.*s", (int)n, path);
		if (io_exists(part)) break;
	}
	return n;
}

/* The path, or the directory in which it is going to be made. */
static void existing_place(const char *path, char out[PATH_MAX])
{
	snprintf(out, PATH_MAX, "%.*s", (int)existing_part(path), path);
	if (!*out) snprintf(out, PATH_MAX, "%s", *path == '/' ? "/" : ".");
}

/* Removes the directories of the path behind its first n bytes, as long as they are empty. */
static void remove_behind(const char *path, size_t n)
{
	char part[PATH_MAX];

	if (snprintf(part, sizeof part, "%s", path) >= (int)sizeof part) return;
	for (char *slash; strlen(part) > n && (!rmdir(part) || errno == ENOENT) &&
		(slash = strrchr(part, '/'));) *slash = 0;
}

int probe_dir(const struct plan_options *o, char *dir, size_t size, size_t *had)
{
	*had = existing_part(o->data_dir);
	int n = snprintf(dir, size, "%s/.k3sbox-XXXXXX", o->data_dir);
	if (n < 0 || (size_t)n >= size) return -ENAMETOOLONG;
	int r = io_mkdirs(o->data_dir, 0755);
	if (!r) r = mkdtemp(dir) ? 0 : -errno;
	if (r < 0) remove_behind(o->data_dir, *had);
	return r;
}

int probe_dir_done(const struct plan_options *o, const char *dir, size_t had)
{
	int r = io_remove_tree(dir);
	remove_behind(o->data_dir, had);
	return r;
}

/* Percent of the file system that the path lies on, or is going to lie on, and MiB; 100 and
 * ULLONG_MAX if it does not tell. */
static unsigned percent_free(const char *path, unsigned long long *mb)
{
	struct statfs fs;
	char there[PATH_MAX];

	*mb = ULLONG_MAX;
	existing_place(path, there);
	if (statfs(there, &fs) < 0 || !fs.f_blocks) return 100;
	*mb = (unsigned long long)fs.f_bavail * (unsigned long long)fs.f_bsize >> 20;
	return (unsigned)((unsigned long long)fs.f_bavail * 100 / (unsigned long long)fs.f_blocks);
}

/* ---- overlay ---- */

/* In memory that parent and child share. */
struct overlay_trial {
	char dir[PATH_MAX];
	const char *what;          /* what failed; static */
	/* containerd unpacks layers through the mount in a user namespace, and makes whiteouts
	 * itself elsewhere (core/diff/apply, pkg/archive: OverlayConvertWhiteout) */
	bool whiteouts;
};

static int make_file(const char *path)
{
	int fd = open(path, O_WRONLY | O_CREAT | O_CLOEXEC, 0644);
	return fd < 0 ? -1 : close(fd);
}

#define TRY(name, call) if (t->what = (name), (call) < 0) return errno

/* Two layers as containerd unpacks them. The upper one takes back what is in the lower one. */
static int make_layers(struct overlay_trial *t)
{
	static const char *const dirs[] = { "1", "1/kept", "1/opaque", "1/tree", "2", "2/opaque",
		"upper", "work", "merged" };
	static const char *const files[] = { "1/gone", "1/kept/a", "1/kept/b", "1/opaque/a",
		"1/tree/a" };

	for (size_t i = 0; i < sizeof dirs / sizeof *dirs; i++)
		TRY("making a directory", mkdir(dirs[i], 0755));
	for (size_t i = 0; i < sizeof files / sizeof *files; i++)
		TRY("making a file", make_file(files[i]));
	if (!t->whiteouts) return 0;
	TRY("mknod(2) of a whiteout", mknod("2/gone", S_IFCHR, makedev(0, 0)));
	TRY("setxattr(2) of trusted.overlay.opaque",
		setxattr("2/opaque", "trusted.overlay.opaque", "y", 1, 0));
	return 0;
}

static int expect_absent(const char *path)
{
	if (access(path, F_OK) < 0 && errno == ENOENT) return 0;
	errno = EEXIST;
	return -1;
}

/* What images and programs in containers do. */
static int use_mount(struct overlay_trial *t)
{
	if (t->whiteouts) {
		TRY("a whiteout", expect_absent("merged/gone"));
		TRY("an opaque directory", expect_absent("merged/opaque/a"));
	}
	TRY("changing a file of a layer", chmod("merged/kept/a", 0600));
	TRY("removing a file of a layer", unlink("merged/kept/b"));
	TRY("a removed file of a layer", expect_absent("merged/kept/b"));
	TRY("renaming a file of a layer", rename("merged/kept/a", "merged/kept/c"));
	TRY("removing a file of a layer", unlink("merged/tree/a"));
	TRY("removing a directory of a layer", rmdir("merged/tree"));
	TRY("replacing a directory of a layer", mkdir("merged/tree", 0755));
	TRY("a replaced directory of a layer", expect_absent("merged/tree/a"));
	/* EXDEV is usual: programs copy it then. */
	t->what = "renaming a directory of a layer";
	return rename("merged/kept", "merged/moved") < 0 && errno != EXDEV ? errno : 0;
}

static int try_overlay(void *arg)
{
	struct overlay_trial *t = arg;
	char options[5 * PATH_MAX];

	TRY("chdir(2)", chdir(t->dir));
	int r = make_layers(t);
	if (r) return r;
	const char *d = t->dir;
	snprintf(options, sizeof options,
		"lowerdir=%s/2:%s/1,upperdir=%s/upper,workdir=%s/work", d, d, d, d);
	TRY("mount(2)", mount("overlay", "merged", "overlay", 0, options));
	return use_mount(t);
}

/* The native snapshotter copies an image for each of its layers, and then for each container. */
static void refuse_overlay(const struct plan_options *o, const char *what, int e,
	struct fact_result *r)
{
	enum { LEAST_MB = 2048 };
	unsigned long long mb;

	percent_free(o->data_dir, &mb);
	probe_obstacle(r, KIND_NONE, "an overlay in the data directory: %s: %s", what, strerror(e));
	size_t n = strlen(r->why);
	if (mb < LEAST_MB)
		snprintf(r->why + n, sizeof r->why - n,
			"; only %llu MiB are free for whole copies", mb);
}

void probe_overlay(const struct plan_options *o, struct fact_result *r)
{
	size_t had;
	struct overlay_trial *t = mmap(NULL, sizeof *t, PROT_READ | PROT_WRITE,
		MAP_SHARED | MAP_ANONYMOUS, -1, 0);

	if (t == MAP_FAILED) return;
	t->whiteouts = !probe_in_user_namespace();
	int e = probe_dir(o, t->dir, sizeof t->dir, &had);
	if (!e) {   /* else it is an obstacle of the fact data-dir */
		e = probe_in_mount_namespace(try_overlay, t);
		probe_dir_done(o, t->dir, had);
		if (e) refuse_overlay(o, t->what ? t->what : "mount namespace", e, r);
	}
	munmap(t, sizeof *t);
}

/* ---- room ---- */

/* Only after the mount's flags does the kernel look at what is in the file: nothing. */
static int try_exec(const char *dir)
{
	char file[PATH_MAX];
	char *argv[] = { file, NULL };

	int r = io_join(file, sizeof file, dir, "x");
	if (r < 0) return -r;
	int fd = open(file, O_WRONLY | O_CREAT | O_CLOEXEC, 0700);
	if (fd < 0 || close(fd) < 0) return errno;
	execve(file, argv, NULL);
	return errno == ENOEXEC ? 0 : errno;
}

static int try_without_noexec(void *dir)
{
	int r = executable_bind(dir);
	return r < 0 ? -r : try_exec(dir);
}

/* k3s unpacks its programs there. */
static void look_at_exec(const char *dir, struct fact_result *r)
{
	int e = try_exec(dir);

	if (e != EACCES && e != EPERM) return;
	bool bound = !probe_in_mount_namespace(try_without_noexec, (void *)(uintptr_t)dir);
	probe_obstacle_errno(r, bound ? KIND_DATA_DIR_NOEXEC : KIND_NONE,
		"executing a program in the data directory (is it mounted with noexec?)", e);
	r->help = "mount it without noexec, or choose another directory with --data-dir DIR";
}

static const char make_room[] =
	"free some space, or choose another directory with --data-dir DIR";

void probe_data_dir(const struct plan_options *o, struct fact_result *r)
{
	enum { LEAST_MB = 300 };
	char dir[PATH_MAX];
	struct statfs fs;
	size_t had;

	if (o->data_dir_unknown) {
		probe_obstacle(r, KIND_NONE,
			"k3s's configuration may name a data directory in a way that is not "
			"understood");
		return;
	}
	int e = -probe_dir(o, dir, sizeof dir, &had);
	if (!e) {
		e = statfs(dir, &fs) < 0 ? errno : 0;
		look_at_exec(dir, r);
		int left = probe_dir_done(o, dir, had);
		if (!e) e = -left;
	}
	if (e) {
		char what[PATH_MAX + 16];
		snprintf(what, sizeof what, "data directory %s", o->data_dir);
		probe_obstacle_errno(r, KIND_NONE, what, e);
		if (e == EROFS)
			r->help = "mount it writable, or choose another directory with --data-dir "
				"DIR";
		if (e == ENOSPC || e == EDQUOT) r->help = make_room;
		return;
	}
	unsigned long long mb =
		(unsigned long long)fs.f_bavail * (unsigned long long)fs.f_bsize >> 20;
	if (!fs.f_blocks || mb >= LEAST_MB) return;
	probe_obstacle(r, KIND_NONE,
		"data directory %.100s: %llu MiB are free, k3s needs %d at least",
		o->data_dir, mb, LEAST_MB);
	r->help = make_room;
}

/* k3s has the kubelet evict pods when less than 5 % of either are free; with a little more, images
 * that are imported at the start would lead there. Images are removed from 85 % of use on. */
void probe_disk_pressure(const struct plan_options *o, struct fact_result *r)
{
	enum { EVICTION = 5 + 2, IMAGES = 15 };
	const char *const places[] = { "/var/lib/kubelet", o->data_dir };

	for (size_t i = 0; i < sizeof places / sizeof *places; i++) {
		unsigned long long mb;
		unsigned percent = percent_free(places[i], &mb);
		/* Images lie in the data directory alone. */
		bool evicts = percent < EVICTION, removes = i && percent < IMAGES;
		if (!evicts && (!removes || r->state == RESULT_OBSTACLE)) continue;
		probe_obstacle(r, evicts ? KIND_DISK_PRESSURE_EVICTION : KIND_DISK_PRESSURE_IMAGES,
			"%.100s: %u %% (%llu MiB) are free: the kubelet would %s", places[i],
			percent, mb, evicts ? "evict pods" : "remove images");
	}
}

/* cAdvisor finds the image file system by matching st_dev with mountinfo's major:minor. The kubelet
 * multiplies bytes by 100 (pkg/kubelet/images/image_gc_manager.go): of 8 EiB, which is what gVisor
 * says of an overlay in memory, it would believe that all are in use, and remove images. */
void probe_image_device(const struct plan_options *o, struct fact_result *r)
{
	_cleanup_mounts_ struct mounts m = {0};
	struct stat st;
	struct statfs fs;
	char there[PATH_MAX];

	existing_place(o->data_dir, there);
	if (stat(there, &st) < 0 || statfs(there, &fs) < 0 || mounts_read(&m) < 0) return;
	if (!fs.f_blocks) {
		probe_obstacle(r, KIND_NONE, "statfs(2) of the data directory reports 0 blocks");
		return;
	}
	unsigned long long pib = fs.f_blocks * ((unsigned long long)fs.f_bsize >> 9) >> 41;
	if (pib >= INT64_MAX / 100 >> 50) {
		probe_obstacle(r, KIND_NONE, "statfs(2) of the data directory reports %llu PiB",
			pib);
		return;
	}
	for (size_t i = 0; i < m.n; i++)
		if (makedev(m.v[i].major, m.v[i].minor) == st.st_dev) return;
	probe_obstacle(r, KIND_NONE, "no mount has the data directory's device %u:%u",
		major(st.st_dev), minor(st.st_dev));
}
