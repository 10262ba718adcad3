/* The event loop: wait, classify, dispatch, resume. Whether a thread is resumed to its next exit stop or
 * let go is decided in one place (go). Nothing that a tracee does ends the loop; a thread that dies
 * under our hands makes ptrace calls fail and is collected by waitpid later. */
#include <errno.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ptrace.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/die.h"
#include "intercept/trace/event.h"
#include "intercept/trace/scratch.h"
#include "intercept/trace/tracer.h"

enum { QUEUE = 256, DRAIN_EVERY = 8 };

/* Must every call of this thread stop? */
static bool stops_always(struct tracer *tr, struct tracee *t)
{
	if (tr->engine == ENGINE_SYSCALL) return true;
	return tr->specials.hot_n && special_is_hot(&tr->specials, tracee_tgid(t));
}

static void go(struct tracer *tr, struct tracee *t, int sig)
{
	bool follow = t->phase != PH_OUT || stops_always(tr, t);
	tr->resumed = t->tid;
	tracee_resume(t, follow ? PTRACE_SYSCALL : PTRACE_CONT, sig);
}

/* The same call of the same place with the same arguments: the one that a handler sent round again. */
static bool same_call(const regs_t *a, const regs_t *b)
{
	if (regs_nr(a) != regs_nr(b) || regs_ip(a) != regs_ip(b) || regs_sp(a) != regs_sp(b)) return false;
	for (int i = 0; i < 6; i++)
		if (regs_arg(a, i) != regs_arg(b, i)) return false;
	return true;
}

static const struct rule *pick_rule(struct tracer *tr, struct tracee *t, const regs_t *r, bool filtered,
	bool always)
{
	bool hot = always && tr->engine == ENGINE_SECCOMP;
	const struct rule *rule = rule_find(regs_nr(r), tr->features | (always ? F_HOT : 0));

	if (!rule || filtered || t->again) return rule;
	/* What the filter would have let pass, passes here too, unless the process is being watched. */
	if (!hot && rule->pass.mask && (regs_arg(r, rule->pass.arg) & rule->pass.mask) == rule->pass.value) return NULL;
	return tracee_native_call(tr, t) ? rule : NULL;
}

static enum verdict ask_rule(struct tracer *tr, struct call *c)
{
	if (!c->rule) return PASS;
	tr->counts[c->rule - rules].stops++;
	if (c->rule->error) return call_done(c, -(long)c->rule->error);
	return c->rule->enter ? c->rule->enter(c) : EXIT;
}

/* A call begins: at its seccomp stop (filtered) or its entry stop. */
static void on_entry(struct tracer *tr, struct tracee *t, bool filtered)
{
	struct call c = { .tr = tr, .t = t };

	t->phase = PH_OUT;
	if (tracee_get_regs(t, &c.regs) < 0) return;
	bool always = stops_always(tr, t);
	c.rule = pick_rule(tr, t, &c.regs, filtered, always);
	if (!t->again || !same_call(&t->saved, &c.regs)) tracee_end_call(t);
	t->again = false;
	t->saved = c.regs;
	tr->stops++;

	enum verdict v = ask_rule(tr, &c);
	if (v == EXIT) {
		t->rule = c.rule;
		t->then = c.then ? c.then : c.rule->exit;
	} else if (v == DONE) {
		regs_set_nr(&c.regs, -1);
		regs_set_result(&c.regs, c.result);
		t->forced = c.dirty = true;
		t->result = c.result;
	}
	if (c.dirty) tracee_set_regs(t, &c.regs);

	/* A call skipped at its entry stop still passes the tracee's own filters, which may set another
	 * result: see on_exit. */
	bool follow = v == EXIT || always || (v == DONE && !filtered);
	if (follow) t->phase = filtered && tr->seccomp_first && v != DONE ? PH_FILTERED : PH_IN;
	else tracee_end_call(t);
}

static void give_arguments_back(regs_t *r, const regs_t *saved)
{
	for (int i = 0; i < 6; i++) regs_set_arg(r, i, regs_arg(saved, i));
	regs_set_nr(r, regs_nr(saved));
}

/* A call has ended. */
static void on_exit_stop(struct tracer *tr, struct tracee *t)
{
	struct call c = { .tr = tr, .t = t, .rule = t->rule };

	t->phase = PH_OUT;
	if (!t->rule && !t->forced && !t->swapped) return;
	if (tracee_get_regs(t, &c.regs) < 0) return;
	if (t->swapped) give_arguments_back(&c.regs, &t->saved);
	c.dirty = t->swapped || t->forced;
	c.result = t->forced ? t->result : regs_result(&c.regs);

	handler *then = t->then;
	t->rule = NULL;
	t->then = NULL;
	t->forced = t->swapped = false;
	enum verdict v = then ? then(&c) : PASS;
	if (v == AGAIN) {
		regs_repeat(&c.regs, regs_nr(&t->saved));
		t->again = true;
	} else {
		regs_set_result(&c.regs, c.result);
		tracee_end_call(t);
	}
	if (v != PASS || c.dirty) tracee_set_regs(t, &c.regs);
}

static void on_syscall_stop(struct tracer *tr, struct tracee *t)
{
	switch (t->phase) {
	case PH_OUT: on_entry(tr, t, false); break;
	case PH_FILTERED: t->phase = PH_IN; break;
	case PH_IN: on_exit_stop(tr, t); break;
	}
}

static void on_seccomp_stop(struct tracer *tr, struct tracee *t)
{
	if (t->phase != PH_IN) on_entry(tr, t, true);   /* PH_IN: its entry stop was seen already */
}

static bool is_gone(pid_t pid)
{
	return kill(pid, 0) < 0 && errno == ESRCH;
}

/* The thread that called exec goes on under its group's number, all others vanish, most of them with a
 * word, not all. */
static void on_exec(struct tracer *tr, struct tracee *t)
{
	pid_t old = (pid_t)tracee_event_msg(t);

	tr->births++;
	/* In gVisor the number is in the tracee's own PID namespace and may mean another thread here:
	 * only a number that nobody has any more is believed. */
	if (old != t->tid && tracee_find(tr, old) && is_gone(old)) tracee_remove(tr, old);
	tracee_end_call(t);
	mem_forget(&tr->mem, t->tid);
	scratch_forget(tr, t->tid);
	t->tgid = t->tid;
	t->root = ROOT_UNKNOWN;
	if (special_is_hot(&tr->specials, t->tid)) special_rescan(tr, t->tid);
	t->phase = stops_always(tr, t) ? PH_IN : PH_OUT;
}

/* Ctrl-Z: the shell waits for us, so we stop when the program has; `fg` wakes the whole group. A SIGSTOP
 * sent to the program alone is its own affair. */
static void on_group_stop(struct tracer *tr, struct tracee *t, int sig)
{
	tracee_resume(t, PTRACE_LISTEN, 0);
	if (t->tid == tr->main && sig != SIGSTOP && getpgid(tr->main) == getpgrp() && tr->main_stopped) tr->main_stopped(sig);
}

/* A thread of this process that is making a child in another PID namespace. */
static void *makes_foreign(struct tracer *tr, struct tracee *t, void *arg)
{
	(void)tr;
	return t->foreign_child && tracee_tgid(t) == *(pid_t *)arg ? t : NULL;
}

/* The first stop of a new process may come before its parent tells of it, and so may its end. */
static void note_arrival(struct tracer *tr, struct tracee *t)
{
	pid_t parent = tracee_parent(t);
	const struct process *maker = parent && t->tgid == t->tid ? orphans_find(&tr->orphans, parent) : NULL;

	if (!maker || maker->foreign) return;
	bool foreign = maker->foreign_children || tracee_each(tr, makes_foreign, &parent);
	if (tr->orphans.n == tr->orphans.cap) orphans_sweep(&tr->orphans, is_gone);
	orphans_born(&tr->orphans, t->tid, parent, foreign);
}

/* Its parent is stopped right now, so /proc can be asked who that is (with CLONE_PARENT not the one that made it). In another PID
 * namespace the number would mean nothing here, and nothing needs to be known of what is born there. */
static void note_birth(struct tracer *tr, struct tracee *t)
{
	const struct process *maker = orphans_find(&tr->orphans, tracee_tgid(t));
	bool foreign = t->foreign_child || (maker && maker->foreign_children);

	t->foreign_child = false;
	if (!maker || maker->foreign) return;
	struct tracee child = { .tid = (pid_t)tracee_event_msg(t) };
	pid_t parent = tracee_parent(&child);
	if (tr->orphans.n == tr->orphans.cap) orphans_sweep(&tr->orphans, is_gone);
	if (parent && child.tgid == child.tid) orphans_born(&tr->orphans, child.tid, parent, foreign);
}

/* The kernel does not know that what it waits for is there: it comes back, and asks anew. */
static void *wake_waiting(struct tracer *tr, struct tracee *t, void *heir)
{
	(void)tr;
	if (t->phase == PH_IN && t->rule && (t->rule->nr == SYS_wait4 || t->rule->nr == SYS_waitid) && tracee_tgid(t) == *(pid_t *)heir)
		tracee_interrupt(t);
	return NULL;
}

static void on_end(struct tracer *tr, pid_t tid, int status)
{
	pid_t heir = tr->features & F_REAPER ? orphans_ended(&tr->orphans, tid, status) : 0;

	/* Its parent ignores SIGCHLD, so there is nothing that it could leave to anybody. */
	if (tr->features & F_REAPER && is_gone(tid)) orphans_waited(&tr->orphans, tid);
	if (heir) {
		kill(heir, SIGCHLD);
		tracee_each(tr, wake_waiting, &heir);
	}
	tracee_remove(tr, tid);
	scratch_forget(tr, tid);
	special_cool(tr, tid);
	if (tid == tr->main) {
		tr->main = 0;
		tr->main_status = status;
		if (tr->main_ended) tr->main_ended();
	}
}

/* A thread or process we have not seen before: its parent is not known yet, and what the kernel says
 * about that cannot be relied upon (PTRACE_GETEVENTMSG in other PID namespaces). It matters only while
 * some process is hot. */
static struct tracee *welcome(struct tracer *tr, pid_t tid)
{
	struct tracee *t = tracee_add(tr, tid);
	if (!t) return NULL;
	if (tr->features & F_REAPER) note_arrival(tr, t);
	if (tr->specials.hot_n && tracee_tgid(t) == tid) {
		special_set_hot(&tr->specials, tid);
		special_rescan(tr, tid);
	}
	if (!(tr->tracee_n & 1023)) tracee_sweep(tr);
	return tracee_find(tr, tid);
}

/* Who signals the whole group, as `kill -TERM -PGID` and systemd do, reaches the program twice: itself, and by us, who pass on what we get.
 * A second SIGTERM is a harder word than one. */
static bool is_echo(struct tracer *tr, struct tracee *t, int sig)
{
	enum { AT_ONCE_MS = 100 };

	if (!tr->main || sig == SIGURG || tracee_tgid(t) != tr->main) return false;
	pid_t sender = tracee_sender(t);
	if (!sender) return false;
	int64_t now = clock_ms();
	bool ours = sender == getpid();
	bool echo = sig == tr->last_signal.sig && ours != tr->last_signal.ours && now - tr->last_signal.ms < AT_ONCE_MS;
	tr->last_signal.sig = echo ? 0 : sig;
	tr->last_signal.ours = ours;
	tr->last_signal.ms = now;
	return echo;
}

static void dispatch(struct tracer *tr, pid_t tid, int status)
{
	struct event e = event_classify(status);
	int sig = 0;

	if (e.type == EV_EXITED || e.type == EV_KILLED) {
		on_end(tr, tid, status);
		return;
	}
	struct tracee *t = tracee_find(tr, tid);
	if (!t && !(t = welcome(tr, tid))) {
		warn("out of memory: thread %d goes untraced", (int)tid);
		ptrace(PTRACE_DETACH, tid, NULL, NULL);
		return;
	}
	switch (e.type) {
	case EV_SECCOMP: on_seccomp_stop(tr, t); break;
	case EV_SYSCALL: on_syscall_stop(tr, t); break;
	case EV_EXEC: on_exec(tr, t); break;
	case EV_SIGNAL:
		tr->signals++;
		sig = is_echo(tr, t, e.value) ? 0 : e.value;
		break;
	case EV_GROUP_STOP: on_group_stop(tr, t, e.value); return;
	case EV_FORK:
		tr->births++;
		if (tr->features & F_REAPER) note_birth(tr, t);
		if (t->phase == PH_OUT && stops_always(tr, t)) t->phase = PH_IN;
		break;
	default: break;
	}
	go(tr, t, sig);
}

static void *heat(struct tracer *tr, struct tracee *t, void *arg)
{
	(void)tr;
	if (t->phase == PH_OUT && tracee_tgid(t) == *(pid_t *)arg) tracee_interrupt(t);
	return NULL;
}

void tracer_heat(struct tracer *tr, pid_t tgid)
{
	if (special_is_hot(&tr->specials, tgid)) return;
	special_set_hot(&tr->specials, tgid);
	if (tr->engine == ENGINE_SECCOMP) tracee_each(tr, heat, &tgid);
}

/* Looks for a while whether a thread stops; of many, each look at all of which takes its time, the one that was let go last. In vain:
 * doubles the number of times that nobody looks. */
static pid_t look(struct tracer *tr, int *status)
{
	enum { LOOKS = 64, MANY = 16, LONGEST_PAUSE = 64 };
	pid_t at = tr->tracee_n > MANY ? tr->resumed : -1;

	for (int i = 0; i < LOOKS; i++) {
		pid_t tid = waitpid(at, status, __WALL | WNOHANG);
		if (!tid) continue;
		tr->spin_pause = 0;
		return tid;
	}
	tr->spin_pause = !tr->spin_pause ? 1 : tr->spin_pause < LONGEST_PAUSE ? tr->spin_pause * 2 : LONGEST_PAUSE;
	tr->spin_rest = tr->spin_pause;
	return 0;
}

/* The next stop or end of any tracee. One that stops again at once, as most do, would find the tracer asleep on another processor, and
 * waking that up costs more than all else here together. */
static pid_t next(struct tracer *tr, int *status)
{
	pid_t tid = 0;

	if (tr->spin_rest) tr->spin_rest--;
	else if (tr->spin && tr->resumed) tid = look(tr, status);
	return tid > 0 ? tid : waitpid(-1, status, __WALL);
}

/* All stops that are there are collected before any thread goes on, now and then at least: waitpid looks
 * through its list from the start, and a thread that stops all the time would starve those behind it. */
int tracer_loop(struct tracer *tr, bool end_with_main)
{
	static struct { pid_t tid; int status; } q[QUEUE];
	unsigned round = 0;
	size_t n = 0;

	while (!end_with_main || tr->main) {
		bool drain = tr->tracee_n > 1 && (n > 1 || !(++round % DRAIN_EVERY));
		n = 0;
		pid_t tid = next(tr, &q[0].status);
		if (tid < 0 && errno == EINTR) continue;
		if (tid < 0) break;
		q[n++].tid = tid;
		while (drain && n < QUEUE && (tid = waitpid(-1, &q[n].status, __WALL | WNOHANG)) > 0) q[n++].tid = tid;
		for (size_t i = 0; i < n; i++) dispatch(tr, q[i].tid, q[i].status);
	}
	return errno == ECHILD || !tr->main ? 0 : -errno;
}
