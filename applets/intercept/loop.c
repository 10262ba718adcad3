/* The event loop: waits for a stop, classifies it, dispatches it, resumes the thread. Nothing that
 * a tracee does ends the loop: if a thread dies meanwhile, ptrace requests fail, and waitpid
 * reports it later. What happens at stops of system calls is in calls/dispatch.c; here are births,
 * ends and signals. */
#include "intercept/loop.h"

#include <errno.h>
#include <signal.h>
#include <sys/ptrace.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/die.h"
#include "intercept/calls/dispatch.h"
#include "intercept/calls/rules.h"
#include "intercept/trace/event.h"

static bool is_gone(pid_t pid)
{
	return kill(pid, 0) < 0 && errno == ESRCH;
}

/* ---- exec ---- */

/* The thread that called exec goes on under the number of its group. All others vanish, most of
 * them with a report from waitpid(2), but not all. */
static void on_exec(struct tracer *tr, struct tracee *t)
{
	struct specials *specials = &tr->view.specials;
	pid_t old = (pid_t)tracee_event_msg(t);

	tr->counters.births++;
	/* In gVisor the number is that of the tracee's own PID namespace, and may mean another
	 * thread here: it is used only if no thread has it any more. */
	if (old != t->tid && tracee_find(&tr->tracees, old) && is_gone(old))
		tracee_remove(&tr->tracees, old);
	tracee_end_call(t);
	mem_forget(&tr->tracees.mem, t->tid);
	scratch_forget(tr->scratch, t->tid);
	t->tgid = t->tid;
	t->root = ROOT_UNKNOWN;
	if (special_is_hot(specials, t->tid)) special_rescan(specials, t->tid);
	t->call.phase = dispatch_stops_always(tr, t) ? PHASE_IN : PHASE_OUT;
}

/* ---- births ---- */

/* Is a thread of this process making a child in another PID namespace? */
static void *makes_foreign(struct tracee *t, void *tgid)
{
	return t->foreign_child && tracee_tgid(t) == *(pid_t *)tgid ? t : NULL;
}

/* The first stop of a new process may come before the report of its parent, and so may its end. */
static void note_arrival(struct tracer *tr, struct tracee *t)
{
	pid_t parent = tracee_parent(t);

	if (!parent || t->tgid != t->tid) return;
	const struct orphan *maker = orphans_find(&tr->orphans, parent);
	if (!maker || maker->foreign) return;
	bool foreign = maker->foreign_children || tracee_each(&tr->tracees, makes_foreign, &parent);
	if (tr->orphans.n == tr->orphans.cap) orphans_sweep(&tr->orphans, is_gone);
	orphans_born(&tr->orphans, t->tid, parent, foreign);
}

/* The parent is stopped right now, so /proc can be asked for the parent of the child (with
 * CLONE_PARENT another one than its maker). In another PID namespace the number would mean nothing
 * here, and nothing needs to be known of processes that are born there. */
static void note_birth(struct tracer *tr, struct tracee *t)
{
	const struct orphan *maker = orphans_find(&tr->orphans, tracee_tgid(t));
	bool foreign = t->foreign_child || (maker && maker->foreign_children);

	t->foreign_child = false;
	if (!maker || maker->foreign) return;
	struct tracee child = { .tid = (pid_t)tracee_event_msg(t) };
	pid_t parent = tracee_parent(&child);
	if (tr->orphans.n == tr->orphans.cap) orphans_sweep(&tr->orphans, is_gone);
	if (parent && child.tgid == child.tid)
		orphans_born(&tr->orphans, child.tid, parent, foreign);
}

static void on_fork(struct tracer *tr, struct tracee *t)
{
	tr->counters.births++;
	if (tr->cfg.features & F_REAPER) note_birth(tr, t);
	if (t->call.phase == PHASE_OUT && dispatch_stops_always(tr, t)) t->call.phase = PHASE_IN;
}

/* A thread that has not been seen before. Its parent is not known yet, and what the kernel says
 * about that (PTRACE_GETEVENTMSG) is wrong in other PID namespaces. It matters only while a process
 * is hot. */
static struct tracee *welcome(struct tracer *tr, pid_t tid)
{
	struct specials *specials = &tr->view.specials;
	struct tracee *t = tracee_add(&tr->tracees, tid);

	if (!t) return NULL;
	if (tr->cfg.features & F_REAPER) note_arrival(tr, t);
	if (specials->hot_n && tracee_tgid(t) == tid) {
		special_set_hot(specials, tid);
		special_rescan(specials, tid);
	}
	if (!(tr->tracees.n & 1023)) tracee_sweep(&tr->tracees);
	return tracee_find(&tr->tracees, tid);
}

/* ---- ends ---- */

/* The kernel does not know that there is something to wait for: a thread of the heir that waits is
 * interrupted, and asks anew. */
static void *wake_waiting(struct tracee *t, void *heir)
{
	const struct flight *f = &t->call;
	bool waits = f->phase == PHASE_IN && f->rule
		&& (f->rule->nr == SYS_wait4 || f->rule->nr == SYS_waitid);

	if (waits && tracee_tgid(t) == *(pid_t *)heir) tracee_interrupt(t);
	return NULL;
}

static void reparent_children(struct tracer *tr, pid_t tid, int status)
{
	pid_t heir = orphans_ended(&tr->orphans, tid, status);

	/* Gone at once: its parent ignores SIGCHLD, so it will not be waited for. */
	if (is_gone(tid)) orphans_waited(&tr->orphans, tid);
	if (!heir) return;
	kill(heir, SIGCHLD);
	tracee_each(&tr->tracees, wake_waiting, &heir);
}

static void on_end(struct tracer *tr, pid_t tid, int status)
{
	if (tr->cfg.features & F_REAPER) reparent_children(tr, tid, status);
	tracee_remove(&tr->tracees, tid);
	scratch_forget(tr->scratch, tid);
	special_cool(&tr->view.specials, tid);
	if (tid != tr->program.pid) return;
	tr->program.pid = 0;
	tr->program.status = status;
	if (tr->program.ended) tr->program.ended();
}

/* ---- signals ---- */

/* Ctrl-Z: the shell waits for the interceptor, so that stops after the program has; `fg` wakes the
 * whole group. A SIGSTOP sent to the program alone does not stop the interceptor. */
static void on_group_stop(struct tracer *tr, struct tracee *t, int sig)
{
	const struct traced_program *p = &tr->program;

	tracee_resume(t, PTRACE_LISTEN, 0);
	if (t->tid == p->pid && sig != SIGSTOP && getpgid(p->pid) == getpgrp() && p->stopped)
		p->stopped(sig);
}

/* A signal that is sent to the whole group, as by `kill -TERM -PGID` and systemd, reaches the
 * program twice: directly, and from the interceptor, which passes on what it gets. Many programs
 * give up at the second SIGTERM. */
static bool is_echo(struct tracer *tr, struct tracee *t, int sig)
{
	enum { AT_ONCE_MS = 100 };
	struct traced_program *p = &tr->program;

	if (!p->pid || sig == SIGURG || tracee_tgid(t) != p->pid) return false;
	pid_t sender = tracee_sender(t);
	if (!sender) return false;
	int64_t now = clock_ms();
	bool ours = sender == getpid();
	bool echo = sig == p->last_signal.sig && ours != p->last_signal.ours
		&& now - p->last_signal.ms < AT_ONCE_MS;
	p->last_signal.sig = echo ? 0 : sig;
	p->last_signal.ours = ours;
	p->last_signal.ms = now;
	return echo;
}

/* ---- the loop ---- */

static void on_stop(struct tracer *tr, struct tracee *t, struct trace_event e)
{
	int sig = 0;

	switch (e.type) {
	case EV_SECCOMP: dispatch_seccomp_stop(tr, t); break;
	case EV_SYSCALL: dispatch_syscall_stop(tr, t); break;
	case EV_EXEC: on_exec(tr, t); break;
	case EV_FORK: on_fork(tr, t); break;
	case EV_GROUP_STOP: on_group_stop(tr, t, e.value); return;
	case EV_SIGNAL:
		tr->counters.signals++;
		sig = is_echo(tr, t, e.value) ? 0 : e.value;
		break;
	default: break;
	}
	dispatch_resume(tr, t, sig);
}

static void on_event(struct tracer *tr, pid_t tid, int status)
{
	struct trace_event e = event_classify(status);

	if (e.type == EV_EXITED || e.type == EV_KILLED) {
		on_end(tr, tid, status);
		return;
	}
	struct tracee *t = tracee_find(&tr->tracees, tid);
	if (!t) t = welcome(tr, tid);
	if (t) {
		on_stop(tr, t, e);
		return;
	}
	warn("out of memory: thread %d goes on untraced", (int)tid);
	tracee_detach(tid);
}

/* Now and then all stops that have happened are collected before any thread goes on: waitpid(2)
 * looks through its list from the start, and a thread that stops all the time would starve those
 * behind it. */
int loop_run(struct tracer *tr, bool end_with_main)
{
	enum { QUEUE = 256, DRAIN_EVERY = 8 };
	static struct { pid_t tid; int status; } q[QUEUE];
	unsigned round = 0;
	size_t n = 0;

	while (!end_with_main || tr->program.pid) {
		bool drain = tr->tracees.n > 1 && (n > 1 || !(++round % DRAIN_EVERY));
		n = 0;
		pid_t tid = stops_next(&tr->wait, tr->tracees.n, &q[0].status);
		if (tid < 0 && errno == EINTR) continue;
		if (tid < 0) break;
		q[n++].tid = tid;
		while (drain && n < QUEUE && (tid = stops_more(&q[n].status)) > 0) q[n++].tid = tid;
		for (size_t i = 0; i < n; i++) on_event(tr, q[i].tid, q[i].status);
	}
	return errno == ECHILD || !tr->program.pid ? 0 : -errno;
}
