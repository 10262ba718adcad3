/* A route for the Services' range on a machine without a default route. kube-proxy's rules act on a
 * packet once there is a route for it; without one the node's own processes, the API server's among
 * them, get ENETUNREACH for cluster IPs. */
#ifndef K3SBOX_FIX_SERVICE_ROUTE_H
#define K3SBOX_FIX_SERVICE_ROUTE_H

#include "plan/rows.h"

/* Is there a way to the first address of the Services' range? Anything but a missing route counts
 * as one. */
bool service_route_exists(const struct plan_options *o);
/* Over the link that has the first address. */
step_apply service_route_add;
/* Known by its priority (plan/ranges.h). */
step_undo service_route_remove;

#endif
