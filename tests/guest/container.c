/* What container runtimes do: reparented children, namespaces, root directories, mounts on links
 * and in other namespaces. */
#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/vfs.h>
#include <sys/wait.h>
#include <unistd.h>

#include "guest.h"

/* ---- reparented children ---- */

static volatile sig_atomic_t told;

static void on_child(int sig)
{
	(void)sig;
	told = 1;
}

static void on_alarm(int sig)
{
	(void)sig;
}

/* A grandchild whose parent goes after parent_ms and that itself ends after ms, with this status
 * or, negative, of this signal. */
static void make_orphan(int status, int ms, int parent_ms)
{
	pid_t pid = fork();

	if (!pid) {
		if (fork()) {
			usleep((useconds_t)parent_ms * 1000);
			_exit(0);
		}
		usleep((useconds_t)ms * 1000);
		if (status < 0) raise(-status);
		_exit(status);
	}
	waitpid(pid, NULL, 0);
}

static void show_end(const char *label, pid_t pid, int st)
{
	if (pid <= 0) printf("%s: %s\n", label, pid ? result_name(-1) : "none yet");
	else if (WIFEXITED(st)) printf("%s: exited %d\n", label, WEXITSTATUS(st));
	else printf("%s: killed %d\n", label, WTERMSIG(st));
}

static void wait_for(const char *label, pid_t which, int options)
{
	int st = 0;
	pid_t pid = waitpid(which, &st, options);

	show_end(label, pid, st);
}

static void take_alarm(int flags)
{
	struct sigaction sa = { .sa_handler = on_alarm, .sa_flags = flags };

	sigaction(SIGALRM, &sa, NULL);
	ualarm(100000, 0);
}

static int orphans(int argc, char **argv)
{
	siginfo_t info = {0};
	pid_t pid;
	int st, want = 0;
	(void)argc, (void)argv;

	show("subreaper", prctl(PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0));
	prctl(PR_GET_CHILD_SUBREAPER, &want);
	printf("is one: %d\n", want);
	signal(SIGCHLD, on_child);

	make_orphan(3, 300, 0);
	wait_for("living", -1, WNOHANG);
	told = 0;
	while (!(pid = waitpid(-1, &st, WNOHANG))) usleep(10000);
	show_end("polled", pid, st);
	for (int i = 0; !told && i < 100; i++) usleep(10000);   /* the signal may come later */
	printf("signalled: %d\n", (int)told);
	make_orphan(-SIGKILL, 200, 0);
	wait_for("waited for", -1, 0);
	make_orphan(4, 100, 0);
	show("looked at", waitid(P_ALL, 0, &info, WEXITED | WNOWAIT));
	printf("status %d code %s\n", info.si_status, info.si_code == CLD_EXITED ? "exited"
		: "other");
	wait_for("by number", info.si_pid, 0);
	make_orphan(5, 0, 200);
	wait_for("ended first", -1, 0);
	make_orphan(6, 400, 0);
	take_alarm(0);
	wait_for("interrupted", -1, 0);
	take_alarm(SA_RESTART);
	wait_for("restarted", -1, 0);
	pid = fork();
	if (!pid) _exit(7);
	wait_for("a child of its own", pid, 0);
	wait_for("none left", -1, WNOHANG);
	return 0;
}

/* ---- container DIR ---- */

/* Beside its own root (and namespaces), as runc's init does it (libcontainer/rootfs_linux.go,
 * pivotRoot). */
static int change_root(const char *dir)
{
	unshare(CLONE_NEWNS);
	int old = open("/", O_DIRECTORY | O_RDONLY);

	if (chdir(dir)) return 1;
	show("pivot_root", syscall(SYS_pivot_root, ".", "."));
	show("to the old root", fchdir(old));
	show("slave", mount("", ".", "", MS_SLAVE | MS_REC, ""));
	show("unmounted", umount2(".", MNT_DETACH));
	show("to the new root", chdir("/"));
	close(old);
	show("its marker", access("/marker", F_OK));
	return access("/proc/self", F_OK) ? 0 : 2;
}

/* The mount namespace of a process that has changed its root. */
static int join(pid_t pid)
{
	char name[64];

	snprintf(name, sizeof name, "/proc/%d/ns/mnt", (int)pid);
	int fd = open(name, O_RDONLY | O_CLOEXEC);
	show("opened", fd);
	unshare(CLONE_FS);
	show("joined", setns(fd, CLONE_NEWNS));
	show("its marker", access("/marker", F_OK));
	show("from the current directory", access("marker", F_OK));
	return 0;
}

static void roots(const char *dir)
{
	int ready[2], done[2], st;
	char c = 0;

	if (pipe(ready) || pipe(done)) return;
	pid_t pid = fork();
	if (!pid) {
		int r = change_root(dir);
		close(done[1]);
		st = write(ready[1], &c, 1) == 1 && read(done[0], &c, 1) == 0;
		_exit(st ? r : 9);
	}
	close(done[0]);
	st = (int)read(ready[0], &c, 1);
	fflush(stdout);
	pid_t second = fork();
	if (!second) _exit(join(pid));
	wait_for("second", second, 0);
	close(done[1]);
	wait_for("first", pid, 0);
}

static void names(void)
{
	static const struct { const char *path; int kind; } ns[] = {
		{ "/proc/self/ns/ipc", CLONE_NEWIPC }, { "/proc/self/ns/uts", CLONE_NEWUTS },
		{ "/proc/self/ns/net", CLONE_NEWNET },
		{ "/proc/self/ns/mnt", CLONE_NEWNS },
	};

	struct stat st;

	for (size_t i = 0; i < sizeof ns / sizeof *ns; i++) {
		int fd = open(ns[i].path, O_RDONLY | O_CLOEXEC);
		show(ns[i].path, stat(ns[i].path, &st));
		show("joined", setns(fd, ns[i].kind));
		close(fd);
	}
	printf("no namespace: %s\n", setns(STDIN_FILENO, CLONE_NEWNET) < 0 ? "refused" : "ok");
}

static void links(const char *dir)
{
	char at[512], link[512], inside[512], fd_name[64];

	snprintf(at, sizeof at, "%s/at", dir);
	snprintf(link, sizeof link, "%s/link", dir);
	snprintf(inside, sizeof inside, "%s/at/inside", dir);
	mkdir(at, 0755);
	show("link", symlink(at, link));
	show("mounted on it", mount("tmpfs", link, "tmpfs", 0, "size=64k"));
	close(open(inside, O_CREAT | O_WRONLY, 0600));
	umount(at);
	show("gone with the mount", access(inside, F_OK));
	int fd = open(at, O_PATH | O_DIRECTORY);
	snprintf(fd_name, sizeof fd_name, "/proc/self/fd/%d", fd);
	show("mounted on a descriptor", mount("tmpfs", fd_name, "tmpfs", 0, "size=64k"));
	close(open(inside, O_CREAT | O_WRONLY, 0600));
	close(fd);
	show("there", access(inside, F_OK));
	mkdir(strcat(strcpy(inside, dir), "/other"), 0755);
	show("bound from a link", mount(link, inside, "", MS_BIND, ""));
	show("there", access(strcat(inside, "/inside"), F_OK));
	*strrchr(inside, '/') = 0;
	show("unmounted", umount(inside));
	show("unmounted", umount(link));
	unlink(link);
}

static int container(int argc, char **argv)
{
	char marker[512];
	struct stat st;
	struct statfs fs;
	int p[2];
	(void)argc;

	show("namespace", unshare(CLONE_NEWNS));
	mount("", "/", "", MS_REC | MS_PRIVATE, "");
	names();
	links(argv[0]);
	if (pipe(p)) return 1;
	show("pipe given away", fchown(p[1], 1, 1));
	show("twice", fchown(p[0], 0, 0));
	snprintf(marker, sizeof marker, "%s/given", argv[0]);
	close(open(marker, O_CREAT | O_WRONLY, 0600));
	int given = open(marker, O_PATH);
	show("a file given away, by O_PATH", fchownat(given, "", 1, 2, AT_EMPTY_PATH));
	stat(marker, &st);
	printf("now of %d:%d\n", (int)st.st_uid, (int)st.st_gid);
	show("a descriptor that is closed", fchownat(99, "", 1, 2, AT_EMPTY_PATH));
	unlink(marker);
	close(given);
	show("all from 900 on close with exec", syscall(SYS_close_range, 900, ~0U, 4));
	int fd = open("/proc", O_PATH | O_DIRECTORY);
	show("proc", fstat(fd, &st));
	printf("inode %lu\n", (unsigned long)st.st_ino);
	int in = openat(fd, "self/stat", O_PATH);
	show("in it", fstatfs(in, &fs));
	printf("type %#lx\n", (unsigned long)fs.f_type);
	snprintf(marker, sizeof marker, "%s/root", argv[0]);
	mkdir(marker, 0755);
	show("root", mount(marker, marker, "", MS_BIND, ""));
	close(open(strcat(marker, "/marker"), O_CREAT | O_WRONLY, 0600));
	*strrchr(marker, '/') = 0;
	roots(marker);
	umount2(marker, MNT_DETACH);
	return 0;
}

/* ---- elsewhere DIR ---- */

/* In a namespace of its own: mounts there, says so, and stays until its parent closes the pipe. */
static int mount_and_stay(const char *point, int ready, int done)
{
	char c = 0;

	if (unshare(CLONE_NEWNS) < 0 || mount("tmpfs", point, "tmpfs", 0, "size=64k") < 0) return 1;
	return write(ready, &c, 1) != 1 || read(done, &c, 1) != 0;
}

static void unmount(const char *label, const char *dir, const char *name)
{
	char path[512];

	snprintf(path, sizeof path, "%s/%s", dir, name);
	show(label, umount2(path, MNT_DETACH));
}

/* Unmounts a directory that is a mount point in another mount namespace only. Linux says EINVAL.
 * gVisor (20260224: getMountpoint in pkg/sentry/vfs/mount.go, lines 1057 to 1061) asks whether the
 * dentry is mounted anywhere, finds no mount in this namespace, and goes on with the mount that the
 * directory lies in: UmountAt takes that one away, with all that is below it. Here it is a tmpfs in
 * a namespace that ends with this command; for what lies in no other mount it is "/". */
static int elsewhere(int argc, char **argv)
{
	char at[256], in[264], link[264], c;
	int ready[2], done[2];
	(void)argc;

	snprintf(at, sizeof at, "%s/mount", argv[0]);
	snprintf(in, sizeof in, "%s/in", at);
	snprintf(link, sizeof link, "%s/link", at);
	mkdir(at, 0755);
	show("namespace", unshare(CLONE_NEWNS));
	show("private", mount("", "/", "", MS_REC | MS_PRIVATE, ""));
	show("mount", mount("tmpfs", at, "tmpfs", 0, "size=64k"));
	if (mkdir(in, 0755) || symlink("in", link) || pipe(ready) || pipe(done)) return 1;
	fflush(stdout);
	pid_t pid = fork();
	if (!pid) {
		close(done[1]);
		_exit(mount_and_stay(in, ready[1], done[0]));
	}
	close(done[0]);
	close(ready[1]);
	if (read(ready[0], &c, 1) != 1) return 2;
	unmount("mounted elsewhere", at, "in");
	unmount("by a link", at, "link");
	unmount("with a slash", at, "in/");
	unmount("does not exist", at, "none");
	show("still there", access(in, F_OK));
	show("mounted here too", mount("tmpfs", in, "tmpfs", 0, "size=64k"));
	unmount("unmounted", at, "link");
	unmount("again", at, "in");
	show("still there", access(in, F_OK));
	close(done[1]);
	wait_for("the other", pid, 0);
	unmount("the mount", at, "");
	show("gone", access(in, F_OK));
	return 0;
}

const struct command container_commands[] = {
	{ "orphans", orphans }, { "container", container }, { "elsewhere", elsewhere }, { 0 },
};
