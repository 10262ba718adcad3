/* The table of threads, and what can be asked about one. */
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ptrace.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "base/buf.h"
#include "base/io.h"
#include "intercept/trace/hash.h"
#include "intercept/trace/job.h"
#include "intercept/trace/tracer.h"

static struct tracee **bucket(struct tracer *tr, pid_t tid)
{
	return &tr->tracees[(unsigned)tid % TRACEE_BUCKETS];
}

struct tracee *tracee_find(struct tracer *tr, pid_t tid)
{
	struct tracee *t = *bucket(tr, tid);
	while (t && t->tid != tid) t = t->next;
	return t;
}

struct tracee *tracee_add(struct tracer *tr, pid_t tid)
{
	struct tracee *t = calloc(1, sizeof *t);
	if (!t) return NULL;
	t->tid = tid;
	t->next = *bucket(tr, tid);
	*bucket(tr, tid) = t;
	if (++tr->tracee_n > tr->tracee_max) tr->tracee_max = tr->tracee_n;
	mem_forget(&tr->mem, tid);   /* the number may have been somebody else's */
	return t;
}

void tracee_end_call(struct tracee *t)
{
	job_free(t->job);
	t->job = NULL;
	t->rule = NULL;
	t->then = NULL;
	t->forced = t->swapped = t->again = false;
}

void tracee_remove(struct tracer *tr, pid_t tid)
{
	for (struct tracee **p = bucket(tr, tid); *p; p = &(*p)->next) {
		struct tracee *t = *p;
		if (t->tid != tid) continue;
		*p = t->next;
		tracee_end_call(t);
		free(t);
		tr->tracee_n--;
		break;
	}
	mem_forget(&tr->mem, tid);
}

void *tracee_each(struct tracer *tr, void *(*fn)(struct tracer *, struct tracee *, void *), void *arg)
{
	for (size_t i = 0; i < TRACEE_BUCKETS; i++)
		for (struct tracee *t = tr->tracees[i], *next; t; t = next) {
			next = t->next;
			void *found = fn(tr, t, arg);
			if (found) return found;
		}
	return NULL;
}

static void *drop_if_gone(struct tracer *tr, struct tracee *t, void *arg)
{
	(void)arg;
	if (kill(t->tid, 0) < 0 && errno == ESRCH) tracee_remove(tr, t->tid);
	return NULL;
}

void tracee_sweep(struct tracer *tr)
{
	tracee_each(tr, drop_if_gone, NULL);
}

void tracee_proc(const struct tracee *t, const char *what, char *out, size_t size)
{
	snprintf(out, size, "/proc/%d/%s", (int)t->tid, what);
}

bool tracee_link(const struct tracee *t, const char *what, char *out, size_t size)
{
	char path[64 + NAME_MAX];

	tracee_proc(t, what, path, sizeof path);
	ssize_t n = readlink(path, out, size - 1);
	if (n < 0 || n == (ssize_t)size - 1) return false;
	out[n] = 0;
	return true;
}

pid_t tracee_parent(struct tracee *t)
{
	char path[64];
	_cleanup_buf_ struct buf b = {0};

	tracee_proc(t, "status", path, sizeof path);
	if (io_read(path, &b, 1 << 16) < 0 || !b.data) return 0;
	const char *group = strstr(b.data, "\nTgid:"), *parent = strstr(b.data, "\nPPid:");
	t->tgid = group ? atoi(group + 6) : t->tid;
	if (strstr(b.data, "\nState:\tZ") || strstr(b.data, "\nState:\tX")) return 0;
	return parent ? atoi(parent + 6) : 0;
}

pid_t tracee_tgid(struct tracee *t)
{
	if (t->tgid) return t->tgid;
	tracee_parent(t);
	return t->tgid ? t->tgid : t->tid;
}

/* The owner of /proc/TID is its effective user, or root if it made itself undumpable. */
uid_t tracee_euid(const struct tracee *t)
{
	char path[64];
	struct stat st;

	tracee_proc(t, "", path, sizeof path);
	return stat(path, &st) < 0 ? 0 : st.st_uid;
}

static bool root_id(const char *proc, struct stat_id *id)
{
	char path[64];
	struct stat st;

	snprintf(path, sizeof path, "%s/root", proc);
	if (stat(path, &st) < 0) return false;
	id->dev = st.st_dev;
	id->ino = st.st_ino;
	snprintf(path, sizeof path, "%s/ns/mnt", proc);
	ssize_t n = readlink(path, id->mnt, sizeof id->mnt - 1);
	id->mnt[n < 0 ? 0 : n] = 0;   /* no such link (old gVisor): the same for all */
	return true;
}

void tracer_own_root(struct tracer *tr)
{
	if (!root_id("/proc/self", &tr->own_root)) tr->own_root = (struct stat_id){0};
}

enum root_state tracee_root(struct tracer *tr, struct tracee *t)
{
	struct stat_id id;
	char proc[32];

	if (t->root != ROOT_UNKNOWN && t->root_gen == tr->root_gen) return t->root;
	snprintf(proc, sizeof proc, "/proc/%d", (int)t->tid);
	t->root_gen = tr->root_gen;
	memset(&id, 0, sizeof id);
	bool known = root_id(proc, &id);
	t->root_key = hash_bytes(&id, sizeof id, 0);
	t->root = known && id.dev == tr->own_root.dev && id.ino == tr->own_root.ino
		&& !strcmp(id.mnt, tr->own_root.mnt) ? ROOT_SAME : ROOT_OTHER;
	return t->root;
}

int tracee_get_regs(struct tracee *t, regs_t *r)
{
	return ptrace(PTRACE_GETREGS, t->tid, NULL, r) < 0 ? -errno : 0;
}

int tracee_set_regs(struct tracee *t, const regs_t *r)
{
	return ptrace(PTRACE_SETREGS, t->tid, NULL, (void *)r) < 0 ? -errno : 0;
}

int tracee_resume(struct tracee *t, int request, int sig)
{
	return ptrace(request, t->tid, NULL, (void *)(long)sig) < 0 ? -errno : 0;
}

pid_t tracee_sender(struct tracee *t)
{
	siginfo_t info;
	return ptrace(PTRACE_GETSIGINFO, t->tid, NULL, &info) < 0 || info.si_code != SI_USER ? 0 : info.si_pid;
}

int tracee_interrupt(struct tracee *t)
{
	return ptrace(PTRACE_INTERRUPT, t->tid, NULL, NULL) < 0 ? -errno : 0;
}

int tracee_seize(pid_t tid, unsigned options)
{
	return ptrace(PTRACE_SEIZE, tid, NULL, (void *)(unsigned long)options) < 0 ? -errno : 0;
}

unsigned long tracee_event_msg(struct tracee *t)
{
	unsigned long v = 0;
	return ptrace(PTRACE_GETEVENTMSG, t->tid, NULL, &v) < 0 ? 0 : v;
}

bool tracee_native_call(const struct tracer *tr, struct tracee *t)
{
	struct { uint8_t op, pad[3]; uint32_t arch; uint64_t rest[10]; } info;

	if (!tr->has_syscall_info) return true;
	return ptrace(PTRACE_GET_SYSCALL_INFO, t->tid, (void *)sizeof info, &info) > 8 && info.arch == ARCH_AUDIT;
}
