/* What `create` needs beside an edited configuration.
 * A mount namespace without the roots of other containers: their mounts could not be unmounted, in
 * gVisor, as long as this namespace or the container's own has copies of them.
 * Creating a container again if its first process has ended by the time that `create`
 * returns: between create and start, runc's init waits in the open of a FIFO. A signal by which its
 * Go runtime interrupts itself may arrive only then, and a kernel that does not restart the call
 * (gVisor) ends the container with it. */
#include <dirent.h>
#include <limits.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <unistd.h>

#include "base/buf.h"
#include "base/cleanup.h"
#include "base/clock.h"
#include "base/die.h"
#include "base/io.h"
#include "base/mounts.h"
#include "base/path.h"
#include "base/process.h"
#include "base/spawn.h"
#include "plan/cgroup.h"
#include "runc/shim.h"

static void hide_roots(const struct mounts *m, const char *directory, const char *bundle)
{
	char own[PATH_MAX];
	const struct mount_entry *at = mounts_at(m, directory);

	if (!at || at->shared || !realpath(bundle, own)) return;
	for (size_t i = m->n; i-- > 0;) {
		const char *point = m->v[i].point;
		if (!strcmp(point, directory) || !path_within(point, directory) ||
			path_within(point, own)) continue;
		umount2(point, MNT_DETACH | UMOUNT_NOFOLLOW);
	}
}

static bool is_cgroupfs(const struct mount_entry *e)
{
	return mounts_is_served(e) && path_within(e->point, CGROUP_ROOT);
}

/* Makes the container's groups through cgroupfs, so that whoever watches it (cAdvisor) is told:
 * runc finds them, and uses them if they are empty. A path of systemd's is none of a directory. */
static void make_groups(const struct mounts *m, const char *bundle)
{
	_cleanup_buf_ struct buf text = {0};
	_cleanup_json_ struct json j = {0};
	char path[PATH_MAX];

	if (io_join(path, sizeof path, bundle, "config.json") < 0) return;
	if (io_read(path, &text, 1 << 24) < 0 || json_parse(&j, text.data, text.len) < 0) return;
	_cleanup_free_ char *group = json_strdup(&j,
		json_path(&j, json_root(&j), "linux.cgroupsPath"));
	if (!group || *group != '/' || path_climbs(group)) return;
	for (size_t i = 0; i < m->n; i++)
		if (is_cgroupfs(&m->v[i]) && !io_join(path, sizeof path, m->v[i].point, group + 1))
			io_mkdirs(path, 0755);
}

/* Without propagation: otherwise the caller would lose the mounts, too. */
static void hide_cgroupfs(const struct mounts *m)
{
	if (mount(NULL, CGROUP_ROOT, NULL, MS_PRIVATE | MS_REC, NULL) < 0) return;
	for (size_t i = 0; i < m->n; i++)
		if (is_cgroupfs(&m->v[i]))
			umount2(m->v[i].point, MNT_DETACH | UMOUNT_NOFOLLOW);
}

void create_hide_mounts(const char *directory, bool cgroupfs, const char *bundle)
{
	_cleanup_mounts_ struct mounts m = {0};

	if (mounts_read(&m) < 0) return;
	if (cgroupfs) make_groups(&m, bundle);
	if (unshare(CLONE_NEWNS) < 0) return;
	if (directory) hide_roots(&m, directory, bundle);
	if (cgroupfs) hide_cgroupfs(&m);
}

/* Its threads are asleep after some milliseconds; under the interceptor on a busy machine, after
 * seconds. */
enum { ATTEMPTS = 3, SETTLE_MS = 15000, STEP_MS = 1 };

enum init_state { INIT_RUNS, INIT_WAITS, INIT_ENDED };

/* It waits if all its threads are asleep: then none is about to signal another. */
static enum init_state look_at(pid_t pid)
{
	char path[64];

	if (strchr("XZ", process_thread_state(pid, pid))) return INIT_ENDED;
	snprintf(path, sizeof path, "/proc/%d/task", (int)pid);
	DIR *threads = opendir(path);
	if (!threads) return INIT_ENDED;
	enum init_state state = INIT_WAITS;
	for (struct dirent *d; state == INIT_WAITS && (d = readdir(threads));)
		if (*d->d_name != '.' && process_thread_state(pid, atoi(d->d_name)) != 'S')
			state = INIT_RUNS;
	closedir(threads);
	return state;
}

static bool has_ended(pid_t pid)
{
	int64_t end = clock_ms() + SETTLE_MS;
	enum init_state state;

	while ((state = look_at(pid)) == INIT_RUNS && clock_ms() < end) clock_sleep_ms(STEP_MS);
	return state == INIT_ENDED;
}

static int run(const char *path, char **argv)
{
	const struct spawn s = {
		.path = path, .argv = argv, .in = -1, .out = -1, .err = -1,
		.die_with_parent = SIGKILL,
	};
	pid_t pid = spawn(&s);
	int status = pid < 0 ? pid : spawn_wait(pid);

	return status < 0 ? status : spawn_status(status);
}

/* The runtime's options, then "delete --force ID". */
static int delete(const struct shim_call *c, const char *path, char **argv)
{
	enum { MORE = 4 };
	_cleanup_free_ char **v = xcalloc((size_t)c->verb + MORE, sizeof *v);
	int n = c->verb;

	memcpy(v, argv, (size_t)n * sizeof *v);
	v[n++] = (char *)"delete";
	v[n++] = (char *)"--force";
	v[n++] = (char *)c->id;
	return run(path, v);
}

static pid_t read_pid(const char *path)
{
	char line[16];
	int r = io_read_line(path, line, sizeof line);
	long pid = r < 0 ? 0 : strtol(line, NULL, 10);

	return pid > 1 && pid <= INT_MAX ? (pid_t)pid : 0;
}

int create_again(const struct shim_call *c, const char *path, char **argv)
{
	for (int left = ATTEMPTS;;) {
		int status = run(path, argv);
		if (status || !--left || !c->id || !c->pid_file || c->console) return status;
		pid_t pid = read_pid(c->pid_file);
		if (!pid || !has_ended(pid)) return 0;
		status = delete(c, path, argv);
		if (status) return status;
	}
}
