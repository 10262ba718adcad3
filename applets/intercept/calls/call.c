/* What handlers can do with a call; how it gets from stop to stop is in dispatch.c. */
#include "intercept/calls/call.h"

#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stdlib.h>

#include "base/buf.h"

enum call_verdict call_pass(struct call *c)
{
	(void)c;
	return CALL_PASS;
}

void call_set_arg(struct call *c, int i, uint64_t v)
{
	regs_set_arg(&c->regs, i, v);
	c->t->call.swapped = c->dirty = true;
}

void call_set_nr(struct call *c, long nr)
{
	regs_set_nr(&c->regs, nr);
	c->t->call.swapped = c->dirty = true;
}

void call_set_path(struct call *c, int i, const char *text)
{
	c->texts[c->text_n++] = (struct call_text){ i, text };
}

int call_read(struct call *c, uint64_t addr, void *to, size_t n)
{
	return mem_read(&c->tr->tracees.mem, c->t->tid, addr, to, n);
}

int call_write(struct call *c, uint64_t addr, const void *from, size_t n)
{
	return mem_write(&c->tr->tracees.mem, c->t->tid, addr, from, n);
}

ssize_t call_string(struct call *c, int arg, char *to, size_t size)
{
	return mem_string(&c->tr->tracees.mem, c->t->tid, call_arg(c, arg), to, size);
}

struct call_state *call_new_state(struct call *c)
{
	free(c->t->call.state);
	return c->t->call.state = calloc(1, sizeof(struct call_state));
}

int call_path_start(const struct call *c, const char *raw)
{
	bool absolute = c->rule->dirfd == RULE_NONE || *raw == '/';
	return absolute ? AT_FDCWD : (int)call_arg(c, c->rule->dirfd);
}

struct special *call_special(struct call *c, int i)
{
	return special_of_fd(&c->tr->view.specials, c->t, (int)call_arg(c, i));
}

/* Threads in user mode must be stopped once, to be resumed to their next call. */
static void *interrupt_thread(struct tracee *t, void *tgid)
{
	if (t->call.phase == PHASE_OUT && tracee_tgid(t) == *(pid_t *)tgid) tracee_interrupt(t);
	return NULL;
}

void call_watch_process(struct call *c)
{
	struct tracer *tr = c->tr;
	pid_t tgid = tracee_tgid(c->t);

	if (special_is_hot(&tr->view.specials, tgid)) return;
	special_set_hot(&tr->view.specials, tgid);
	if (tr->kernel.engine == ENGINE_SECCOMP) tracee_each(&tr->tracees, interrupt_thread, &tgid);
}

void call_log(const struct call *c, const char *fmt, ...)
{
	_cleanup_buf_ struct buf b = {0};
	va_list ap;
	char text[PATH_MAX + 256];

	if (!c->tr->cfg.log) return;
	va_start(ap, fmt);
	vsnprintf(text, sizeof text, fmt, ap);
	va_end(ap);
	buf_printf(&b, "[%d] %s: %s\n", (int)c->t->tid, c->rule ? c->rule->name : "?", text);
	bool written = fwrite(b.data, 1, b.len, c->tr->cfg.log) == b.len;
	if ((!written || fflush(c->tr->cfg.log)) && !c->tr->log_error) c->tr->log_error = -errno;
}

void call_count(struct call *c)
{
	if (c->rule) c->tr->counters.by_rule[c->rule - syscall_rules].answered++;
}
