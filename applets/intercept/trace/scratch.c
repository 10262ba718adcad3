#include "intercept/trace/scratch.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/syscall.h>

#include "intercept/trace/job.h"

struct scratch *scratch_get(struct call *c, int *slot)
{
	pid_t tgid = tracee_tgid(c->t);

	for (struct scratch *s = c->tr->scratch; s; s = s->next) {
		if (s->tgid != tgid || s->used == (1u << SCRATCH_SLOTS) - 1) continue;
		for (*slot = 0; s->used >> *slot & 1;) ++*slot;
		s->used |= 1u << *slot;
		return s;
	}
	return NULL;
}

void scratch_put(struct scratch *s, int slot)
{
	s->used &= ~(1u << slot);
}

/* A record that no process owns; NULL: out of memory. */
static struct scratch *unused(struct tracer *tr)
{
	struct scratch *s = tr->scratch;

	while (s && (s->tgid || s->used)) s = s->next;
	if (s || !(s = calloc(1, sizeof *s))) return s;
	s->next = tr->scratch;
	return tr->scratch = s;
}

static enum verdict mapped(struct call *c)
{
	struct job *j = c->t->job;
	struct scratch *s = c->result < 0 && c->result > -4096 ? NULL : unused(c->tr);

	if (s) {
		s->tgid = tracee_tgid(c->t);
		s->addr = (uint64_t)c->result;
	} else {
		j->stage = (int)j->value;
	}
	return AGAIN;
}

enum verdict scratch_map(struct call *c, int given_up)
{
	c->t->job->value = (uint64_t)given_up;
	call_set_nr(c, SYS_mmap);
	call_set_arg(c, 0, 0);
	call_set_arg(c, 1, SCRATCH_SLOT * SCRATCH_SLOTS);
	call_set_arg(c, 2, PROT_READ | PROT_WRITE);
	call_set_arg(c, 3, MAP_PRIVATE | MAP_ANONYMOUS);
	call_set_arg(c, 4, (uint64_t)-1);
	call_set_arg(c, 5, 0);
	return call_exit(c, mapped);
}

void scratch_forget(struct tracer *tr, pid_t tgid)
{
	for (struct scratch *s = tr->scratch; s; s = s->next)
		/* calls of dying threads may still point here, so the record stays */
		if (s->tgid == tgid) s->tgid = 0;
}

enum verdict scratch_call(struct call *c, int path_arg, int given_up, handler *then)
{
	struct job *j = c->t->job;
	struct scratch *s = scratch_get(c, &j->slot);

	if (!s) return scratch_map(c, given_up);
	j->pool = s;
	if (call_write(c, scratch_at(s, j->slot), j->target, strlen(j->target) + 1) < 0) return PASS;
	call_set_arg(c, path_arg, scratch_at(s, j->slot));
	return call_exit(c, then);
}
