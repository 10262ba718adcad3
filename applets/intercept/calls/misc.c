/* uname, and calls that only change what we must know. */
#include <errno.h>
#include <linux/capability.h>
#include <stdio.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/utsname.h>

#include "base/die.h"
#include "intercept/calls/handlers.h"
#include "intercept/trace/tracer.h"

enum verdict uname_exit(struct call *c)
{
	char release[sizeof ((struct utsname *)0)->release] = "";

	if (c->result < 0) return PASS;
	snprintf(release, sizeof release, "%s", c->tr->uname_release);
	call_write(c, call_arg(c, 0) + offsetof(struct utsname, release), release, sizeof release);
	call_log(c, "%s", release);
	call_count(c);
	return PASS;
}

/* Without CAP_SYS_PTRACE an undumpable tracee's memory is closed to us, and runc's init makes itself
 * undumpable. */
static enum verdict stay_dumpable(struct call *c)
{
	if (!(c->tr->features & F_DUMPABLE) || call_arg(c, 1)) return PASS;
	call_count(c);
	return call_done(c, 0);
}

enum verdict prctl_enter(struct call *c)
{
	switch (call_arg(c, 0)) {
	case PR_SET_DUMPABLE: return stay_dumpable(c);
	case PR_SET_CHILD_SUBREAPER: case PR_GET_CHILD_SUBREAPER:
		return c->tr->features & F_REAPER ? call_exit(c, subreaper_exit) : PASS;
	default: return PASS;
	}
}

enum verdict ptrace_exit(struct call *c)
{
	if (c->result != -EPERM || c->tr->noted_ptrace) return PASS;
	c->tr->noted_ptrace = true;
	warn("process %d wants to trace another one; under intercept it cannot, a process has one tracer",
		(int)c->t->tid);
	return PASS;
}

enum verdict symlink_enter(struct call *c)
{
	c->tr->link_gen++;
	return PASS;
}

enum verdict root_exit(struct call *c)
{
	c->tr->root_gen++;
	c->tr->link_gen++;
	if (c->rule->nr == SYS_unshare || c->rule->nr == SYS_setns) leave_pid_namespace(c);
	return PASS;
}
