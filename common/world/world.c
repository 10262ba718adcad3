/* Makes the namespaces of a world and the few mounts that every world needs. What k3s needs in it
 * is the plan's business; switch.c makes its network, and broker.c connects it to the outside. */
#include "world/world.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/io.h"
#include "base/path.h"
#include "base/spawn.h"

enum { NAMESPACES = CLONE_NEWNS | CLONE_NEWPID | CLONE_NEWNET | CLONE_NEWUTS | CLONE_NEWIPC };

/* Sent when the ID maps are written, which only the parent may do. Not 0, which is what a read of
 * nothing leaves. */
static const char go_ahead = 1;

static void run_inside(world_main *main, void *arg, int channel, int go)
{
	char ready = 0;

	/* The parent waits for the byte before it gives its go-ahead. So an end of the parent is
	 * noticed at any time: first by the end of the pipe, then by the signal. */
	prctl(PR_SET_PDEATHSIG, SIGKILL);
	if (send(channel, &go_ahead, 1, MSG_NOSIGNAL) != 1) _exit(1);
	if (read(go, &ready, 1) != 1 || ready != go_ahead) _exit(1);
	close(go);
	_exit(main(arg, channel) & 0xff);
}

/* One line for all: every ID is itself. */
static int map_ids(pid_t pid, struct err *e)
{
	static const char *const files[] = { "uid_map", "gid_map" };
	char path[64];

	for (size_t i = 0; i < sizeof files / sizeof *files; i++) {
		snprintf(path, sizeof path, "/proc/%d/%s", (int)pid, files[i]);
		int r = io_poke(path, "0 0 4294967295");
		if (r < 0) return err_errno(e, r, "%s", path);
	}
	return 0;
}

static int await_child(int channel, struct err *e)
{
	char c;
	ssize_t n;

	while ((n = recv(channel, &c, 1, 0)) < 0 && errno == EINTR) ;
	if (n == 1) return 0;
	return err_errno(e, n < 0 ? -errno : -EPIPE, "process 1 of the new namespaces");
}

int world_start(bool user, world_main *main, void *arg, struct world *out, struct err *e)
{
	const int flags = NAMESPACES | (user ? CLONE_NEWUSER : 0) | SIGCHLD;
	int pair[2], go[2];

	if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, pair) < 0)
		return err_errno(e, -errno, "socketpair");
	if (pipe2(go, O_CLOEXEC) < 0) {
		int r = err_errno(e, -errno, "pipe");
		close(pair[0]);
		close(pair[1]);
		return r;
	}
	long pid = syscall(SYS_clone, flags, NULL, NULL, NULL, NULL);
	const char *first = user ? "CLONE_NEWUSER, " : "";
	int r = pid < 0 ? err_errno(e, -errno, "clone(%sCLONE_NEWNS, …)", first) : 0;
	if (!pid) {
		close(pair[0]);
		close(go[1]);
		run_inside(main, arg, pair[1], go[0]);
	}
	close(pair[1]);
	close(go[0]);
	if (!r) r = await_child(pair[0], e);
	if (!r && user) r = map_ids((pid_t)pid, e);
	if (!r) r = io_write_fd(go[1], &go_ahead, 1);
	close(go[1]);
	if (r < 0) {
		close(pair[0]);
		if (pid > 0) while (waitpid((pid_t)pid, NULL, 0) < 0 && errno == EINTR) ;
		return r;
	}
	*out = (struct world){ .init = (pid_t)pid, .channel = pair[0] };
	return 0;
}

/* ---- mounts ---- */

/* In /run: what k3s and its parts keep here must not outlive the world, nor mix with another's. */
static const char *const private_places[] = {
	"k3s", "containerd", "netns", "flannel", "cni", "xtables.lock",
};

/* Below K3SBOX_RUN, which every world shares with the outside, until it becomes /run. */
#define NEW_RUN K3SBOX_RUN "/run"

static bool is_private(const char *name)
{
	for (size_t i = 0; i < sizeof private_places / sizeof *private_places; i++)
		if (!strcmp(name, private_places[i])) return true;
	return false;
}

/* Makes an entry of the old /run show in the new one: a symlink by a copy, everything else by a
 * bind mount. */
static int keep(const char *name)
{
	char from[PATH_MAX], to[PATH_MAX], target[PATH_MAX];
	struct stat st;
	int r = io_join(from, sizeof from, "/run", name);

	if (!r) r = io_join(to, sizeof to, NEW_RUN, name);
	if (r < 0 || lstat(from, &st) < 0) return r < 0 ? r : -errno;
	if (S_ISLNK(st.st_mode)) {
		ssize_t n = readlink(from, target, sizeof target - 1);
		if (n < 0) return -errno;
		target[n] = 0;
		return symlink(target, to) < 0 ? -errno : 0;
	}
	if (S_ISDIR(st.st_mode) ? mkdir(to, 0755) < 0 : mknod(to, S_IFREG | 0644, 0) < 0)
		return -errno;
	return mount(from, to, NULL, MS_BIND | MS_REC, NULL) < 0 ? -errno : 0;
}

static int fill_run(struct err *e)
{
	_cleanup_closedir_ DIR *d = opendir("/run");

	if (!d) return err_errno(e, -errno, "/run");
	for (struct dirent *i; (i = readdir(d));) {
		const char *name = i->d_name;
		if (path_is_dots(name) || is_private(name)) continue;
		int r = strcmp(name, "k3sbox") ? keep(name) : 0;
		/* -ENOENT: it was removed in the meantime. */
		if (r < 0 && r != -ENOENT)
			return err_errno(e, r, "/run/%s cannot be shown in the new /run", name);
	}
	return 0;
}

/* The order matters: the old K3SBOX_RUN is bound into the new /run last, without what is mounted
 * below it. */
static int make_run(struct err *e)
{
	int r = io_mkdirs(NEW_RUN, 0755);

	if (r < 0) return err_errno(e, r, "%s", NEW_RUN);
	if (mount("tmpfs", NEW_RUN, "tmpfs", MS_NOSUID | MS_NODEV, "mode=755") < 0)
		return err_errno(e, -errno, "a tmpfs on " NEW_RUN);
	r = fill_run(e);
	if (r < 0) return r;
	if (mkdir(NEW_RUN "/k3sbox", 0700) < 0) return err_errno(e, -errno, NEW_RUN "/k3sbox");
	if (mount(K3SBOX_RUN, NEW_RUN "/k3sbox", NULL, MS_BIND, NULL) < 0)
		return err_errno(e, -errno, "a bind mount of " K3SBOX_RUN);
	if (mount(NEW_RUN, "/run", NULL, MS_BIND | MS_REC, NULL) < 0)
		return err_errno(e, -errno, "a bind mount on /run");
	return 0;
}

int world_settle(struct err *e)
{
	if (mount(NULL, "/", NULL, MS_PRIVATE | MS_REC, NULL) < 0)
		return err_errno(e, -errno, "mounts cannot be made private");
	if (mount("proc", "/proc", "proc", MS_NOSUID | MS_NODEV | MS_NOEXEC, NULL) < 0)
		return err_errno(e, -errno, "procfs on /proc");
	return make_run(e);
}

void world_clean_up(void)
{
	/* EBUSY where another world has it mounted, ENOENT where none was settled. */
	rmdir(NEW_RUN);
}

int world_replace_file(const char *path, const char *text, size_t len, struct err *e)
{
	char copy[PATH_MAX];
	const char *name = strrchr(path, '/');

	if (!name || snprintf(copy, sizeof copy, "/run/k3sbox-%s", name + 1) >= (int)sizeof copy)
		return err_errno(e, -ENAMETOOLONG, "%s", path);
	int r = io_replace(copy, 0644, text, len);
	if (r < 0) return err_errno(e, r, "%s", copy);
	r = io_mkparents(path, 0755);
	int fd = r < 0 ? -1 : open(path, O_RDONLY | O_CREAT | O_CLOEXEC, 0644);
	if (r < 0) return err_errno(e, r, "%s", path);
	if (fd < 0) return err_errno(e, -errno, "%s", path);
	close(fd);
	if (mount(copy, path, NULL, MS_BIND, NULL) < 0)
		return err_errno(e, -errno, "a bind mount on %s", path);
	return 0;
}

/* ---- temporary worlds ---- */

struct trial {
	bool user;
	int (*fn)(void *err);
	int report;                /* struct trial_result is written to it */
};

struct trial_result {
	int value;
	struct err e;
};

static int trial_inside(void *arg, int channel)
{
	const struct trial *t = arg;
	struct trial_result r = {0};

	close(channel);
	r.value = world_settle(&r.e);
	if (!r.value) r.value = t->fn(&r.e);
	return io_write_fd(t->report, &r, sizeof r) < 0;
}

static int trial_outside(void *arg)
{
	const struct trial *t = arg;
	struct trial_result r = {0};
	struct world w;
	int status;

	r.value = world_start(t->user, trial_inside, arg, &w, &r.e);
	if (r.value < 0) return io_write_fd(t->report, &r, sizeof r) < 0;
	close(w.channel);
	while (waitpid(w.init, &status, 0) < 0)
		if (errno != EINTR) return 1;
	world_clean_up();
	return spawn_status(status);
}

int world_try(bool user, int (*fn)(void *err), int timeout_ms, struct err *e)
{
	int p[2];
	struct trial_result result = { .value = -EIO };
	struct trial t = { .user = user, .fn = fn };

	if (pipe2(p, O_CLOEXEC) < 0) return err_errno(e, -errno, "pipe");
	t.report = p[1];
	int r = spawn_call(trial_outside, &t, timeout_ms);
	close(p[1]);
	if (r < 0) {
		r = err_errno(e, r, "a temporary world");
	/* Its size is below PIPE_BUF, so it came in one piece or not at all. */
	} else if (read(p[0], &result, sizeof result) != sizeof result) {
		r = err_set(e, -EIO, "process 1 of a temporary world ended with status %d", r);
	} else {
		r = result.value;
		if (r < 0 && e) *e = result.e;
	}
	close(p[0]);
	return r;
}
