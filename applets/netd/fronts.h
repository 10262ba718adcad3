/* The listeners of Services: node ports on the node and outside, ports of load balancers outside.
 * They follow the store. */
#ifndef K3SBOX_NETD_FRONTS_H
#define K3SBOX_NETD_FRONTS_H

#include "netd/listen.h"
#include "netd/relay.h"
#include "netd/services.h"

struct fronts_listener {
	struct endpoint to;        /* the front that it stands for */
	uint16_t port;
	bool udp, outside;
	bool seen;                 /* in the store's present version */
	int place;                 /* in the gate or the relay; -errno: it could not listen */
};

struct fronts {
	int channel;               /* the broker's */
	struct services *services;
	struct gate *gate;
	struct relay *relay;
	struct fronts_listener *v;
	size_t n, room;
	uint64_t version;          /* of the store that was looked at last */
};

/* After each batch. Returns whether the store has changed since the last call. */
bool fronts_settle(struct fronts *f);

/* The addresses (of this length) of Services that have no endpoint for any connection by TCP. At
 * most max; how many. */
size_t fronts_unserved(struct services *s, uint8_t len, struct ip *out, size_t max);

#endif
