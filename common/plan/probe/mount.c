/* Probes of mount(2) and of namespaces that containers join. */
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <net/if.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/statfs.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/clock.h"
#include "base/io.h"
#include "base/mounts.h"
#include "base/path.h"
#include "base/process.h"
#include "base/spawn.h"
#include "net/netlink.h"
#include "plan/probe/probe.h"

enum { PROBE_MS = 5000 };

/* A directory to mount on, below a tmpfs of the child's own. */
static int stage(char *dir, size_t size, const char *name)
{
	int r = io_mkdirs(K3SBOX_RUN, 0700);
	if (r < 0) return -r;
	if (mount("k3sbox", K3SBOX_RUN, "tmpfs", 0, "mode=700,size=1m") < 0) return errno;
	r = io_join(dir, size, K3SBOX_RUN, name);
	if (!r) r = io_mkdirs(dir, 0700);
	return -r;
}

static int try_mount(void *arg)
{
	char dir[PATH_MAX];
	(void)arg;
	int r = stage(dir, sizeof dir, "probe");
	if (r) return r;
	return mount("/dev/null", "/dev/null", NULL, MS_BIND, NULL) < 0 ? errno : 0;
}

void probe_mount(const struct plan_options *o, struct fact_result *r)
{
	(void)o;
	int e = probe_in_mount_namespace(try_mount, NULL);
	if (e) probe_obstacle_errno(r, KIND_NONE,
		"unshare(CLONE_NEWNS) and mount(2) of a tmpfs and a bind", e);
}

static int try_share(void *arg)
{
	(void)arg;
	return mount(NULL, "/", NULL, MS_SHARED | MS_REC, NULL) < 0 ? errno : 0;
}

void probe_propagation(const struct plan_options *o, struct fact_result *r)
{
	_cleanup_mounts_ struct mounts m = {0};

	(void)o;
	int e = probe_in_mount_namespace(try_share, NULL);
	if (e) {
		probe_obstacle_errno(r, KIND_PROPAGATION_REFUSED, "mount(2) of / with MS_SHARED",
			e);
		return;
	}
	if ((e = mounts_read(&m)) < 0) {
		probe_obstacle_errno(r, KIND_PROPAGATION_REFUSED, "/proc/self/mountinfo", -e);
		return;
	}
	const struct mount_entry *root = mounts_at(&m, "/");
	if (root && root->shared) return;
	size_t shared = 0;
	for (size_t i = 0; i < m.n; i++) shared += m.v[i].shared;
	probe_obstacle(r, KIND_PROPAGATION_PRIVATE,
		"/ is not a shared mount: volumes would not reach the pods");
	/* 'k3sbox clean' may make all private again only if all were */
	snprintf(r->value, sizeof r->value, shared ? "some" : "all");
}

/* A child of the child: has copies of all mounts until it is killed. */
static pid_t copy_namespace(void)
{
	int p[2];
	char byte = 0;

	if (pipe2(p, O_CLOEXEC) < 0) return -1;
	pid_t pid = fork();
	if (!pid) {
		prctl(PR_SET_PDEATHSIG, SIGKILL);
		bool copied = !unshare(CLONE_NEWNS) && write(p[1], &byte, 1) == 1;
		while (copied) pause();
		_exit(1);
	}
	close(p[1]);
	bool copied = pid > 0 && read(p[0], &byte, 1) == 1;
	close(p[0]);
	return copied ? pid : -1;
}

static int try_unmount(void *arg)
{
	char dir[PATH_MAX];

	(void)arg;
	/* Without shared mounts a copy is of no concern. */
	if (mount(NULL, "/", NULL, MS_SHARED | MS_REC, NULL) < 0) return 0;
	int r = stage(dir, sizeof dir, "copied");
	if (r || mount("k3sbox", dir, "tmpfs", 0, "size=64k") < 0) return r ? r : errno;
	pid_t other = copy_namespace();
	if (other < 0) return EAGAIN;
	r = umount2(dir, 0) < 0 ? errno : 0;
	kill(other, SIGKILL);
	waitpid(other, NULL, 0);
	return r;
}

void probe_unmount(const struct plan_options *o, struct fact_result *r)
{
	(void)o;
	if (probe_in_mount_namespace(try_unmount, NULL) == EBUSY)
		probe_obstacle_errno(r, KIND_NONE,
			"umount(2) of a shared mount that another mount namespace has a copy of",
			EBUSY);
}

/* ---- the open of a FIFO ---- */

static int handled_fd;

static void note_signal(int sig)
{
	char byte = (char)sig;
	ssize_t n = write(handled_fd, &byte, 1);
	(void)n;
}

/* Blocks in open(2), as runc's init does between create and start; the exit status is its errno. */
static _Noreturn void open_for_writing(const char *fifo)
{
	const struct sigaction act = { .sa_handler = note_signal, .sa_flags = SA_RESTART };

	prctl(PR_SET_PDEATHSIG, SIGKILL);
	sigaction(SIGURG, &act, NULL);
	_exit(open(fifo, O_WRONLY | O_CLOEXEC) < 0 ? errno : 0);
}

static int try_fifo(void *arg)
{
	enum { STEP_MS = 1, STEPS = 1000 };
	char fifo[PATH_MAX], byte;
	int p[2], status = 0;

	(void)arg;
	int r = stage(fifo, sizeof fifo, "x");
	if (!r && (rmdir(fifo) < 0 || mkfifo(fifo, 0600) < 0 || pipe2(p, O_CLOEXEC) < 0)) r = errno;
	if (r) return r;
	handled_fd = p[1];
	pid_t pid = fork();
	if (!pid) open_for_writing(fifo);
	close(p[1]);
	for (int i = 0; pid > 0 && i < STEPS && process_thread_state(pid, pid) != 'S'; i++)
		clock_sleep_ms(STEP_MS);
	/* By the time that the handler has run the call will be restarted, or has failed. */
	if (pid > 0 && !kill(pid, SIGURG) && read(p[0], &byte, 1) == 1) {
		_cleanup_close_ int fd = open(fifo, O_RDONLY | O_NONBLOCK | O_CLOEXEC);
		waitpid(pid, &status, 0);
	}
	return spawn_status(status);
}

void probe_fifo(const struct plan_options *o, struct fact_result *r)
{
	(void)o;
	if (probe_in_mount_namespace(try_fifo, NULL) == EINTR)
		probe_obstacle_errno(r, KIND_NONE,
			"an open of a FIFO that a signal with SA_RESTART interrupts", EINTR);
}

static int try_mask(void *arg)
{
	char dir[PATH_MAX];
	(void)arg;
	int r = stage(dir, sizeof dir, "mask");
	if (r) return r;
	/* the options of runc >= 1.4 (libcontainer/rootfs_linux.go maskPaths) */
	return mount("tmpfs", dir, "tmpfs", MS_RDONLY, "nr_blocks=1,nr_inodes=1") < 0 ? errno : 0;
}

void probe_mask(const struct plan_options *o, struct fact_result *r)
{
	(void)o;
	int e = probe_in_mount_namespace(try_mask, NULL);
	if (e) probe_obstacle_errno(r, KIND_NONE,
		"mount(2) of a tmpfs with nr_blocks=1,nr_inodes=1", e);
}

static int try_readonly(void *arg)
{
	char dir[PATH_MAX];
	(void)arg;
	int r = stage(dir, sizeof dir, "ro");
	if (r) return r;
	if (mount(dir, dir, NULL, MS_BIND | MS_REC, NULL) < 0) return errno;
	return mount(dir, dir, NULL, MS_BIND | MS_REC | MS_REMOUNT | MS_RDONLY, NULL) < 0 ? errno
		: 0;
}

void probe_readonly(const struct plan_options *o, struct fact_result *r)
{
	(void)o;
	int e = probe_in_mount_namespace(try_readonly, NULL);
	if (e) probe_obstacle_errno(r, KIND_NONE,
		"mount(2) with MS_BIND|MS_REC and MS_REMOUNT|MS_RDONLY", e);
}

static int try_devpts(void *arg)
{
	char dir[PATH_MAX];
	(void)arg;
	int r = stage(dir, sizeof dir, "pts");
	if (r) return r;
	return mount("devpts", dir, "devpts", MS_NOSUID | MS_NOEXEC,
		"newinstance,ptmxmode=0666,mode=0620") < 0 ? errno : 0;
}

void probe_devpts(const struct plan_options *o, struct fact_result *r)
{
	(void)o;
	int e = probe_in_mount_namespace(try_devpts, NULL);
	if (e) probe_obstacle_errno(r, KIND_NONE, "mount(2) of a devpts", e);
}

/* As runc mounts them for a pod, whose PID and network namespaces are its own: the bit of each that
 * the kernel refuses. Other errors are the business of other facts. REFUSED keeps the bits apart
 * from errno values. */
enum { NO_PROC = 1, NO_SYSFS = 2, REFUSED = 64 };

static int mount_fresh(void *dir)
{
	const unsigned long flags = MS_NOSUID | MS_NODEV | MS_NOEXEC;
	int refused = REFUSED;

	if (mount("proc", dir, "proc", flags, NULL) < 0 && errno == EPERM) refused |= NO_PROC;
	if (mount("sysfs", dir, "sysfs", flags | MS_RDONLY, NULL) < 0 && errno == EPERM)
		refused |= NO_SYSFS;
	return refused;
}

static int try_fresh(void *arg)
{
	char dir[PATH_MAX];

	(void)arg;
	if (stage(dir, sizeof dir, "fresh") || unshare(CLONE_NEWPID | CLONE_NEWNET) < 0) return 0;
	int r = spawn_call(mount_fresh, dir, PROBE_MS);
	return r < 0 ? 0 : r;
}

/* The first mount that covers a part of /proc or /sys; "" if there is none. Directories that are
 * empty for good, as /sys/fs/cgroup, show nothing to cover (kernel: mnt_already_visible). */
static const char *cover_of(const struct mounts *m, const char *top)
{
	for (size_t i = 0; i < m->n; i++) {
		const char *point = m->v[i].point, *below = path_below(point, top);
		if (!below || !*below || path_within(point, "/sys/fs") ||
		    path_within(point, "/sys/kernel") || path_within(point, "/proc/sys/fs"))
			continue;
		return point;
	}
	return "";
}

void probe_fresh_mounts(const struct plan_options *o, struct fact_result *r)
{
	static const enum obstacle_kind kinds[] = { KIND_NONE, KIND_FRESH_MOUNTS_PROC,
		KIND_FRESH_MOUNTS_SYSFS, KIND_FRESH_MOUNTS_BOTH };
	_cleanup_mounts_ struct mounts m = {0};
	int refused = probe_in_mount_namespace(try_fresh, NULL) - REFUSED;

	(void)o;
	if (refused <= 0 || refused > (NO_PROC | NO_SYSFS) || mounts_read(&m) < 0) return;
	const char *cover = cover_of(&m, refused & NO_PROC ? "/proc" : "/sys");
	probe_obstacle(r, kinds[refused], "mount(2) of a %s for a pod: %s%s%s",
		refused & NO_PROC ? "procfs" : "sysfs", strerror(EPERM),
		*cover ? "; covered: " : "", cover);
}

/* runc names what it mounts on /proc/self/fd/N (libcontainer/utils, WithProcfdFile). Tried with
 * a plain link: on one of procfs's own the mount would be there for all, in an old sandbox, and
 * outlive the descriptor. */
static int try_link(void *arg)
{
	char link[PATH_MAX], dir[PATH_MAX];
	struct stat before, after;

	(void)arg;
	int r = stage(dir, sizeof dir, "led-to");
	if (!r) r = -io_join(link, sizeof link, K3SBOX_RUN, "link");
	if (r) return r;
	if (symlink(dir, link) < 0 || stat(dir, &before) < 0) return errno;
	if (mount("k3sbox", link, "tmpfs", 0, "size=64k") < 0 || stat(dir, &after) < 0)
		return errno;
	return before.st_dev == after.st_dev && before.st_ino == after.st_ino ? ENOTDIR : 0;
}

void probe_mount_link(const struct plan_options *o, struct fact_result *r)
{
	(void)o;
	int e = probe_in_mount_namespace(try_link, NULL);
	if (e == ENOTDIR)
		probe_obstacle(r, KIND_NONE,
		"a mount on a link to a directory does not appear in the directory");
	else if (e) probe_obstacle_errno(r, KIND_NONE, "mount(2) on a link to a directory", e);
}

/* What runc does for `exec`, and for the second container of a pod; here into the namespace of
 * this process. */
static int try_join(void *arg)
{
	(void)arg;
	_cleanup_close_ int ns = open("/proc/self/ns/mnt", O_RDONLY | O_CLOEXEC);
	return ns < 0 || setns(ns, CLONE_NEWNS) < 0 ? errno : 0;
}

void probe_join(const struct plan_options *o, struct fact_result *r)
{
	(void)o;
	int e = spawn_call(try_join, NULL, PROBE_MS);
	if (e) probe_obstacle_errno(r, KIND_NONE, "setns(2) of /proc/self/ns/mnt", e < 0 ? -e : e);
}

/* Grandchild: a network namespace, bound to the file. */
static int pin(void *path)
{
	if (unshare(CLONE_NEWNET) < 0) return errno;
	return mount("/proc/self/ns/net", path, NULL, MS_BIND, NULL) < 0 ? errno : 0;
}

/* No errno value of what is tried here: CAP_NET_ADMIN is missing. */
enum { NO_LOOPBACK = 127 };

static int bring_up_loopback(void)
{
	struct nl nl;
	struct nl_link lo;
	int r = nl_open(&nl);

	if (r < 0) return 0;
	r = nl_link_get(&nl, "lo", &lo);
	if (!r && !(lo.flags & IFF_UP)) r = nl_link_up(&nl, lo.index, true);
	nl_close(&nl);
	return r == -EPERM ? NO_LOOPBACK : 0;
}

/* As containerd does (pkg/netns): the namespace must outlive its creator, and statfs(2) must
 * recognize it. */
static int try_pin(void *arg)
{
	enum { NSFS = 0x6e736673, PROCFS = 0x9fa0 };   /* linux/magic.h; old kernels show procfs */
	char dir[PATH_MAX], file[PATH_MAX];
	struct statfs fs;

	(void)arg;
	int r = stage(dir, sizeof dir, "netns");
	if (!r) r = -io_join(file, sizeof file, dir, "probe");
	if (r) return r;
	int fd = open(file, O_CREAT | O_WRONLY | O_CLOEXEC, 0600);
	if (fd < 0 || close(fd) < 0) return errno;
	r = spawn_call(pin, file, PROBE_MS);
	if (r) return r < 0 ? -r : r;
	if (statfs(file, &fs) < 0) return errno;
	if (fs.f_type != NSFS && fs.f_type != PROCFS) return ENOSYS;
	_cleanup_close_ int ns = open(file, O_RDONLY | O_CLOEXEC);
	return ns < 0 || setns(ns, CLONE_NEWNET) < 0 ? errno : bring_up_loopback();
}

void probe_netns(const struct plan_options *o, struct fact_result *r)
{
	(void)o;
	int e = probe_in_mount_namespace(try_pin, NULL);
	if (e == NO_LOOPBACK)
		probe_obstacle(r, KIND_NETNS_LOOPBACK,
			"lo cannot be brought up in a new network namespace");
	else if (e) probe_obstacle_errno(r, KIND_NETNS_UNKNOWN,
		"a network namespace bound to a file, statfs(2) and setns(2) of it", e);
}
