/* The table of the supervisor's state machine. What its actions do is in loop.c. */
#include "run/machine.h"

const char *const machine_state_names[ST_COUNT] = {
	[ST_API] = "api", [ST_NODE] = "node", [ST_ADMIT] = "admit", [ST_READY] = "ready",
	[ST_DOWN] = "down", [ST_TERM] = "term",
	[ST_PODS] = "pods", [ST_KILL] = "kill", [ST_DONE] = "done",
};

const char *const machine_event_names[EV_COUNT] = {
	[EV_API] = "api", [EV_NODE] = "node", [EV_READY] = "ready", [EV_LATE] = "late",
	[EV_STOP] = "stop", [EV_EXIT] = "exit", [EV_CRASH] = "crash", [EV_AGAIN] = "again",
	[EV_GRACE] = "grace", [EV_EMPTY] = "empty", [EV_GIVE_UP] = "give-up",
};

/* k3s writes its database and gives up leases when it is told to stop, which can take 30 s on a
 * slow disk. Pods get a short grace period. The kill is repeated, since a process may fork
 * meanwhile. */
static const int grace_ms[ST_COUNT] = {
	[ST_TERM] = 30000,
	[ST_PODS] = 5000,
	[ST_KILL] = 500,
};

struct cell { uint8_t known, next, action; };

#define GO(next, action) { true, next, action }

static const struct cell table[ST_COUNT][EV_COUNT] = {
	[ST_API] = {
		[EV_API] = GO(ST_NODE, ACT_SAY_API),
		[EV_LATE] = GO(ST_API, ACT_LATE),
		[EV_STOP] = GO(ST_TERM, ACT_TERM_K3S),
		[EV_EXIT] = GO(ST_PODS, ACT_DIED),
		[EV_CRASH] = GO(ST_DOWN, ACT_CRASHED),
	},
	[ST_NODE] = {
		[EV_NODE] = GO(ST_ADMIT, ACT_SAY_NODE),
		[EV_READY] = GO(ST_READY, ACT_SAY_READY),   /* the control plane alone */
		[EV_LATE] = GO(ST_NODE, ACT_LATE),
		[EV_STOP] = GO(ST_TERM, ACT_TERM_K3S),
		[EV_EXIT] = GO(ST_PODS, ACT_DIED),
		[EV_CRASH] = GO(ST_DOWN, ACT_CRASHED),
	},
	[ST_ADMIT] = {
		[EV_READY] = GO(ST_READY, ACT_SAY_READY),
		[EV_LATE] = GO(ST_ADMIT, ACT_LATE),
		[EV_STOP] = GO(ST_TERM, ACT_TERM_K3S),
		[EV_EXIT] = GO(ST_PODS, ACT_DIED),
		[EV_CRASH] = GO(ST_DOWN, ACT_CRASHED),
	},
	[ST_READY] = {
		[EV_STOP] = GO(ST_TERM, ACT_TERM_K3S),
		[EV_EXIT] = GO(ST_PODS, ACT_DIED),
		[EV_CRASH] = GO(ST_DOWN, ACT_CRASHED),
	},
	[ST_DOWN] = {
		[EV_AGAIN] = GO(ST_API, ACT_AGAIN),
		[EV_EXIT] = GO(ST_PODS, ACT_DIED),          /* it cannot be started */
		[EV_LATE] = GO(ST_DOWN, ACT_LATE),
		[EV_STOP] = GO(ST_PODS, ACT_STOP_DOWN),
	},
	[ST_TERM] = {
		[EV_EXIT] = GO(ST_PODS, ACT_TERM_PODS),
		[EV_GRACE] = GO(ST_TERM, ACT_KILL_K3S),
		[EV_STOP] = GO(ST_KILL, ACT_KILL_ALL),      /* a second Ctrl-C */
	},
	[ST_PODS] = {
		/* the shims, which do not end by themselves */
		[EV_EMPTY] = GO(ST_KILL, ACT_KILL_ALL),
		[EV_GRACE] = GO(ST_KILL, ACT_KILL_ALL),
		[EV_STOP] = GO(ST_KILL, ACT_KILL_ALL),
	},
	[ST_KILL] = {
		[EV_EMPTY] = GO(ST_DONE, ACT_SWEEP),
		[EV_GRACE] = GO(ST_KILL, ACT_KILL_ALL),
		[EV_GIVE_UP] = GO(ST_DONE, ACT_SWEEP),
	},
};

struct machine_transition machine_next(enum machine_state s, enum machine_event e)
{
	const struct cell *c = &table[s][e];
	return c->known ? (struct machine_transition){ c->next, c->action }
		: (struct machine_transition){ s, ACT_NONE };
}

int machine_grace_ms(enum machine_state s)
{
	return grace_ms[s];
}

/* A k3s that ends within seconds again and again has a configuration that no further start changes;
 * one that ends later, before it is ready, may just be slow (a hook of its API server that times
 * out). What has worked once is started for as long as it takes: a full disk may be emptied. */
static const struct machine_policy {
	int first_ms, most_ms;     /* the wait, which doubles from end to end */
	int steady_ms;             /* a run of this length begins a new count; ten times that if not
				    * ready */
	int quick_ms;              /* an end before that is a quick one */
	unsigned quick, all;       /* ends in a row until it is given up, if it never was ready */
} policies[PART_COUNT] = {
	[PART_K3S] = { 500, 30000, 60000, .quick_ms = 5000, .quick = 3, .all = 5 },
	[PART_NETD] = { 200, 10000, 10000 },
	[PART_ENTER] = { 200, 10000, 10000 },
};

int machine_restart_ms(enum machine_part part, struct machine_ends *ends, int64_t ran_ms,
	bool ready)
{
	const struct machine_policy *p = &policies[part];
	int ms = p->first_ms;

	ends->worked |= ready;
	if (ran_ms >= p->steady_ms * (ready ? 1 : 10)) ends->n = 0;
	ends->quick = ran_ms < p->quick_ms ? ends->quick + 1 : 0;
	ends->n++;
	if (!ends->worked && (ends->quick >= p->quick || ends->n >= p->all)) return -1;
	for (unsigned i = 1; i < ends->n && ms < p->most_ms; i++) ms *= 2;
	return ms < p->most_ms ? ms : p->most_ms;
}
