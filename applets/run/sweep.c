#include "sweep.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <unistd.h>

#include "cleanup.h"
#include "die.h"
#include "io.h"
#include "mounts.h"

/* Folders below which k3s, its containerd and its kubelet mount; what is mounted on the folder itself (a disk for
 * images, a volume) is somebody else's. Mounts that `init` made lie elsewhere: it has its own undo. */
static const struct { const char *path; bool in_data; } places[] = {
	{ "/run/k3s", false },                     /* containerd's state: bundles, shared memory, sandboxes */
	{ "/var/lib/kubelet/pods", false },        /* volumes, subpaths, projected tokens */
	{ "/var/lib/kubelet/plugins", false },
	{ "agent/containerd", true },              /* snapshots */
	{ "agent/kubelet", true },
};

static int note(int r, const char *what, int *first)
{
	if (r < 0) {
		errno = -r;
		warn("%s stays mounted:", what);
		if (!*first) *first = r;
	}
	return r;
}

static int sweep_mounts(const char *data_dir)
{
	char path[PATH_MAX], real[PATH_MAX];
	int first = 0;

	for (size_t i = 0; i < sizeof places / sizeof *places; i++) {
		if (!places[i].in_data) snprintf(path, sizeof path, "%s", places[i].path);
		else if (io_join(path, sizeof path, data_dir, places[i].path) < 0) continue;
		/* mountinfo has names without links, "//" and ".." */
		if (realpath(path, real)) note(umount_below(real), real, &first);
	}
	return first;
}

/* Where / does not propagate, the kubelet binds its folder onto itself (mount-utils MakeRShared): a mount whose root is the very same
 * path. Somebody's disk or volume there has another root. */
static int sweep_kubelet(void)
{
	static const char folder[] = "/var/lib/kubelet";
	_cleanup_mounts_ struct mounts m = {0};
	int r = mounts_read(&m);
	const struct mount_entry *e = r < 0 ? NULL : mounts_at(&m, folder);

	if (e && !strcmp(e->root, folder) && umount2(folder, MNT_DETACH) < 0) r = -errno;
	return r;
}

/* Is there a process in the network namespace that this file pins? */
static bool in_use(const char *path)
{
	char ns[64];
	struct stat pinned, st;
	_cleanup_closedir_ DIR *d = opendir("/proc");

	if (!d || stat(path, &pinned) < 0) return false;
	for (struct dirent *e; (e = readdir(d));) {
		if (*e->d_name < '1' || *e->d_name > '9') continue;
		snprintf(ns, sizeof ns, "/proc/%.20s/ns/net", e->d_name);
		if (!stat(ns, &st) && st.st_dev == pinned.st_dev && st.st_ino == pinned.st_ino) return true;
	}
	return false;
}

/* containerd pins each pod's network namespace as a file of this name, and podman does so too: one that has
 * processes in it, now that all of ours are gone, is not ours. */
static int sweep_netns(const char *dir)
{
	char path[PATH_MAX];
	_cleanup_closedir_ DIR *d = opendir(dir);
	int first = 0;

	if (!d) return 0;
	for (struct dirent *e; (e = readdir(d));) {
		if (strncmp(e->d_name, "cni-", 4) || io_join(path, sizeof path, dir, e->d_name) < 0) continue;
		if (in_use(path)) continue;
		if (note(umount_within(path), path, &first) >= 0) unlink(path);
	}
	return first;
}

/* Removes a cgroup and those below it; one that still has processes refuses and stays. */
static void remove_cgroup(int at, const char *name, int depth)
{
	int fd = openat(at, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	_cleanup_closedir_ DIR *d = fd < 0 ? NULL : fdopendir(fd);

	if (!d) {
		if (fd >= 0) close(fd);
		return;
	}
	for (struct dirent *e; depth < 16 && (e = readdir(d));)
		if (e->d_type == DT_DIR && *e->d_name != '.') remove_cgroup(dirfd(d), e->d_name, depth + 1);
	unlinkat(at, name, AT_REMOVEDIR);
}

/* Version 2: the root itself; version 1: one folder per controller. */
static void sweep_cgroups(void)
{
	static const char *const names[] = { "kubepods", "kubepods.slice", "k8s.io" };
	_cleanup_closedir_ DIR *root = opendir("/sys/fs/cgroup");

	if (!root) return;
	for (size_t i = 0; i < sizeof names / sizeof *names; i++) remove_cgroup(dirfd(root), names[i], 0);
	for (struct dirent *e; (e = readdir(root));) {
		if (*e->d_name == '.' || e->d_type != DT_DIR) continue;
		_cleanup_close_ int fd = openat(dirfd(root), e->d_name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
		for (size_t i = 0; fd >= 0 && i < sizeof names / sizeof *names; i++) remove_cgroup(fd, names[i], 0);
	}
}

int sweep(const char *data_dir)
{
	/* Mostly one folder; in a minimal root /var/run need not be a link. */
	int mounts = sweep_mounts(data_dir), netns = sweep_netns("/run/netns"), other = sweep_netns("/var/run/netns");

	note(sweep_kubelet(), "/var/lib/kubelet", &mounts);
	sweep_cgroups();
	return mounts < 0 ? mounts : netns < 0 ? netns : other;
}
