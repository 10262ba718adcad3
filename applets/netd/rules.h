/* netd's rules in the nat tables: what stays in the pods' network or on the node, what is refused,
 * and that everything else comes to netd. */
#ifndef K3SBOX_NETD_RULES_H
#define K3SBOX_NETD_RULES_H

#include "base/err.h"
#include "net/redirect.h"
#include "netd/policy.h"

enum { RULES_MAX = 256, RULES_UNSERVED = 64 };

struct rules {
	const char *link;          /* over which pods' packets come in */
	const struct cidr *pods;   /* their networks, of both families */
	size_t pod_n;
	const struct policy *policy;
	uint16_t port;             /* netd's */
	uint16_t closed;           /* one that refuses; 0: there is none */
	struct ip unserved[RULES_UNSERVED];   /* addresses of Services without endpoints: refused */
	size_t unserved_n;
};

/* Pure. How many there are. */
size_t rules_make(const struct rules *r, enum redirect_family family,
	struct redirect_rule out[RULES_MAX]);

/* Of a table that is too long for the kernel (gVisor's limit is 8 KB) rules for what is refused are
 * left out: connections there are then reset by netd. 0 or -errno. */
int rules_load(const struct rules *r, enum redirect_family family, struct err *e);

#endif
