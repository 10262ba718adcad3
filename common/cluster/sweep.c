/* Removes what k3s leaves behind: mounts, network namespaces, cgroups. Not its processes: those are
 * ended before (leftovers). */
#include "cluster/sweep.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/err.h"
#include "base/io.h"
#include "base/mounts.h"
#include "base/process.h"
#include "cluster/runstate.h"
#include "cluster/template.h"

/* Directories below which k3s, its containerd and its kubelet mount. What is mounted on the
 * directory itself (a disk for images, a volume) is not theirs. Mounts that `init` made lie
 * elsewhere and are undone by `clean`. */
static const struct { const char *path; bool in_data; } places[] = {
	/* containerd's state: bundles, shared memory, sandboxes */
	{ "/run/k3s", false },
	{ "/var/lib/kubelet/pods", false },        /* volumes, subpaths, projected tokens */
	{ "/var/lib/kubelet/plugins", false },
	{ "agent/containerd", true },              /* snapshots */
	{ "agent/kubelet", true },
};

/* What could not be removed first. */
struct sweep_failure {
	int r;
	struct err *e;
};

static int note(int r, const char *what, struct sweep_failure *first)
{
	if (r < 0 && !first->r) first->r = err_errno(first->e, r, "cannot unmount %s", what);
	return r;
}

static void sweep_mounts(const char *data_dir, struct sweep_failure *first)
{
	char path[PATH_MAX], real[PATH_MAX];

	for (size_t i = 0; i < sizeof places / sizeof *places; i++) {
		if (!places[i].in_data) snprintf(path, sizeof path, "%s", places[i].path);
		else if (io_join(path, sizeof path, data_dir, places[i].path) < 0) continue;
		/* mountinfo has names without links, "//" and ".." */
		if (realpath(path, real)) note(mounts_umount_below(real), real, first);
	}
}

/* Where / does not propagate, the kubelet binds its directory onto itself (mount-utils
 * MakeRShared): a mount whose root is the same path. A disk or volume that is mounted there has
 * another root. */
static int sweep_kubelet(void)
{
	static const char dir[] = "/var/lib/kubelet";
	_cleanup_mounts_ struct mounts m = {0};
	int r = mounts_read(&m);
	const struct mount_entry *e = r < 0 ? NULL : mounts_at(&m, dir);

	if (e && !strcmp(e->root, dir) && umount2(dir, MNT_DETACH) < 0) r = -errno;
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
		if (!stat(ns, &st) && st.st_dev == pinned.st_dev && st.st_ino == pinned.st_ino)
			return true;
	}
	return false;
}

/* containerd pins each pod's network namespace as a file of this name, and podman does so too: one
 * that has processes in it, now that all of ours are gone, is not ours. */
static void sweep_netns(const char *dir, struct sweep_failure *first)
{
	char path[PATH_MAX];
	_cleanup_closedir_ DIR *d = opendir(dir);

	if (!d) return;
	for (struct dirent *e; (e = readdir(d));) {
		if (strncmp(e->d_name, "cni-", 4) || io_join(path, sizeof path, dir, e->d_name) < 0)
			continue;
		if (in_use(path)) continue;
		if (note(mounts_umount_within(path), path, first) >= 0) unlink(path);
	}
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
		if (e->d_type == DT_DIR && *e->d_name != '.')
			remove_cgroup(dirfd(d), e->d_name, depth + 1);
	unlinkat(at, name, AT_REMOVEDIR);
}

/* Version 2: the root itself; version 1: one directory per controller. */
static void sweep_cgroups(void)
{
	static const char *const names[] = { "kubepods", "kubepods.slice", "k8s.io" };
	_cleanup_closedir_ DIR *root = opendir("/sys/fs/cgroup");

	if (!root) return;
	for (size_t i = 0; i < sizeof names / sizeof *names; i++)
		remove_cgroup(dirfd(root), names[i], 0);
	for (struct dirent *e; (e = readdir(root));) {
		if (*e->d_name == '.' || e->d_type != DT_DIR) continue;
		_cleanup_close_ int fd = openat(dirfd(root), e->d_name,
			O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
		for (size_t i = 0; fd >= 0 && i < sizeof names / sizeof *names; i++)
			remove_cgroup(fd, names[i], 0);
	}
}

/* Other programs that mount in the same directories: by name, and by a word of the command line
 * where the name is not enough. */
static const struct { const char *name, *word; } owners[] = {
	{ "kubelet", NULL },
	{ "k3s-server", NULL },                    /* what `k3s server` calls itself */
	{ "k3s-agent", NULL },
	{ "containerd-shim", "/run/k3s/" },        /* pods can outlive their k3s */
};

static bool has_word(const char *pid, const char *word)
{
	char path[64];
	_cleanup_buf_ struct buf b = {0};

	snprintf(path, sizeof path, "/proc/%.20s/cmdline", pid);
	return !io_read(path, &b, 1 << 20) && b.data && memmem(b.data, b.len, word, strlen(word));
}

static bool is_owner(const char *pid)
{
	char path[64], name[32];

	snprintf(path, sizeof path, "/proc/%.20s/comm", pid);
	if (io_read_line(path, name, sizeof name) < 0) return false;
	for (size_t i = 0; i < sizeof owners / sizeof *owners; i++)
		if (!strncmp(name, owners[i].name, 15) &&
			(!owners[i].word || has_word(pid, owners[i].word))) return true;
	return false;
}

/* Containers have kubelets of their own, which see other mounts. */
static bool sees_our_mounts(const char *pid)
{
	char path[64];
	struct stat theirs, ours;

	snprintf(path, sizeof path, "/proc/%.20s/ns/mnt", pid);
	return stat(path, &theirs) < 0 || stat("/proc/self/ns/mnt", &ours) < 0 ||
		(theirs.st_dev == ours.st_dev && theirs.st_ino == ours.st_ino);
}

/* The pid of one that lives, or 0. */
static pid_t find_owner(void)
{
	_cleanup_procs_ struct procs all;

	if (procs_read(&all) < 0) return 0;
	for (size_t i = 0; i < all.n; i++) {
		char pid[24];
		snprintf(pid, sizeof pid, "%d", (int)all.v[i].id.pid);
		if (!all.v[i].zombie && is_owner(pid) && sees_our_mounts(pid))
			return all.v[i].id.pid;
	}
	return 0;
}

/* containerd removes the snapshots of containers that have gone when it starts, and the overlay
 * snapshotter what a kill has left half made. The native one leaves that (plugins/snapshots/native:
 * "new-…", "rm-…"): a whole copy of an image each. */
static void sweep_snapshots(const char *data_dir)
{
	char dir[PATH_MAX], path[PATH_MAX];

	if (io_join(dir, sizeof dir, data_dir,
		"agent/containerd/io.containerd.snapshotter.v1.native/snapshots") < 0) return;
	_cleanup_closedir_ DIR *d = opendir(dir);
	for (struct dirent *e; d && (e = readdir(d));)
		if ((!strncmp(e->d_name, "new-", 4) || !strncmp(e->d_name, "rm-", 3)) &&
			!io_join(path, sizeof path, dir, e->d_name))
			io_remove_tree(path);   /* what stays costs room alone */
}

/* k3s started by hand must not find our OCI shim, which may be gone with /run by then. */
static void sweep_own(const char *data_dir)
{
	char path[PATH_MAX];

	if (!io_join(path, sizeof path, data_dir, TEMPLATE_FILE) && template_file_is_ours(path))
		io_unlink(path);
	io_unlink(RUN_BIN "/crun");
}

static int find_others(struct err *e, const char *what)
{
	pid_t owner = find_owner();

	return !owner ? 0 : err_set(e, -EBUSY, "another k3s or kubelet is running (pid %d): %s "
		"kept", (int)owner, what);
}

int sweep_all(const struct runstate *s, struct err *e)
{
	struct sweep_failure first = { 0, e };

	sweep_own(s->data_dir);
	if (s->control_plane) return 0;   /* it has no pods */
	int r = find_others(e, "mounts of pods are");
	if (r < 0) return r;
	sweep_mounts(s->data_dir, &first);
	sweep_snapshots(s->data_dir);
	/* Usually the same directory; in a minimal root /var/run need not be a link. */
	sweep_netns("/run/netns", &first);
	sweep_netns("/var/run/netns", &first);
	note(sweep_kubelet(), "/var/lib/kubelet", &first);
	sweep_cgroups();
	return first.r;
}

/* A shim that lives listens, whichever containerd it is of. */
static void sweep_sockets(const char *dir)
{
	_cleanup_closedir_ DIR *d = opendir(dir);
	struct sockaddr_un a = { .sun_family = AF_UNIX };

	for (struct dirent *e; d && (e = readdir(d));) {
		_cleanup_close_ int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
		if (io_join(a.sun_path, sizeof a.sun_path, dir, e->d_name) < 0) continue;
		if (connect(fd, (struct sockaddr *)&a, sizeof a) < 0 && errno == ECONNREFUSED)
			unlink(a.sun_path);
	}
}

#define RUNC_STATE "/run/containerd/runc/k8s.io"

/* runc keeps what it knows of a container where other containerds have theirs: only those that ours
 * has had are removed. */
static void sweep_runc(const char *tasks)
{
	_cleanup_closedir_ DIR *d = opendir(tasks);
	char path[PATH_MAX];

	for (struct dirent *e; d && (e = readdir(d));)
		if (*e->d_name != '.' && !io_join(path, sizeof path, RUNC_STATE, e->d_name))
			io_remove_tree(path);   /* what stays is a few kilobytes */
}

int sweep_containerd(struct err *e)
{
	static const char state[] = "/run/k3s/containerd";
	static const char *const empty[] = { RUNC_STATE, "/run/containerd/runc", "/run/k3s",
		"/run/containerd/s", "/run/containerd" };
	int r = find_others(e, "its files are");

	if (r < 0) return r;
	sweep_runc("/run/k3s/containerd/io.containerd.runtime.v2.task/k8s.io");
	r = io_remove_tree(state);
	if (r < 0) return err_errno(e, r, "%s", state);
	sweep_sockets("/run/containerd/s");
	for (size_t i = 0; i < sizeof empty / sizeof *empty; i++)
		rmdir(empty[i]);   /* what others have in it stays */
	return 0;
}
