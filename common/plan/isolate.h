/* Should the node live in a world (world/world.h)? Found out by making one. */
#ifndef K3SBOX_PLAN_ISOLATE_H
#define K3SBOX_PLAN_ISOLATE_H

#include "plan/plan.h"

enum isolation {
	ISOLATE_AUTO,              /* where something that only a world has is missing outside, and a world works */
	ISOLATE_YES,
	ISOLATE_NO,
	ISOLATE_COUNT,
};

struct isolation_result {
	bool wanted;               /* the node is to live in a world */
	bool user;                 /* which needs a user namespace of its own */
	struct err why;            /* what is missing outside, or why no world works */
};

/* Tries it. 0; or -errno if a world was asked for (ISOLATE_YES) and cannot be made, with the reason in out->why. */
int isolate_decide(const struct plan_options *o, struct isolation_result *out);

#endif
