/* Decides whether the node runs in a world (world/world.h), by making one. */
#ifndef K3SBOX_PLAN_ISOLATE_H
#define K3SBOX_PLAN_ISOLATE_H

#include "plan/plan.h"

enum isolation {
	ISOLATE_AUTO,              /* if what is missing outside works in a world */
	ISOLATE_YES,
	ISOLATE_NO,
	ISOLATE_COUNT,
};

struct isolation_result {
	bool wanted;               /* the node is to run in a world */
	bool user;                 /* the world needs a user namespace of its own */
	struct err why;            /* what is missing outside, or why no world works */
};

/* Tries it. 0; or -errno if a world was requested (ISOLATE_YES) and cannot be made, with the reason
 * in out->why. */
int isolate_decide(const struct plan_options *o, struct isolation_result *out);

#endif
