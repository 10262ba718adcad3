/* What the supervisor does next: a table of state × event, and one of what is started again.
 * Pure. */
#ifndef K3SBOX_RUN_MACHINE_H
#define K3SBOX_RUN_MACHINE_H

#include <stdbool.h>
#include <stdint.h>

enum machine_state {
	ST_API,      /* k3s runs, its API does not answer yet */
	ST_NODE,     /* the API is ready, the node is not */
	ST_ADMIT,    /* the node is ready; pods are refused yet, or would fail at first */
	ST_READY,    /* everything that the mode has is ready */
	ST_DOWN,     /* k3s has ended and is going to be started again */
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
	EV_EXIT,     /* k3s ended, and stays so */
	EV_CRASH,    /* k3s ended, and machine_restart_ms() says that it is started again */
	EV_AGAIN,    /* k3s was started again */
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
	ACT_CRASHED,    /* k3s ended by itself: say so, end what it left but its pods */
	ACT_AGAIN,      /* wait for readiness once more */
	ACT_STOP_DOWN,  /* as ACT_TERM_K3S and ACT_TERM_PODS, without a k3s */
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

/* ---- what is started again when it ends by itself ---- */

enum machine_part {
	PART_K3S,
	PART_NETD,
	PART_ENTER,      /* the server of `k3sbox enter` */
	PART_COUNT,
};

/* How a part has ended so far; zeros at first. */
struct machine_ends {
	unsigned n;      /* in a row, without a long run in between */
	unsigned quick;  /* of these, soon after the start; in a row */
	bool worked;     /* it was ready at least once */
};

/* A part has ended by itself after this time, in which it became ready or did not. Counts that, and
 * returns how many milliseconds later it is to be started again; -1: it is given up. */
int machine_restart_ms(enum machine_part part, struct machine_ends *ends, int64_t ran_ms,
	bool ready);

extern const char *const machine_state_names[ST_COUNT];
extern const char *const machine_event_names[EV_COUNT];

#endif
