/* The nat tables of a network namespace that only k3sbox uses: they redirect TCP connections to a
 * local port (REDIRECT), by the ip_tables and ip6_tables socket interfaces that the kernel and
 * gVisor share (linux/netfilter_ipv4/ip_tables.h, gvisor pkg/sentry/socket/netfilter). No program
 * is called. */
#ifndef K3SBOX_REDIRECT_H
#define K3SBOX_REDIRECT_H

#include <stddef.h>
#include <stdint.h>

#include "base/err.h"
#include "net/endpoint.h"

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
	struct cidr to;            /* only to these addresses; .bits 0: any */
	uint16_t port;             /* where to; 0: let it pass */
};

enum redirect_family { REDIRECT_IPV4, REDIRECT_IPV6, REDIRECT_FAMILIES };

/* Pure. The argument of IPT_SO_SET_REPLACE for a table with these rules, TCP only. Rules for
 * addresses of the other family are left out. `old` is the number of entries of the table that it
 * replaces; counters must have room for as many struct xt_counters and outlive the call. */
void redirect_build(enum redirect_family family, const struct redirect_rule *rules, size_t n,
	unsigned old, void *counters, struct buf *out);

/* Replaces the nat table of this network namespace. n may be 0. 0 or -errno. */
int redirect_load(enum redirect_family family, const struct redirect_rule *rules, size_t n,
	struct err *e);

/* Where an accepted connection was going before it was redirected. 0 or -errno. */
int redirect_original(int fd, struct endpoint *to);

#endif
