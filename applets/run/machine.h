/* What the supervisor does next: a table of state × event, without a system call in it. */
#ifndef K3SBOX_RUN_MACHINE_H
#define K3SBOX_RUN_MACHINE_H

enum state {
	ST_API,      /* k3s runs, its API does not answer yet */
	ST_NODE,     /* the API is ready, the node is not */
	ST_ADMIT,    /* the node is ready; pods are refused yet, or would fail at first */
	ST_READY,    /* all that the mode has is up */
	ST_TERM,     /* k3s was told to end */
	ST_PODS,     /* k3s is gone; its containers were told to end */
	ST_KILL,     /* everything left was killed */
	ST_DONE,
	ST_COUNT,
};

enum event {
	EV_API,      /* the API answers */
	EV_NODE,     /* the node is ready */
	EV_READY,    /* pods can be created, or the mode has none */
	EV_LATE,     /* --timeout is over */
	EV_STOP,     /* SIGTERM, SIGINT, … */
	EV_EXIT,     /* k3s ended */
	EV_GRACE,    /* the state's time is over */
	EV_EMPTY,    /* nobody is left whom the state waits for */
	EV_GIVE_UP,  /* what was killed does not go */
	EV_COUNT,
};

enum action {
	ACT_NONE,
	ACT_SAY_API,
	ACT_SAY_NODE,
	ACT_SAY_READY,
	ACT_LATE,       /* tell who waits */
	ACT_TERM_K3S,
	ACT_KILL_K3S,
	ACT_DIED,       /* k3s ended by itself: say so, then as ACT_TERM_PODS */
	ACT_TERM_PODS,
	ACT_KILL_ALL,
	ACT_SWEEP,      /* mounts, network namespaces, cgroups */
	ACT_COUNT,
};

struct transition { enum state next; enum action action; };

/* An event that the state does not know changes nothing (ACT_NONE). */
struct transition machine_next(enum state s, enum event e);

/* Milliseconds until EV_GRACE; 0: the state has no limit. */
int machine_grace_ms(enum state s);

extern const char *const state_names[ST_COUNT];
extern const char *const event_names[EV_COUNT];

#endif
