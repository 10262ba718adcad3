/* --subreaper: emulates prctl(PR_SET_CHILD_SUBREAPER), and reports reparented children, which the
 * kernel has given to process 1, in wait4 and waitid of the subreapers. */
#include <errno.h>
#include <sched.h>
#include <signal.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/wait.h>

#include "intercept/calls/call.h"
#include "intercept/calls/handlers.h"

/* The kernel's values: an error that user space never sees, and the size of struct rusage, which is
 * larger in musl. */
enum { ERESTARTSYS = 512, RUSAGE_BYTES = 144 };

/* The calling process as one that may adopt others; NULL: unknown, or in another PID namespace. */
static struct orphan *myself(struct call *c)
{
	struct orphan *p = orphans_find(&c->tr->orphans, tracee_tgid(c->t));
	return p && !p->foreign ? p : NULL;
}

/* To an address in the tracee; 0: the tracee does not want it. */
static int put(struct call *c, uint64_t addr, const void *from, size_t n)
{
	return addr ? call_write(c, addr, from, n) : 0;
}

/* ---- subreapers, and children in other PID namespaces ---- */

enum call_verdict subreaper_exit(struct call *c)
{
	struct orphan *me = myself(c);
	int now = me && me->reaper;

	if (c->result != -EINVAL || !me) return CALL_PASS;
	call_count(c);
	if (call_arg(c, 0) == PR_GET_CHILD_SUBREAPER) {
		int r = call_write(c, call_arg(c, 1), &now, sizeof now);
		return call_done(c, r < 0 ? -EFAULT : 0);
	}
	me->reaper = call_arg(c, 1);
	return call_done(c, 0);
}

void wait_left_pid_namespace(struct call *c)
{
	unsigned long kind = call_arg(c, c->rule->nr == SYS_setns);
	struct orphan *me = myself(c);

	if (me && !c->result && kind & CLONE_NEWPID) me->foreign_children = true;
}

enum call_verdict clone_enter(struct call *c)
{
	c->t->foreign_child = call_arg(c, 0) & CLONE_NEWPID;
	return CALL_PASS;
}

/* ---- wait4 and waitid ---- */

static call_handler wait_answered, nap_begins, nap_over;

/* What both calls have in common. */
struct wait_args {
	pid_t which;               /* -1: any; 0: none that is reported here (a process group) */
	uint64_t options;
	uint64_t status, info, usage;   /* addresses; 0: not wanted */
};

static struct wait_args wait4_args(struct call *c)
{
	pid_t id = (pid_t)call_arg(c, 0);

	return (struct wait_args){ .which = id < -1 ? 0 : id, .options = call_arg(c, 2) | WEXITED,
		.status = call_arg(c, 1), .usage = call_arg(c, 3) };
}

static struct wait_args waitid_args(struct call *c)
{
	pid_t id = (pid_t)call_arg(c, 1);
	uint64_t type = call_arg(c, 0);

	return (struct wait_args){ .which = type == P_ALL ? -1 : type == P_PID ? id : 0,
		.options = call_arg(c, 3), .info = call_arg(c, 2), .usage = call_arg(c, 4) };
}

static struct wait_args wait_args(struct call *c)
{
	return c->rule->nr == SYS_wait4 ? wait4_args(c) : waitid_args(c);
}

/* Takes an ended child of the caller: as orphans_take(). */
static pid_t take(struct call *c, const struct orphan *me, const struct wait_args *w, int *status)
{
	return orphans_take(&c->tr->orphans, me->pid, w->which, w->options & WNOWAIT, status);
}

static enum call_verdict report(struct call *c, const struct wait_args *w, pid_t pid, int status)
{
	static const char no_usage[RUSAGE_BYTES];
	siginfo_t info;

	memset(&info, 0, sizeof info);
	info.si_signo = SIGCHLD;
	info.si_code = WIFEXITED(status) ? CLD_EXITED : WCOREDUMP(status) ? CLD_DUMPED : CLD_KILLED;
	info.si_pid = pid;
	info.si_status = WIFEXITED(status) ? WEXITSTATUS(status) : WTERMSIG(status);
	call_log(c, "reparented child %d: status %#x", (int)pid, (unsigned)status);
	call_count(c);
	if (put(c, w->status, &status, sizeof status) < 0 || put(c, w->info, &info, sizeof info) < 0
		|| put(c, w->usage, no_usage, sizeof no_usage) < 0) return call_done(c, -EFAULT);
	return call_done(c, c->rule->nr == SYS_wait4 ? pid : 0);
}

/* A child that has ended already is reported before the kernel is asked, which would wait for one
 * that has not. */
enum call_verdict wait_enter(struct call *c)
{
	struct wait_args w = wait_args(c);
	const struct orphan *me = myself(c);
	int status;

	if (!me || !(w.options & WEXITED) || !w.which) return call_then(c, wait_answered);
	pid_t child = take(c, me, &w, &status);
	return child > 0 ? report(c, &w, child, status) : call_then(c, wait_answered);
}

/* The child whose end the kernel has reported; 0: none. */
static pid_t reported(struct call *c, const struct wait_args *w)
{
	siginfo_t info;

	if (c->rule->nr == SYS_wait4) return c->result > 0 ? (pid_t)c->result : 0;
	if (c->result || !w->info || call_read(c, w->info, &info, sizeof info) < 0) return 0;
	return info.si_pid;
}

static enum call_verdict wait_answered(struct call *c)
{
	struct wait_args w = wait_args(c);
	const struct orphan *me = myself(c);
	int status;

	if (!me || (c->result < 0 && c->result != -ECHILD)) return CALL_PASS;
	pid_t own = reported(c, &w);
	if (own && !(w.options & WNOWAIT)) orphans_waited(&c->tr->orphans, own);
	if (own || !(w.options & WEXITED) || !w.which) return CALL_PASS;
	pid_t child = take(c, me, &w, &status);
	if (child > 0) return report(c, &w, child, status);
	if (child < 0 || c->result != -ECHILD) return CALL_PASS;
	/* It has no children for the kernel, but reparented ones that live. */
	return w.options & WNOHANG ? call_done(c, 0) : call_again(c, nap_begins);
}

/* The tracee sleeps for a moment in place of waiting, again and again. */
static enum call_verdict nap_begins(struct call *c)
{
	enum { NAP_MS = 20 };

	call_set_nr(c, SYS_poll);
	call_set_arg(c, 0, 0);
	call_set_arg(c, 1, 0);
	call_set_arg(c, 2, NAP_MS);
	return call_then(c, nap_over);
}

/* A signal ends the nap. Then the call is over or restarted, as the handler of the signal asks for
 * (signal(7)). */
static enum call_verdict nap_over(struct call *c)
{
	struct wait_args w = wait_args(c);
	const struct orphan *me = myself(c);
	int status;

	pid_t child = me ? take(c, me, &w, &status) : -1;
	if (child > 0) return report(c, &w, child, status);
	return c->result < 0 ? call_done(c, -ERESTARTSYS) : call_again(c, nap_begins);
}
