/* The listeners of Services: node ports and those of health checks on the node and outside, ports
 * of load balancers outside, and addresses for IPv6 datagrams, which nothing redirects. They
 * follow the store; one that cannot be opened is tried again. */
#ifndef K3SBOX_NETD_FRONTS_H
#define K3SBOX_NETD_FRONTS_H

#include "netd/listen.h"
#include "netd/relay.h"
#include "netd/retry.h"
#include "netd/services.h"

struct fronts_listener {
	struct endpoint at;
	uint8_t protocol;          /* enum service_protocol; of SCTP one that cannot be opened */
	bool outside, health;      /* health: of health checks */
	struct endpoint to;        /* the front that it stands for */
	const struct service *service;   /* valid as long as the store's version */
	bool seen;                 /* in the store's present version */
	bool told;                 /* that it cannot listen */
	int place;                 /* in the gate or the relay; -1: it is to be opened */
	struct retry_time time;    /* when */
};

struct fronts {
	int channel;               /* the broker's */
	struct services *services;
	struct gate *gate;
	struct relay *relay;
	struct fronts_listener *v;
	size_t n, room;
	uint64_t version;          /* of the store that was looked at last */
	int64_t open_at;           /* some listener is to be opened; INT64_MAX: none */
};

/* After each batch: makes the list of listeners anew if the store has changed since the last call;
 * returns whether it has. */
bool fronts_follow(struct fronts *f);
/* Then: opens what is to be opened now. Milliseconds until it must be called again; -1: no need. */
int fronts_settle(struct fronts *f, int64_t now);

/* The addresses (of this length) of Services that have no endpoint for any connection by TCP. At
 * most max; how many. */
size_t fronts_unserved(struct services *s, uint8_t len, struct ip *out, size_t max);

#endif
