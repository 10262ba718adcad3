/* What the supervisor does next: a table of state × event. Pure. */
#ifndef K3SBOX_RUN_MACHINE_H
#define K3SBOX_RUN_MACHINE_H

enum machine_state {
	ST_API,      /* k3s runs, its API does not answer yet */
	ST_NODE,     /* the API is ready, the node is not */
	ST_ADMIT,    /* the node is ready; pods are refused yet, or would fail at first */
	ST_READY,    /* everything that the mode has is ready */
	ST_TERM,     /* k3s was told to end */
	ST_PODS,     /* k3s has ended; its containers were told to end */
	ST_KILL,     /* everything left was killed */
	ST_DONE,
	ST_COUNT,
};

enum machine_event {
	EV_API,      /* the API answers */
	EV_NODE,     /* the node is ready */
	EV_READY,    /* pods can be created, or the mode has none */
	EV_LATE,     /* --timeout is over */
	EV_STOP,     /* SIGTERM, SIGINT, … */
	EV_EXIT,     /* k3s ended */
	EV_GRACE,    /* the state's time is over */
	EV_EMPTY,    /* no process is left that the state waits for */
	EV_GIVE_UP,  /* processes could not be killed */
	EV_COUNT,
};

enum machine_action {
	ACT_NONE,
	ACT_SAY_API,
	ACT_SAY_NODE,
	ACT_SAY_READY,
	ACT_LATE,       /* end the wait of `run -d` */
	ACT_TERM_K3S,
	ACT_KILL_K3S,
	ACT_DIED,       /* k3s ended by itself: say so, then as ACT_TERM_PODS */
	ACT_TERM_PODS,
	ACT_KILL_ALL,
	ACT_SWEEP,      /* mounts, network namespaces, cgroups */
	ACT_COUNT,
};

struct machine_transition { enum machine_state next; enum machine_action action; };

/* An event that the state does not know changes nothing (ACT_NONE). */
struct machine_transition machine_next(enum machine_state s, enum machine_event e);

/* Milliseconds until EV_GRACE; 0: the state has no limit. */
int machine_grace_ms(enum machine_state s);

extern const char *const machine_state_names[ST_COUNT];
extern const char *const machine_event_names[EV_COUNT];

#endif
