/* The nat table of a network namespace that only k3sbox uses: it redirects TCP connections to a
 * local port (REDIRECT), by the ip_tables socket interface that the kernel and gVisor share
 * (linux/netfilter_ipv4/ip_tables.h, gvisor pkg/sentry/socket/netfilter). No program is called. The
 * original destination of an accepted connection is getsockopt SO_ORIGINAL_DST. */
#ifndef K3SBOX_REDIRECT_H
#define K3SBOX_REDIRECT_H

#include <stddef.h>
#include <stdint.h>

#include "base/err.h"
#include "net/ip.h"

struct buf;

enum redirect_chain {
	REDIRECT_PREROUTING,       /* packets that come in over a link */
	REDIRECT_OUTPUT,           /* packets of this namespace's own processes */
	REDIRECT_CHAIN_COUNT,
};

/* One rule. The first that matches decides; what none matches goes on as it is. */
struct redirect_rule {
	enum redirect_chain chain;
	const char *link;          /* only packets that came in over it; NULL: any */
	struct cidr to;            /* only to these addresses (IPv4); .bits 0: any */
	uint16_t port;             /* where to; 0: let it pass */
};

/* Pure. The argument of IPT_SO_SET_REPLACE for a table with these rules, TCP only. `old` is the
 * number of entries of the table that it replaces; counters must have room for as many struct
 * xt_counters and outlive the call. */
void redirect_build(const struct redirect_rule *rules, size_t n, unsigned old, void *counters,
	struct buf *out);

/* Replaces the nat table of this network namespace. n may be 0. 0 or -errno. */
int redirect_load(const struct redirect_rule *rules, size_t n, struct err *e);

#endif
