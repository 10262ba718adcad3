/* What handlers do with a call. */
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include "base/buf.h"
#include "intercept/trace/job.h"
#include "intercept/trace/scratch.h"
#include "intercept/trace/tracer.h"

void job_init(struct job *j, enum job_kind kind)
{
	memset(j, 0, offsetof(struct job, path));
	j->path[0] = j->target[0] = 0;
	j->kind = kind;
	j->slot = -1;
}

struct job *job_new(enum job_kind kind)
{
	struct job *j = malloc(sizeof *j);
	if (j) job_init(j, kind);
	return j;
}

void job_free(struct job *j)
{
	if (j && j->pool) scratch_put(j->pool, j->slot);
	free(j);
}

void call_set_arg(struct call *c, int i, uint64_t v)
{
	regs_set_arg(&c->regs, i, v);
	c->t->swapped = c->dirty = true;
}

void call_set_nr(struct call *c, long nr)
{
	regs_set_nr(&c->regs, nr);
	c->t->swapped = c->dirty = true;
}

int call_read(struct call *c, uint64_t addr, void *to, size_t n)
{
	return mem_read(&c->tr->mem, c->t->tid, addr, to, n);
}

int call_write(struct call *c, uint64_t addr, const void *from, size_t n)
{
	return mem_write(&c->tr->mem, c->t->tid, addr, from, n);
}

enum verdict call_done(struct call *c, long result)
{
	c->result = result;
	return DONE;
}

enum verdict call_exit(struct call *c, handler *then)
{
	c->then = then;
	return EXIT;
}

void call_log(const struct call *c, const char *fmt, ...)
{
	_cleanup_buf_ struct buf b = {0};
	va_list ap;
	char text[PATH_MAX + 256];

	if (!c->tr->log) return;
	va_start(ap, fmt);
	vsnprintf(text, sizeof text, fmt, ap);
	va_end(ap);
	buf_printf(&b, "[%d] %s: %s\n", (int)c->t->tid, c->rule ? c->rule->name : "?", text);
	fwrite(b.data, 1, b.len, c->tr->log);
	fflush(c->tr->log);
}

void call_count(struct call *c)
{
	if (c->rule) c->tr->counts[c->rule - rules].answered++;
}
