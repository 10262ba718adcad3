/* What netd does with a connection to an address: pure, so that it can be tested as a table. */
#ifndef K3SBOX_NETD_POLICY_H
#define K3SBOX_NETD_POLICY_H

#include <stddef.h>
#include <stdint.h>

#include "net/ip.h"

struct endpoint {
	struct ip address;
	uint16_t port;             /* host byte order */
};

/* Connections to `from` go to `to`, inside. Port 0 in both: every port, to the same one. */
struct policy_map { struct endpoint from, to; };

struct policy {
	const struct policy_map *maps;   /* looked through first */
	size_t map_n;
	const struct cidr *inside;       /* of the cluster: what no map names is refused there */
	size_t inside_n;
	const struct cidr *allowed;      /* exceptions from what is refused by default */
	size_t allowed_n;
};

enum policy_verdict {
	POLICY_INSIDE,             /* dial `to` in this network namespace */
	POLICY_OUTSIDE,            /* dial `to` by a socket of the broker */
	POLICY_REFUSE,             /* reset */
};

/* The verdict on a connection to `to`, which becomes where to dial. */
enum policy_verdict policy_decide(const struct policy *p, struct endpoint *to);

#endif
