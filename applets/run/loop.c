/* The supervisor: signals and deadlines → events → the machine's table → actions. It sleeps in
 * sigtimedwait(2), which every kernel and sandbox has: SIGCHLD tells about children, so there is no
 * descriptor to watch. */
#include <errno.h>
#include <limits.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/clock.h"
#include "base/die.h"
#include "base/err.h"
#include "base/io.h"
#include "base/process.h"
#include "base/spawn.h"
#include "base/text.h"
#include "cluster/leftovers.h"
#include "cluster/log.h"
#include "cluster/ready.h"
#include "cluster/sweep.h"
#include "plan/fix/cgroupfs.h"
#include "plan/fix/cni_setup.h"
#include "plan/node.h"
#include "run/machine.h"
#include "run/parts.h"
#include "run/run.h"

enum {
	ASK_MS = 200,          /* between two requests for readiness while starting */
	LOOK_MS = 50,          /* between two looks for processes that are left while stopping */
	HEALTH_MS = 10000,     /* the only timer once k3s is ready: the log, the CNI files */
	GIVE_UP_MS = 10000,    /* for processes that SIGKILL does not end (stuck in the kernel) */
	LAST_LINES = 15,
	SAY_MS = 5000,         /* between two looks at what is waited for */
	SAY_AGAIN = 3,         /* looks until the same is said again */
	CGROUPFS_MS = 100,     /* from the end of a cgroupfs, for which others wait, to its start */
};

struct loop {
	struct run *cfg;
	const struct prepared *p;
	struct runstate *st;
	struct loop_reporter *reporter;
	enum machine_state state;
	int log_fd;
	pid_t k3s, probe, follower;
	int probe_fd;
	int status;                /* of k3s, shell's way; -1: it runs */
	bool subreaper;
	struct parts parts;
	/* monotonic ms; 0: not set */
	int64_t ask_at, grace_at, late_at, look_at, health_at, give_up_at, cgroupfs_at;
	char node[64], taint[128]; /* its name, once it is ready; kube_node.taint */
	int64_t say_at;
	unsigned said_same;
	struct err said;           /* what was waited for */
	struct ready_since since;
};

static void save(struct loop *l, enum runstate_phase phase)
{
	l->st->phase = phase;
	int r = runstate_save(l->st, K3SBOX_RUN);
	if (r < 0) {
		warn_errno(r, "%s/state", K3SBOX_RUN);
	}
}

/* Ends the wait for this phase. */
static void reached(struct loop *l, enum wait_for what)
{
	enum wait_for goal = l->st->control_plane && l->cfg->wait == WAIT_NODE ? WAIT_API
		: (enum wait_for)l->cfg->wait;

	if (goal != what) return;
	l->late_at = 0;
	loop_report_end(l->reporter, EX_OK, l->log_fd);
}

/* ---- children ---- */

/* Never called, since the signals are blocked; but process 1 does not receive signals with the
 * default action. */
static void on_signal(int sig)
{
	(void)sig;
}

static bool stop_following(void *arg)
{
	return getppid() != *(pid_t *)arg;
}

/* --verbose: a child that copies the log to stderr. */
static void start_follower(struct loop *l)
{
	pid_t self = getpid();

	if (!l->cfg->verbose || l->reporter->pipe) return;
	l->follower = fork();
	if (l->follower) return;
	sigset_t none;
	sigemptyset(&none);
	prctl(PR_SET_PDEATHSIG, SIGTERM);
	signal(SIGTERM, SIG_DFL);
	signal(SIGINT, SIG_IGN);   /* Ctrl-C is for the supervisor; this one ends with it */
	sigprocmask(SIG_SETMASK, &none, NULL);
	_exit(log_follow(l->st->log, 0, STDERR_FILENO, stop_following, &self) < 0);
}

static int start_k3s(struct loop *l)
{
	const struct prepared *p = l->p;
	struct spawn s = {
		.path = p->argv.v[0], .argv = p->argv.v, .envp = p->env.v,
		.in = SPAWN_NULL, .out = l->log_fd, .err = l->log_fd,
		/* a terminal's Ctrl-C must reach the supervisor alone */
		.new_session = true,
		.die_with_parent = SIGTERM,
	};

	l->k3s = spawn(&s);
	if (l->k3s < 0) {
		errno = (int)-l->k3s;
		warn_errno(-errno, "%s", p->argv.v[0]);
		return errno == ENOENT ? EX_NOTFOUND : EX_NOEXEC;
	}
	l->st->k3s = process_identify(l->k3s);
	l->status = -1;
	l->since = (struct ready_since){ time(NULL), clock_ms() };
	l->parts.v[PART_K3S].started = clock_ms();
	l->ask_at = clock_ms() + ASK_MS;
	l->say_at = clock_ms() + SAY_MS;
	return 0;
}

/* The processes that have to end with k3s: all descendants, or those with our mark where orphaned
 * processes are not reparented to this one. */
static void ours(const struct loop *l, struct procs *all)
{
	int r = l->subreaper ? procs_read(all) : leftovers_read(all);

	if (r < 0) return;
	if (l->subreaper) procs_below(all, getpid());
	for (size_t i = 0; i < all->n; i++)
		if (all->v[i].id.pid == l->follower || all->v[i].id.pid == l->probe ||
		    cgroupfs_is_server(all->v[i].id.pid))
			all->v[i--] = all->v[--all->n];
}

/* ---- actions ---- */

static void act_none(struct loop *l)
{
	(void)l;
}

static void act_say_api(struct loop *l)
{
	loop_report(l->reporter, "API ready");
	save(l, RUNSTATE_API);
	reached(l, WAIT_API);
}

static void act_say_node(struct loop *l)
{
	loop_report(l->reporter, "node %s Ready", l->node);
}

/* The node's data may outlive /etc. */
static void keep_password(const struct loop *l)
{
	char copy[PATH_MAX];
	int r = node_password_copy(l->st->data_dir, copy, sizeof copy);

	if (!r) r = io_copy(NODE_PASSWORD, copy, 0600);
	/* ENOENT: k3s keeps it elsewhere (--rootless). */
	if (r < 0 && r != -ENOENT) warn_errno(r, "cannot keep a copy of %s", NODE_PASSWORD);
}

static void act_say_ready(struct loop *l)
{
	if (!l->st->control_plane) keep_password(l);
	if (!l->st->control_plane) loop_report(l->reporter, "pods can be created%s%s",
		*l->taint ? ", and have to tolerate the node's taint " : "", l->taint);
	process_trim_stack();
	save(l, RUNSTATE_READY);
	reached(l, WAIT_NODE);
	if (!l->reporter->pipe)
		loop_report(l->reporter, "kubeconfig %s, log %s", l->st->kubeconfig, l->st->log);
}

static void act_late(struct loop *l)
{
	warn("not ready after %u s; k3s keeps running: see 'k3sbox status' and 'k3sbox logs', or "
		"'k3sbox stop'",
		l->cfg->timeout);
	l->late_at = 0;
	loop_report_end(l->reporter, EX_TIMEOUT, l->log_fd);
}

static void act_term_k3s(struct loop *l)
{
	loop_report(l->reporter, "stopping");
	l->st->asked = true;
	save(l, RUNSTATE_STOPPING);
	kill(l->k3s, SIGTERM);
	kill(l->k3s, SIGCONT);   /* it may be stopped by a signal */
}

static void act_kill_k3s(struct loop *l)
{
	warn("k3s did not stop within %d s: killing it", machine_grace_ms(ST_TERM) / 1000);
	kill(l->k3s, SIGKILL);
}

static void act_term_pods(struct loop *l)
{
	_cleanup_procs_ struct procs all = {0};

	ours(l, &all);
	procs_signal(&all, SIGTERM, false);
	l->look_at = clock_ms();
}

/* Says how k3s ended, and notes it for `status`. */
static void note_end(struct loop *l, bool again)
{
	int64_t ms = clock_ms() - l->parts.v[PART_K3S].started;
	struct runstate *s = l->st;

	s->status = l->status;
	s->ended = time(NULL);
	log_end(s->log, l->status, s->cause, sizeof s->cause);
	_cleanup_free_ char *next = again ? xstrdup("it is started again")
		: xasprintf("the end of %s:", s->log);
	warn("k3s ended by itself with status %d after %lld.%lld s%s%s; %s", l->status,
		(long long)(ms / 1000), (long long)(ms % 1000 / 100), *s->cause ? ": " : "",
		s->cause, next);
}

/* Ends what k3s has left running, but not its pods: the next one takes these over. */
static void signal_rest(int sig)
{
	_cleanup_procs_ struct procs all = {0};

	if (leftovers_read(&all) < 0) return;
	procs_spread_shims(&all);
	procs_signal(&all, sig, false);
}

static void act_crashed(struct loop *l)
{
	l->st->restarts++;
	l->st->k3s = (struct process_id){0};
	note_end(l, true);
	save(l, RUNSTATE_STARTING);
	l->ask_at = 0;
	if (l->probe) kill(l->probe, SIGKILL);   /* it asks the one that has ended */
	signal_rest(SIGTERM);
}

static void act_again(struct loop *l)
{
	save(l, RUNSTATE_STARTING);
	loop_report(l->reporter, "k3s started again (pid %d)", (int)l->k3s);
}

static void act_stop_down(struct loop *l)
{
	loop_report(l->reporter, "stopping");
	l->st->asked = true;
	save(l, RUNSTATE_STOPPING);
	act_term_pods(l);
}

static void act_died(struct loop *l)
{
	_cleanup_buf_ struct buf tail = {0};

	note_end(l, false);
	log_tail(l->st->log, LAST_LINES, &tail);
	const char *cause = log_cause(l->st->cause);
	if (!cause && tail.data) cause = log_cause(tail.data);
	if (tail.len) io_write_fd(STDERR_FILENO, tail.data, tail.len);
	if (cause) warn("likely cause: %s", cause);
	if (l->state != ST_READY) l->status = l->status ? l->status : EX_FAIL;
	save(l, RUNSTATE_STOPPING);
	act_term_pods(l);
}

static void act_kill_all(struct loop *l)
{
	_cleanup_procs_ struct procs all = {0};

	ours(l, &all);
	procs_signal(&all, SIGKILL, true);
	l->look_at = clock_ms();
	if (!l->give_up_at) l->give_up_at = l->look_at + GIVE_UP_MS;
}

static void act_sweep(struct loop *l)
{
	_cleanup_procs_ struct procs all = {0};
	struct err e = {0};

	ours(l, &all);
	if (all.n)
		warn("%zu processes could not be killed (pid %d and others)", all.n,
			(int)all.v[0].id.pid);
	cgroupfs_close();   /* until here runc had groups to remove */
	if (sweep_all(l->st, &e) < 0) warn("%s", e.text);
	loop_report(l->reporter, "stopped");
}

static void (*const actions[ACT_COUNT])(struct loop *l) = {
	[ACT_NONE] = act_none,
	[ACT_SAY_API] = act_say_api,
	[ACT_SAY_NODE] = act_say_node,
	[ACT_SAY_READY] = act_say_ready,
	[ACT_LATE] = act_late,
	[ACT_TERM_K3S] = act_term_k3s,
	[ACT_KILL_K3S] = act_kill_k3s,
	[ACT_CRASHED] = act_crashed,
	[ACT_AGAIN] = act_again,
	[ACT_STOP_DOWN] = act_stop_down,
	[ACT_DIED] = act_died,
	[ACT_TERM_PODS] = act_term_pods,
	[ACT_KILL_ALL] = act_kill_all,
	[ACT_SWEEP] = act_sweep,
};

static void post(struct loop *l, enum machine_event e)
{
	struct machine_transition t = machine_next(l->state, e);
	int grace = machine_grace_ms(t.next);

	actions[t.action](l);
	if (t.next != l->state || e == EV_GRACE) l->grace_at = grace ? clock_ms() + grace : 0;
	if (t.next >= ST_TERM) {
		l->ask_at = l->late_at = l->health_at = 0;
		parts_forget(&l->parts);
	}
	l->state = t.next;
}

/* Says every few seconds what keeps the cluster from being ready, in the words of k3s or of the
 * kubelet if their log has any. */
static void say_wait(struct loop *l, const char *why)
{
	enum { LINES = 100 };
	_cleanup_buf_ struct buf tail = {0};
	const char *words = NULL, *help = "";
	struct err now = {0};

	if (l->state > ST_ADMIT || clock_ms() < l->say_at || l->cfg->wait == WAIT_NONE) return;
	l->say_at = clock_ms() + SAY_MS;
	if (log_tail(l->st->log, LINES, &tail) >= 0 && tail.data)
		words = log_waits(tail.data, &help);
	if (words) err_set(&now, 0, "%.200s; %s", words, help);
	else err_set(&now, 0, "%s", why);
	l->said_same = strcmp(now.text, l->said.text) ? 0 : l->said_same + 1;
	l->said = now;
	if (l->said_same % SAY_AGAIN == 0) loop_report(l->reporter, "waiting: %s", now.text);
}

/* ---- events ---- */

static void probe_ended(struct loop *l)
{
	struct ready_result r;

	ready_take(l->probe_fd, &r);
	l->probe = 0;
	if (l->state > ST_ADMIT) return;
	l->ask_at = clock_ms() + ASK_MS;
	if (!r.pods) say_wait(l, r.why.text);
	if (!r.api) return;
	if (l->state == ST_API) post(l, EV_API);
	if (r.node && l->state == ST_NODE) {
		snprintf(l->node, sizeof l->node, "%s", r.name);
		snprintf(l->taint, sizeof l->taint, "%s", r.taint);
		post(l, EV_NODE);
	}
	if (!r.pods && !l->st->control_plane) return;
	l->ask_at = 0;
	post(l, EV_READY);
}

static void k3s_ended(struct loop *l, int status)
{
	l->status = status;
	l->st->frozen = false;
	bool again = l->state < ST_TERM && l->cfg->restart == RESTART_ALWAYS &&
		parts_start_later(&l->parts, PART_K3S, l->state == ST_READY);
	post(l, again ? EV_CRASH : EV_EXIT);
}

static void reap(struct loop *l)
{
	int status;
	pid_t pid;

	while ((pid = waitpid(-1, &status, WNOHANG | WUNTRACED | WCONTINUED)) > 0) {
		bool ended = WIFEXITED(status) || WIFSIGNALED(status);
		if (pid == l->k3s && l->status < 0 && !ended) {
			l->st->frozen = WIFSTOPPED(status);
			save(l, l->st->phase);
		} else if (pid == l->k3s && l->status < 0) {
			k3s_ended(l, spawn_status(status));
		} else if (pid == l->probe && ended) {
			probe_ended(l);
		} else if (pid == l->follower && ended) {
			l->follower = 0;
		} else if (ended && cgroupfs_ended(pid)) {
			/* 0: its mount is gone. */
			l->cgroupfs_at = status ? clock_ms() + CGROUPFS_MS : 0;
		} else if (ended) {
			parts_ended(&l->parts, l->cfg, pid, l->state < ST_TERM);
		}
	}
}

static void ask(struct loop *l)
{
	l->ask_at = clock_ms() + ASK_MS;
	if (l->probe) return;
	if (!ready_worth_asking(l->st)) {
		say_wait(l, "k3s has not made the kubeconfig yet");
		return;
	}
	pid_t pid = ready_start(l->st, &l->since, &l->probe_fd);
	if (pid < 0) return;   /* no process can be made now: tried again */
	l->probe = pid;
	l->ask_at = 0;         /* the answer sets it */
}

/* Are processes left? While pods end, shims do not count. */
static void look(struct loop *l)
{
	_cleanup_procs_ struct procs all = {0};

	l->look_at = clock_ms() + LOOK_MS;
	ours(l, &all);
	if (!procs_count(&all, l->state == ST_KILL) && l->status >= 0) post(l, EV_EMPTY);
}

static void take_signal(struct loop *l, int sig)
{
	switch (sig) {
	case SIGCHLD:
		reap(l);
		break;
	case SIGTERM: case SIGINT: case SIGQUIT: case SIGHUP:
		post(l, EV_STOP);
		break;
	default:
		if (l->status < 0) kill(l->k3s, sig);   /* SIGUSR1 and the like are for k3s */
	}
}

static void start_k3s_again(struct loop *l)
{
	l->parts.v[PART_K3S].due_at = 0;
	signal_rest(SIGKILL);
	io_write_fd(l->log_fd, LOG_AGAIN, sizeof LOG_AGAIN - 1);
	int status = start_k3s(l);
	if (status) l->status = status;
	post(l, status ? EV_EXIT : EV_AGAIN);
}

/* The network configuration is needed as long as there are pods, and other programs clear
 * /etc/cni. */
static void heal_network(const struct loop *l)
{
	struct err e = {0};

	if (!l->p->cni.row || cni_is_set_up()) return;
	if (l->p->cni.row->apply(&l->cfg->o, &l->p->cni, &e) < 0)
		warn("the CNI configuration is missing: %s", e.text);
	else warn("the CNI configuration was missing: written again");
}

static void take_deadlines(struct loop *l)
{
	int64_t now = clock_ms();

	parts_start_due(&l->parts, l->cfg);
	if (l->state == ST_DOWN && now >= l->parts.v[PART_K3S].due_at) start_k3s_again(l);
	if (l->cgroupfs_at && now >= l->cgroupfs_at)
		l->cgroupfs_at = cgroupfs_restart() < 0 ? now + CGROUPFS_MS : 0;
	if (l->late_at && now >= l->late_at) post(l, EV_LATE);
	if (l->ask_at && now >= l->ask_at) ask(l);
	if (l->give_up_at && now >= l->give_up_at) post(l, EV_GIVE_UP);
	if (l->look_at && now >= l->look_at && l->state >= ST_PODS && l->state < ST_DONE) look(l);
	if (l->grace_at && now >= l->grace_at) post(l, EV_GRACE);
	if (l->health_at && now >= l->health_at) {
		log_rotate(l->st->log, LOG_MAX);
		heal_network(l);
		l->health_at = now + HEALTH_MS;
	}
}

/* Until the next deadline; a day if there is none. */
static struct timespec next_wait(const struct loop *l)
{
	const int64_t at[] = {
		l->ask_at, l->grace_at, l->late_at, l->look_at, l->health_at, l->give_up_at,
		parts_next(&l->parts), l->cgroupfs_at,
	};
	int64_t now = clock_ms(), wait = 86400000;

	for (size_t i = 0; i < sizeof at / sizeof *at; i++)
		if (at[i] && at[i] - now < wait) wait = at[i] > now ? at[i] - now : 0;
	return (struct timespec){ .tv_sec = wait / 1000, .tv_nsec = wait % 1000 * 1000000 };
}

static const int handled[] = { SIGCHLD, SIGTERM, SIGINT, SIGQUIT, SIGHUP, SIGUSR1, SIGUSR2 };

static void run_loop(struct loop *l, const sigset_t *set)
{
	while (l->state != ST_DONE) {
		struct timespec wait = next_wait(l);
		int sig = sigtimedwait(set, NULL, &wait);
		if (sig > 0) take_signal(l, sig);
		else if (errno != EAGAIN && errno != EINTR)
			die_errno(EX_SYS, -errno, "waiting for signals");
		reap(l);   /* one SIGCHLD may stand for several children */
		take_deadlines(l);
	}
}

/* SIGHUP stays ignored if the caller ignores it (nohup, --detach). */
static void take_signals(sigset_t *set)
{
	struct sigaction old;

	sigemptyset(set);
	for (size_t i = 0; i < sizeof handled / sizeof *handled; i++) {
		if (handled[i] == SIGHUP && !sigaction(SIGHUP, NULL, &old) &&
			old.sa_handler == SIG_IGN) continue;
		signal(handled[i], on_signal);
		sigaddset(set, handled[i]);
	}
	sigprocmask(SIG_BLOCK, set, NULL);
}

/* `run -d` may still wait: for it, a k3s that was told to stop before it was ready has failed. */
static void stopped_early(struct loop *l)
{
	int status = l->st->status;

	if (!l->reporter->pipe || l->reporter->fd < 0) return;
	if (!status) warn("k3s was stopped before it was ready");
	loop_report_end(l->reporter, status ? status : EX_FAIL, l->log_fd);
}

int loop_supervise(struct run *cfg, struct prepared *p, struct loop_reporter *r)
{
	struct loop l = { .cfg = cfg, .p = p, .st = &p->state, .reporter = r, .status = -1 };
	sigset_t set;

	take_signals(&set);
	signal(SIGPIPE, SIG_IGN);
	l.subreaper = getpid() == 1 || !prctl(PR_SET_CHILD_SUBREAPER, 1);
	l.log_fd = log_open(p->state.log);
	if (l.log_fd < 0) {
		warn_errno(l.log_fd, "%s", p->state.log);
		return EX_FAIL;
	}
	p->state.supervisor = cfg->outside.pid ? cfg->outside : process_identify(getpid());
	p->state.started = time(NULL);
	/* Before k3s is started: a marked process without a state would count as damage. */
	prctl(PR_SET_NAME, LEFTOVERS_SUPERVISOR);
	save(&l, RUNSTATE_STARTING);
	int status = start_k3s(&l);
	if (status) {
		p->state.status = status;
		save(&l, RUNSTATE_STOPPED);
		return status;
	}
	save(&l, RUNSTATE_STARTING);
	loop_report(r, "k3s started (pid %d)", (int)l.k3s);
	start_follower(&l);
	/* The caller's directory must not be kept busy for days. k3s itself was started in it:
	 * names after -- may be relative. */
	if (r->pipe && chdir("/") < 0) warn_errno(-errno, "/");
	l.health_at = clock_ms() + HEALTH_MS;
	if (cfg->timeout) l.late_at = r->t0 + (int64_t)cfg->timeout * 1000;
	reached(&l, WAIT_NONE);
	run_loop(&l, &set);
	p->state.status = l.status < 0 ? EX_FAIL : l.status;
	save(&l, RUNSTATE_STOPPED);
	if (l.follower) kill(l.follower, SIGTERM);
	stopped_early(&l);
	close(l.log_fd);
	/* A readiness check that is still running must not hold the lock. */
	runstate_unlock(cfg->lock);
	return p->state.status;
}
