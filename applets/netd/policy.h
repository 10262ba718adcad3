/* What netd does with a connection to an address: pure, so that it can be tested as a table. */
#ifndef K3SBOX_NETD_POLICY_H
#define K3SBOX_NETD_POLICY_H

#include <stddef.h>
#include <stdint.h>

#include "net/endpoint.h"

/* Connections to `from` go to `to`, inside. Port 0 in both: every port, to the same one. */
struct policy_map { struct endpoint from, to; };

struct policy {
	const struct policy_map *maps;   /* looked through first */
	size_t map_n;
	const struct cidr *inside;       /* of the cluster: what no map names is refused there */
	size_t inside_n;
	const struct cidr *allowed;      /* exceptions from what is refused by default */
	size_t allowed_n;
	struct endpoint dns;             /* of the cluster; port 0: none */
};

enum policy_verdict {
	POLICY_INSIDE,             /* dial `to` in this network namespace */
	POLICY_OUTSIDE,            /* dial `to` by a socket of the broker */
	POLICY_SERVICE,            /* dial an endpoint of the Service at `to`, inside */
	POLICY_REFUSE,             /* reset, or never accepted: policy_refused() */
	POLICY_DNS,                /* answer here (dns_stream.h) */
	POLICY_HEALTH,             /* answer here (health.h) */
};

/* The networks of this address length in which every address that is not allowed is refused
 * whatever its port, so that the nat table can lead connections to a closed port: the client is
 * refused at once, and not reset after it was accepted. At most max; how many there are. */
size_t policy_refused(const struct policy *p, uint8_t len, struct cidr *out, size_t max);

/* Is this where the cluster's DNS is asked? */
bool policy_is_dns(const struct policy *p, const struct endpoint *to);

/* The verdict on a connection to `to`, which becomes where to dial. */
enum policy_verdict policy_decide(const struct policy *p, struct endpoint *to);

#endif
