/* The cluster's address ranges. k3s's defaults, 10.42.0.0/16 for pods and 10.43.0.0/16 for
 * Services, are no good on a machine whose own network has addresses in them: a sandbox that is
 * itself a pod of k3s. */
#ifndef K3SBOX_PLAN_RANGES_H
#define K3SBOX_PLAN_RANGES_H

#include <stddef.h>

#include "net/ip.h"
#include "plan/rows.h"

/* The priority of the route that fix/service_route.h adds: no use of a range. */
enum { RANGES_ROUTE_PRIORITY = 31337 };

/* Decides about the ranges that the user leaves open: args.chosen gets the flags for other ones
 * than the defaults. Those that a cluster was made with stay in its data directory (ranges_keep)
 * and are its for good. range_taken is set where a default, or a range that the user names, is
 * in use here, or another range was chosen before. */
void ranges_choose(struct plan_options *o);
/* Before k3s is started. 0 or -errno. */
int ranges_keep(const struct plan_options *o);

/* Pure: the first k from `second` on, in steps of 2, for which 10.k.0.0/16 overlaps none of these;
 * `second` if there is none. */
unsigned ranges_free(unsigned second, const struct cidr *in_use, size_t n);

#endif
