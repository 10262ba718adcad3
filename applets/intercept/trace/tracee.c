/* The table of traced threads, ptrace(2) requests on one, and what /proc tells about one. */
#include "intercept/trace/tracee.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ptrace.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/buf.h"
#include "base/io.h"
#include "intercept/trace/hash.h"
#include "intercept/trace/scratch.h"

static struct tracee **bucket(struct tracees *all, pid_t tid)
{
	return &all->bucket[(unsigned)tid % TRACEE_BUCKETS];
}

struct tracee *tracee_find(struct tracees *all, pid_t tid)
{
	struct tracee *t = *bucket(all, tid);
	while (t && t->tid != tid) t = t->next;
	return t;
}

struct tracee *tracee_add(struct tracees *all, pid_t tid)
{
	struct tracee *t = calloc(1, sizeof *t);
	if (!t) return NULL;
	t->tid = tid;
	t->next = *bucket(all, tid);
	*bucket(all, tid) = t;
	if (++all->n > all->most) all->most = all->n;
	mem_forget(&all->mem, tid);   /* the number may have belonged to another thread */
	return t;
}

void tracee_end_call(struct tracee *t)
{
	struct flight *f = &t->call;

	if (f->pool) scratch_put(f->pool, f->slot);
	free(f->state);
	free(f->held);
	f->pool = NULL;
	f->state = NULL;
	f->held = NULL;
	f->rule = NULL;
	f->then = NULL;
	f->again = f->forced = f->swapped = false;
}

void tracee_remove(struct tracees *all, pid_t tid)
{
	for (struct tracee **p = bucket(all, tid); *p; p = &(*p)->next) {
		struct tracee *t = *p;
		if (t->tid != tid) continue;
		*p = t->next;
		tracee_end_call(t);
		free(t);
		all->n--;
		break;
	}
	mem_forget(&all->mem, tid);
}

void *tracee_each(struct tracees *all, void *(*fn)(struct tracee *, void *), void *arg)
{
	for (size_t i = 0; i < TRACEE_BUCKETS; i++)
		for (struct tracee *t = all->bucket[i], *next; t; t = next) {
			next = t->next;
			void *found = fn(t, arg);
			if (found) return found;
		}
	return NULL;
}

static void *remove_if_gone(struct tracee *t, void *all)
{
	if (kill(t->tid, 0) < 0 && errno == ESRCH) tracee_remove(all, t->tid);
	return NULL;
}

void tracee_sweep(struct tracees *all)
{
	tracee_each(all, remove_if_gone, all);
}

/* ---- /proc/TID ---- */

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

/* The owner of /proc/TID is the effective user of the process, or root if it is undumpable. */
uid_t tracee_euid(const struct tracee *t)
{
	char path[64];
	struct stat st;

	tracee_proc(t, "", path, sizeof path);
	return stat(path, &st) < 0 ? 0 : st.st_uid;
}

uint64_t tracee_net_ns(const struct tracee *t)
{
	char link[64];
	return tracee_link(t, "ns/net", link, sizeof link) ? hash_bytes(link, strlen(link), 0) : 1;
}

/* ---- ptrace ---- */

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

int tracee_interrupt(struct tracee *t)
{
	return ptrace(PTRACE_INTERRUPT, t->tid, NULL, NULL) < 0 ? -errno : 0;
}

int tracee_detach(pid_t tid)
{
	return ptrace(PTRACE_DETACH, tid, NULL, NULL) < 0 ? -errno : 0;
}

int tracee_seize(pid_t tid, bool seccomp)
{
	unsigned long options = PTRACE_O_TRACESYSGOOD | PTRACE_O_EXITKILL | PTRACE_O_TRACECLONE
		| PTRACE_O_TRACEFORK | PTRACE_O_TRACEVFORK | PTRACE_O_TRACEEXEC;

	if (seccomp) options |= PTRACE_O_TRACESECCOMP;
	return ptrace(PTRACE_SEIZE, tid, NULL, (void *)options) < 0 ? -errno : 0;
}

unsigned long tracee_event_msg(struct tracee *t)
{
	unsigned long v = 0;
	return ptrace(PTRACE_GETEVENTMSG, t->tid, NULL, &v) < 0 ? 0 : v;
}

pid_t tracee_sender(struct tracee *t)
{
	siginfo_t info;

	if (ptrace(PTRACE_GETSIGINFO, t->tid, NULL, &info) < 0) return 0;
	return info.si_code == SI_USER ? info.si_pid : 0;
}

bool tracee_native_call(struct tracee *t)
{
	/* struct ptrace_syscall_info, which musl does not declare */
	struct { uint8_t op, pad[3]; uint32_t arch; uint64_t rest[10]; } info;
	long n = ptrace(PTRACE_GET_SYSCALL_INFO, t->tid, (void *)sizeof info, &info);

	return n > 8 && info.arch == ARCH_AUDIT;
}
