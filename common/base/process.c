/* Processes as /proc shows them: one by pid and start time, and whole trees. Not for starting any:
 * that is spawn. */
#include "base/process.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "base/buf.h"
#include "base/cleanup.h"
#include "base/die.h"
#include "base/io.h"
#include "base/text.h"

bool process_parse_stat(const char *text, pid_t *parent, char *state, uint64_t *start)
{
	/* behind the name; proc(5) counts from 1, and the pid and the name too */
	enum { STATE, PARENT, START = 19 };
	const char *p = strrchr(text, ')');
	char word[3], ppid[16], ticks[24];
	unsigned n;

	if (!p || !text_field(p + 1, STATE, word, sizeof word) ||
		!text_field(p + 1, PARENT, ppid, sizeof ppid) ||
		!text_field(p + 1, START, ticks, sizeof ticks)) return false;
	if (!text_unsigned(ppid, &n) || !text_number(ticks, start)) return false;
	*state = word[0];
	*parent = (pid_t)n;
	return true;
}

static bool read_stat_of(const char *path, pid_t *parent, char *state, uint64_t *start)
{
	char text[1024];

	_cleanup_close_ int fd = open(path, O_RDONLY | O_CLOEXEC);
	ssize_t n = fd < 0 ? -1 : read(fd, text, sizeof text - 1);
	if (n < 0) return false;
	text[n] = 0;
	return process_parse_stat(text, parent, state, start);
}

static bool read_stat(pid_t pid, pid_t *parent, char *state, uint64_t *start)
{
	char path[64];

	snprintf(path, sizeof path, "/proc/%d/stat", (int)pid);
	return read_stat_of(path, parent, state, start);
}

char process_thread_state(pid_t pid, pid_t thread)
{
	char path[64], state;
	uint64_t start;
	pid_t parent;

	snprintf(path, sizeof path, "/proc/%d/task/%d/stat", (int)pid, (int)thread);
	return read_stat_of(path, &parent, &state, &start) ? state : 'X';
}

bool process_alive(const struct process_id *p)
{
	pid_t parent;
	char state;
	uint64_t start;

	if (p->pid <= 0 || !read_stat(p->pid, &parent, &state, &start)) return false;
	return state != 'Z' && state != 'X' && (!p->start || start == p->start);
}

struct process_id process_identify(pid_t pid)
{
	struct process_id p = { .pid = pid };
	pid_t parent;
	char state;

	if (!read_stat(pid, &parent, &state, &p.start)) p.pid = 0;
	return p;
}

int process_signal(const struct process_id *p, int sig)
{
	_cleanup_close_ int fd = -1;

#ifdef SYS_pidfd_open
	fd = (int)syscall(SYS_pidfd_open, p->pid, 0);
#endif
	/* Checked after the pidfd was opened, so that the pid cannot become another's between check
	 * and signal. */
	if (!process_alive(p)) return -ESRCH;
#ifdef SYS_pidfd_send_signal
	if (fd >= 0 && !syscall(SYS_pidfd_send_signal, fd, sig, NULL, 0)) return 0;
	if (fd >= 0 && errno != ENOSYS && errno != EPERM) return -errno;
#endif
	return kill(p->pid, sig) < 0 ? -errno : 0;
}

static bool read_one(const char *pid, struct proc *p)
{
	char path[64], text[1024], state;

	snprintf(path, sizeof path, "/proc/%.20s/stat", pid);
	_cleanup_close_ int fd = open(path, O_RDONLY | O_CLOEXEC);
	ssize_t n = fd < 0 ? -1 : read(fd, text, sizeof text - 1);
	if (n <= 0) return false;
	text[n] = 0;
	*p = (struct proc){ .id.pid = atoi(pid) };
	if (!process_parse_stat(text, &p->parent, &state, &p->id.start)) return false;
	const char *name = strchr(text, '(');
	p->shim = name && !strncmp(name + 1, "containerd-shim", 15);
	p->zombie = state == 'Z' || state == 'X';
	return true;
}

int procs_read(struct procs *all)
{
	_cleanup_closedir_ DIR *d = opendir("/proc");
	size_t cap = 0;

	*all = (struct procs){0};
	if (!d) return -errno;
	for (struct dirent *e; (e = readdir(d));) {
		if (*e->d_name < '1' || *e->d_name > '9') continue;
		if (all->n == cap) {
			cap = cap ? cap * 2 : 64;
			all->v = xrealloc(all->v, cap * sizeof *all->v);
		}
		if (read_one(e->d_name, &all->v[all->n])) all->n++;
	}
	return 0;
}

void procs_free(struct procs *all)
{
	free(all->v);
	*all = (struct procs){0};
}

static void swap(struct procs *all, size_t a, size_t b)
{
	struct proc t = all->v[a];
	all->v[a] = all->v[b];
	all->v[b] = t;
}

/* Moves the children of pid to the front part, behind *kept. */
static void take_children(struct procs *all, size_t *kept, pid_t pid)
{
	for (size_t i = *kept; i < all->n; i++)
		if (all->v[i].parent == pid && all->v[i].id.pid != pid) swap(all, i, (*kept)++);
}

/* The first `kept` are wanted; adds everything below them, drops the rest and the zombies. */
static void close_downwards(struct procs *all, size_t kept)
{
	for (size_t i = 0; i < kept; i++) take_children(all, &kept, all->v[i].id.pid);
	all->n = 0;
	for (size_t i = 0; i < kept; i++)
		if (!all->v[i].zombie) all->v[all->n++] = all->v[i];
}

void procs_below(struct procs *all, pid_t root)
{
	size_t kept = 0;

	/* root could be listed as its own parent's child otherwise */
	for (size_t i = 0; i < all->n; i++)
		if (all->v[i].id.pid == root) all->v[i].parent = -1;
	take_children(all, &kept, root);
	close_downwards(all, kept);
}

bool process_environment(pid_t pid, bool (*match)(const char *assignment, const void *arg),
	const void *arg)
{
	char path[64];
	_cleanup_buf_ struct buf b = {0};

	snprintf(path, sizeof path, "/proc/%d/environ", (int)pid);
	if (io_read(path, &b, 1 << 20) < 0 || !b.data) return false;
	for (const char *s = b.data, *end = b.data + b.len; s < end; s += strlen(s) + 1)
		if (match(s, arg)) return true;
	return false;
}

void procs_marked(struct procs *all, bool (*match)(const char *assignment, const void *arg),
	const void *arg)
{
	size_t kept = 0;
	pid_t self = getpid();

	for (size_t i = 0; i < all->n; i++) {
		pid_t pid = all->v[i].id.pid;
		if (pid != self && process_environment(pid, match, arg)) swap(all, i, kept++);
	}
	close_downwards(all, kept);
}

void procs_spread_shims(struct procs *all)
{
	bool more = true;

	while (more) {
		more = false;
		for (size_t i = 0; i < all->n; i++)
			for (size_t k = 0; k < all->n && !all->v[i].shim; k++)
				if (all->v[k].shim && all->v[k].id.pid == all->v[i].parent)
					more = all->v[i].shim = true;
	}
}

size_t procs_signal(const struct procs *all, int sig, bool shims)
{
	size_t n = 0;

	for (size_t i = 0; i < all->n; i++) {
		if (all->v[i].shim && !shims) continue;
		process_signal(&all->v[i].id, sig);
		n++;
	}
	return n;
}

size_t procs_count(const struct procs *all, bool shims)
{
	size_t n = 0;

	for (size_t i = 0; i < all->n; i++) n += shims || !all->v[i].shim;
	return n;
}

void process_trim_stack(void)
{
	enum { KEEP = 64 << 10 };
	char here;
	struct rlimit limit;
	uintptr_t page = (uintptr_t)sysconf(_SC_PAGESIZE),
		top = ((uintptr_t)&here - KEEP) & ~(page - 1);

	if (getrlimit(RLIMIT_STACK, &limit) < 0 || limit.rlim_cur == RLIM_INFINITY ||
		limit.rlim_cur > 64 << 20) return;
	/* The whole range that the stack may have; an error for what is not mapped does not
	 * matter. */
	uintptr_t size = (limit.rlim_cur - 2 * KEEP) & ~(page - 1);
	if (size < limit.rlim_cur) madvise((void *)(top - size), size, MADV_DONTNEED);
}
