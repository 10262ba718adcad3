/* Bookkeeping of the memory that tracees mapped for the interceptor's strings. */
#include "intercept/trace/scratch.h"

#include <errno.h>
#include <stdlib.h>

struct scratch *scratch_get(struct scratch *list, pid_t tgid, int *slot)
{
	for (struct scratch *s = list; s; s = s->next) {
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

int scratch_add(struct scratch **list, pid_t tgid, uint64_t addr)
{
	struct scratch *s = *list;

	while (s && (s->tgid || s->used)) s = s->next;   /* a record that no process owns */
	if (!s) {
		s = calloc(1, sizeof *s);
		if (!s) return -ENOMEM;
		s->next = *list;
		*list = s;
	}
	s->tgid = tgid;
	s->addr = addr;
	return 0;
}

void scratch_forget(struct scratch *list, pid_t tgid)
{
	/* Calls of dying threads may still point to it, so the record stays. */
	for (struct scratch *s = list; s; s = s->next)
		if (s->tgid == tgid) s->tgid = 0;
}
