/* Finds and ends the processes of a k3s by the mark in their environment. Not for deciding whether
 * a k3s runs: that is presence. */
#include "cluster/leftovers.h"

#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

#include "base/clock.h"
#include "base/err.h"
#include "base/io.h"
#include "base/mounts.h"
#include "cluster/sweep.h"

/* The number of the mount at / is another one in each mount namespace, and unlike /proc/self/ns/mnt
 * it is known to every kernel and sandbox. 0 if it is not (a chroot into a plain directory). */
static unsigned root_mount(void)
{
	_cleanup_mounts_ struct mounts m = {0};
	const struct mount_entry *e = mounts_read(&m) < 0 ? NULL : mounts_at(&m, "/");

	return e ? e->id : 0;
}

void leftovers_mark(char out[LEFTOVERS_MARK_SIZE])
{
	struct stat run, root;

	if (stat(K3SBOX_RUN, &run) < 0) run = (struct stat){0};
	if (stat("/", &root) < 0) root = (struct stat){0};
	snprintf(out, LEFTOVERS_MARK_SIZE, LEFTOVERS_MARK "=%llx-%llx/%x-%llx-%llx",
		(unsigned long long)run.st_dev, (unsigned long long)run.st_ino, root_mount(),
		(unsigned long long)root.st_dev, (unsigned long long)root.st_ino);
}

bool leftovers_mark_agrees(const char *ours, const char *theirs)
{
	size_t run = strcspn(ours, "/");

	if (strncmp(theirs, LEFTOVERS_MARK "=", sizeof LEFTOVERS_MARK)) return false;
	if (!strncmp(ours, theirs, run) && (!theirs[run] || theirs[run] == '/')) return true;
	const char *root = strchr(theirs, '/');
	return root && ours[run] && !strcmp(root, ours + run);
}

static bool agrees(const char *assignment, const void *ours)
{
	return leftovers_mark_agrees(ours, assignment);
}

int leftovers_read(struct procs *all)
{
	char mark[LEFTOVERS_MARK_SIZE];
	int r = procs_read(all);

	leftovers_mark(mark);
	if (!r) procs_marked(all, agrees, mark);
	return r;
}

static bool is_supervisor(pid_t pid)
{
	char path[64], name[32];

	snprintf(path, sizeof path, "/proc/%d/comm", (int)pid);
	return !io_read_line(path, name, sizeof name) && !strcmp(name, LEFTOVERS_SUPERVISOR);
}

struct process_id leftovers_supervisor(const struct procs *all)
{
	for (size_t i = 0; i < all->n; i++) {
		struct process_id id = { 0 };
		if (is_supervisor(all->v[i].parent)) id = process_identify(all->v[i].parent);
		if (process_alive(&id)) return id;
	}
	return (struct process_id){ 0 };
}

int leftovers_end(struct runstate *s, size_t *n, struct err *e)
{
	static const struct { int sig; int rounds; } steps[] = { { SIGTERM, 30 }, { SIGKILL, 30 } };

	*n = 0;
	for (size_t i = 0; i < sizeof steps / sizeof *steps; i++) {
		bool kill = steps[i].sig == SIGKILL;
		for (int round = 0; round < steps[i].rounds; round++) {
			_cleanup_procs_ struct procs all;
			if (leftovers_read(&all) < 0) break;
			if (!*n) *n = all.n;
			if (!procs_count(&all, kill)) break;
			if (!round || kill) procs_signal(&all, steps[i].sig, kill);
			clock_sleep_ms(100);
		}
	}
	int r = sweep_all(s, e);
	s->phase = RUNSTATE_STOPPED;
	int saved = runstate_save(s, K3SBOX_RUN);
	if (r < 0 || saved >= 0) return r;
	return err_errno(e, saved, "%s/state", K3SBOX_RUN);
}
