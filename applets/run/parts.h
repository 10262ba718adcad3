/* What the supervisor starts again when it ends, and when: machine_restart_ms() applied to
 * processes. How k3s itself is started is loop.c's business. */
#ifndef K3SBOX_RUN_PARTS_H
#define K3SBOX_RUN_PARTS_H

#include "run/machine.h"
#include "run/run.h"

struct parts {
	struct part {
		int64_t started;       /* monotonic ms */
		int64_t due_at;        /* of its next start; 0: it runs, or stays ended */
		struct machine_ends ends;
	} v[PART_COUNT];
};

/* The part has ended by itself. Plans its next start; false: it is given up. */
bool parts_start_later(struct parts *p, enum machine_part part, bool ready);

/* A child has ended: if it was a part other than k3s and again is true, its next start is
 * planned. */
void parts_ended(struct parts *p, struct run *cfg, pid_t pid, bool again);

/* Starts the parts other than k3s that are due. */
void parts_start_due(struct parts *p, struct run *cfg);

/* When the next start is due, k3s's too; 0: none is planned. */
int64_t parts_next(const struct parts *p);

/* Plans nothing any more. */
void parts_forget(struct parts *p);

#endif
