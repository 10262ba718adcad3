/* Which endpoint a connection or a flow of datagrams to a Service goes to: by turns, or always the
 * same one for a client (session affinity). No I/O. */
#ifndef K3SBOX_NETD_PICK_H
#define K3SBOX_NETD_PICK_H

#include <stdbool.h>
#include <stdint.h>

#include "netd/services.h"

enum { PICK_WAYS = 4, PICK_SETS = 1024 };

/* What a client once got. */
struct pick_affinity {
	uint32_t service;          /* hash of its name and port; 0: free */
	struct ip client;
	struct endpoint to;
	int64_t used_at;           /* monotonic ms */
};

struct picker {
	struct services *services;
	struct pick_affinity *affinities;   /* PICK_SETS × PICK_WAYS once one is needed */
};

struct pick_request {
	struct endpoint at;        /* a front's address; for node ports without an address */
	uint8_t protocol;          /* enum service_protocol */
	bool outside;              /* it comes from outside of the cluster */
	bool again;                /* what was picked before did not answer */
	struct ip client;
};

/* 0 with the endpoint in *to; -ENOENT: no Service has this front; -ECONNREFUSED: the Service has no
 * endpoint for it. */
int pick_endpoint(struct picker *p, const struct pick_request *q, int64_t now, struct endpoint *to);

/* May a flow of datagrams to this front go on to that endpoint? It may as long as the endpoint
 * serves, whatever the traffic policy says, and where a Service has none that serves
 * (kubernetes pkg/proxy/conntrack). */
bool pick_may_go_on(struct picker *p, const struct endpoint *at, const struct endpoint *to);

#endif
