/* --subreaper: prctl(PR_SET_CHILD_SUBREAPER), and what those who asked for it learn from wait4 and waitid of orphans, who in truth have
 * gone to process 1. */
#include <errno.h>
#include <poll.h>
#include <sched.h>
#include <signal.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/wait.h>

#include "intercept/calls/handlers.h"
#include "intercept/trace/job.h"
#include "intercept/trace/tracer.h"

enum { ERESTARTSYS = 512, NAP_MS = 20, RUSAGE_BYTES = 144 };   /* the kernel's; musl's struct is larger */

/* As a process that others may be adopted by; NULL: one whose numbers are not ours. */
static struct process *myself(struct call *c)
{
	struct process *p = orphans_find(&c->tr->orphans, tracee_tgid(c->t));
	return p && !p->foreign ? p : NULL;
}

enum verdict subreaper_exit(struct call *c)
{
	struct process *me = myself(c);
	int now = me && me->reaper;

	if (c->result != -EINVAL || !me) return PASS;
	call_count(c);
	if (call_arg(c, 0) == PR_GET_CHILD_SUBREAPER)
		return call_done(c, call_write(c, call_arg(c, 1), &now, sizeof now) < 0 ? -EFAULT : 0);
	me->reaper = call_arg(c, 1);
	return call_done(c, 0);
}

/* unshare and setns: children are born elsewhere from now on. */
void leave_pid_namespace(struct call *c)
{
	unsigned long kind = call_arg(c, c->rule->nr == SYS_setns);
	struct process *me = myself(c);

	if (me && !c->result && kind & CLONE_NEWPID) me->foreign_children = true;
}

enum verdict clone_enter(struct call *c)
{
	c->t->foreign_child = call_arg(c, 0) & CLONE_NEWPID;
	return PASS;
}

/* ---- waiting ---- */

/* What both calls have in common. */
struct waiting {
	pid_t which;               /* -1: any; 0: none of ours (a process group) */
	uint64_t options, status, info, usage;   /* the last three: addresses, 0: not wanted */
};

static struct waiting understand(struct call *c)
{
	pid_t id = (pid_t)call_arg(c, c->rule->nr == SYS_waitid);

	if (c->rule->nr == SYS_wait4)
		return (struct waiting){ .which = id < -1 ? 0 : id, .options = call_arg(c, 2) | WEXITED, .status = call_arg(c, 1), .usage = call_arg(c, 3) };
	return (struct waiting){ .which = call_arg(c, 0) == P_ALL ? -1 : call_arg(c, 0) == P_PID ? id : 0,
		.options = call_arg(c, 3), .info = call_arg(c, 2), .usage = call_arg(c, 4) };
}

static int put(struct call *c, uint64_t addr, const void *from, size_t n)
{
	return addr ? call_write(c, addr, from, n) : 0;
}

static enum verdict tell(struct call *c, const struct waiting *w, pid_t pid, int status)
{
	static const char none[RUSAGE_BYTES];
	siginfo_t info;

	memset(&info, 0, sizeof info);
	info.si_signo = SIGCHLD;
	info.si_code = WIFEXITED(status) ? CLD_EXITED : WCOREDUMP(status) ? CLD_DUMPED : CLD_KILLED;
	info.si_pid = pid;
	info.si_status = WIFEXITED(status) ? WEXITSTATUS(status) : WTERMSIG(status);
	call_log(c, "orphan %d: status %#x", (int)pid, (unsigned)status);
	call_count(c);
	if (put(c, w->status, &status, sizeof status) < 0 || put(c, w->info, &info, sizeof info) < 0
		|| put(c, w->usage, none, sizeof none) < 0) return call_done(c, -EFAULT);
	return call_done(c, c->rule->nr == SYS_wait4 ? pid : 0);
}

/* The child whose end the kernel has told; 0: none. */
static pid_t told(struct call *c, const struct waiting *w)
{
	siginfo_t info;

	if (c->rule->nr == SYS_wait4) return c->result > 0 ? (pid_t)c->result : 0;
	return c->result || !w->info || call_read(c, w->info, &info, sizeof info) < 0 ? 0 : info.si_pid;
}

static enum verdict asked(struct call *c)
{
	struct waiting w = understand(c);
	const struct process *me = myself(c);
	int status;

	if (!me || (c->result < 0 && c->result != -ECHILD)) return PASS;
	pid_t child = told(c, &w);
	if (child && !(w.options & WNOWAIT)) orphans_waited(&c->tr->orphans, child);
	if (child || !(w.options & WEXITED) || !w.which) return PASS;
	pid_t orphan = orphans_take(&c->tr->orphans, me->pid, w.which, w.options & WNOWAIT, &status);
	if (orphan > 0) return tell(c, &w, orphan, status);
	if (orphan < 0 || c->result != -ECHILD) return PASS;
	/* It has no children for the kernel, but orphans that live. */
	if (w.options & WNOHANG) return call_done(c, 0);
	return (c->t->job = job_new(JOB_OTHER)) ? AGAIN : PASS;
}

/* A signal ends the nap, and the call is over or comes again as its handler has it (signal(7)). */
static enum verdict napped(struct call *c)
{
	struct waiting w = understand(c);
	const struct process *me = myself(c);
	int status;

	pid_t orphan = me ? orphans_take(&c->tr->orphans, me->pid, w.which, w.options & WNOWAIT, &status) : -1;
	if (orphan > 0) return tell(c, &w, orphan, status);
	if (c->result < 0) return call_done(c, -ERESTARTSYS);
	return AGAIN;
}

/* One that has ended already is told before the kernel is asked, which would wait for a child that has not. */
static enum verdict orphan_first(struct call *c)
{
	struct waiting w = understand(c);
	const struct process *me = myself(c);
	int status;

	if (!me || !(w.options & WEXITED) || !w.which) return call_exit(c, asked);
	pid_t orphan = orphans_take(&c->tr->orphans, me->pid, w.which, w.options & WNOWAIT, &status);
	return orphan > 0 ? tell(c, &w, orphan, status) : call_exit(c, asked);
}

enum verdict wait_enter(struct call *c)
{
	if (!c->t->job) return orphan_first(c);
	call_set_nr(c, SYS_poll);
	call_set_arg(c, 0, 0);
	call_set_arg(c, 1, 0);
	call_set_arg(c, 2, NAP_MS);
	return call_exit(c, napped);
}
