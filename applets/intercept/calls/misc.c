/* uname, prctl, ptrace, symlink: calls whose rules are too small for a file each. */
#include <errno.h>
#include <stdio.h>
#include <sys/prctl.h>
#include <sys/utsname.h>

#include "base/die.h"
#include "intercept/calls/call.h"
#include "intercept/calls/handlers.h"

enum call_verdict uname_exit(struct call *c)
{
	char release[sizeof ((struct utsname *)0)->release] = "";
	uint64_t at = call_arg(c, 0) + offsetof(struct utsname, release);

	if (c->result < 0) return CALL_PASS;
	snprintf(release, sizeof release, "%s", c->tr->cfg.uname_release);
	call_write(c, at, release, sizeof release);
	call_log(c, "%s", release);
	call_count(c);
	return CALL_PASS;
}

/* Without CAP_SYS_PTRACE the memory of an undumpable tracee cannot be read, and runc makes itself
 * undumpable. */
static enum call_verdict stay_dumpable(struct call *c)
{
	if (!(c->tr->cfg.features & F_DUMPABLE) || call_arg(c, 1)) return CALL_PASS;
	call_count(c);
	return call_done(c, 0);
}

enum call_verdict prctl_enter(struct call *c)
{
	switch (call_arg(c, 0)) {
	case PR_SET_DUMPABLE: return stay_dumpable(c);
	case PR_SET_CHILD_SUBREAPER: case PR_GET_CHILD_SUBREAPER:
		return c->tr->cfg.features & F_REAPER ? call_then(c, subreaper_exit) : CALL_PASS;
	default: return CALL_PASS;
	}
}

enum call_verdict ptrace_exit(struct call *c)
{
	if (c->result != -EPERM || c->tr->noted_ptrace) return CALL_PASS;
	c->tr->noted_ptrace = true;
	warn("process %d cannot trace another process: each process has at most one tracer, "
		"and under intercept it has one", (int)c->t->tid);
	return CALL_PASS;
}

enum call_verdict symlink_enter(struct call *c)
{
	view_links_changed(&c->tr->view);
	return CALL_PASS;
}
