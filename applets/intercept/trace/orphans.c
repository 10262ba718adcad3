/* The table of processes from which reparented children are emulated. */
#include "intercept/trace/orphans.h"

#include <stdlib.h>

struct orphan *orphans_find(struct orphans *o, pid_t pid)
{
	for (size_t i = 0; i < o->n; i++)
		if (o->v[i].pid == pid) return &o->v[i];
	return NULL;
}

static void forget(struct orphans *o, struct orphan *p)
{
	*p = o->v[--o->n];
}

void orphans_born(struct orphans *o, pid_t pid, pid_t parent, bool foreign)
{
	struct orphan *p = orphans_find(o, pid);

	if (p && !p->dead) return;
	if (p) forget(o, p);   /* the process ID is reused */
	if (o->n == o->cap) {
		size_t cap = o->cap ? o->cap * 2 : 64;
		struct orphan *v = realloc(o->v, cap * sizeof *v);
		if (!v) return;
		o->v = v;
		o->cap = cap;
	}
	o->v[o->n++] = (struct orphan){
		.pid = pid, .parent = parent, .foreign = foreign, .foreign_children = foreign,
	};
}

void orphans_sweep(struct orphans *o, bool (*gone)(pid_t pid))
{
	for (size_t i = o->n; i--;)
		if (o->v[i].dead && !o->v[i].adopted && gone(o->v[i].pid)) forget(o, &o->v[i]);
}

/* The nearest living ancestor in the same namespace that is a subreaper; 0: none. */
static pid_t heir_of(struct orphans *o, const struct orphan *dying)
{
	if (dying->foreign) return 0;
	const struct orphan *p = orphans_find(o, dying->parent);
	for (; p && !p->dead && !p->foreign; p = orphans_find(o, p->parent))
		if (p->reaper) return p->pid;
	return 0;
}

/* The children of a dying process go to its heir; without one they are process 1's. True if the
 * heir got one that had ended already. */
static bool hand_over(struct orphans *o, pid_t from, pid_t heir)
{
	bool ended = false;

	for (size_t i = o->n; i--;) {
		struct orphan *p = &o->v[i];
		if (p->parent != from || p->pid == from) continue;
		p->parent = heir;
		p->adopted = heir;
		ended |= p->dead;
		if (!heir && p->dead) forget(o, p);
	}
	return ended && heir;
}

pid_t orphans_ended(struct orphans *o, pid_t pid, int status)
{
	struct orphan *p = orphans_find(o, pid);

	if (!p || p->dead) return 0;
	pid_t heir = heir_of(o, p);
	bool tell = hand_over(o, pid, heir);
	p = orphans_find(o, pid);
	p->dead = true;
	p->status = status;
	if (p->adopted) return p->parent;
	/* A parent that lives waits for it, or dies without having done so: then the heir gets
	 * it. */
	const struct orphan *parent = orphans_find(o, p->parent);
	if (!parent || parent->dead) forget(o, p);
	return tell ? heir : 0;
}

void orphans_waited(struct orphans *o, pid_t pid)
{
	struct orphan *p = orphans_find(o, pid);
	if (p && p->dead && !p->adopted) forget(o, p);
}

pid_t orphans_take(struct orphans *o, pid_t reaper, pid_t which, bool keep, int *status)
{
	pid_t none = -1;

	for (size_t i = 0; i < o->n; i++) {
		struct orphan *p = &o->v[i];
		if (!p->adopted || p->parent != reaper || (which != -1 && which != p->pid))
			continue;
		none = 0;
		if (!p->dead) continue;
		pid_t pid = p->pid;
		*status = p->status;
		if (!keep) forget(o, p);
		return pid;
	}
	return none;
}

void orphans_free(struct orphans *o)
{
	free(o->v);
	*o = (struct orphans){0};
}
