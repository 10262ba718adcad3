/* Does a k3s run here? Combines the lock, the state file and the mark of the processes. */
#ifndef K3SBOX_PRESENCE_H
#define K3SBOX_PRESENCE_H

#include <stdbool.h>
#include <stddef.h>

#include "base/process.h"
#include "cluster/runstate.h"

struct err;

enum presence_kind {
	PRESENCE_NONE,       /* nothing lives */
	PRESENCE_STARTING,   /* the lock is held, and k3s has not been started yet */
	PRESENCE_RUNNING,    /* a supervisor lives; its lock and its state are as they should be */
	/* a supervisor lives, but its lock or its state was removed or damaged */
	PRESENCE_DAMAGED,
	/* no supervisor, but processes that one left behind when it was killed */
	PRESENCE_LEFT,
};

struct presence {
	enum presence_kind kind;
	bool have_state;               /* s is what the state file says; else zeros */
	struct runstate s;             /* of an earlier run if kind is NONE or STARTING */
	struct process_id supervisor;  /* RUNNING, DAMAGED */
	size_t left;                   /* LEFT: how many processes */
};

/* have_lock: the caller holds the lock (runstate_lock). 0, or -errno if the state cannot be read
 * for another reason than that it is absent or damaged (-EACCES). presence_free() in every case. */
int presence_look(struct presence *p, bool have_lock, struct err *e);
void presence_free(struct presence *p);
#define _cleanup_presence_ __attribute__((cleanup(presence_free)))

/* Is there a supervisor, or one that prepares? */
bool presence_alive(const struct presence *p);

/* With the lock held and no supervisor: ends the processes of one that was killed and sweeps, if
 * that has not been done yet. 0, or -errno if something is left; *n: how many processes there
 * were. */
int presence_end_killed(struct presence *p, size_t *n, struct err *e);

#endif
