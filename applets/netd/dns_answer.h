/* What a cluster's names mean: the Kubernetes DNS specification 1.1 over the store of Services, and
 * what CoreDNS adds as k3s configures it (pods by their address: "pods insecure"; the names of
 * endpoints of any Service). Pure. */
#ifndef K3SBOX_NETD_DNS_ANSWER_H
#define K3SBOX_NETD_DNS_ANSWER_H

#include "netd/dns_message.h"
#include "netd/services.h"

enum { DNS_NETWORKS = 20, DNS_TTL = 5 };

struct dns_zone {
	const char *domain;        /* cluster.local */
	struct dns_name name;      /* the same */
	struct ip server;          /* the address of the cluster's DNS; .len 0: none */
	const struct cidr *networks;   /* whose addresses have names here */
	size_t network_n;
	struct services *services;
};

/* The answer of a server outside about the target of an ExternalName Service: a message that
 * dns_message_answers() the question; n is 0 if there was none. */
struct dns_outside { const unsigned char *m; size_t n; };

/* Is this question the cluster's? If not, it is one for the servers outside. */
bool dns_answer_is_ours(const struct dns_zone *z, const struct dns_asked *q);

/* Answers a question that is. The message's length; or 0: a server outside must be asked for the
 * addresses of *external first, and then this function again, with what it says. outside: NULL
 * before. */
size_t dns_answer(const struct dns_zone *z, const struct dns_asked *q,
	const struct dns_outside *outside, unsigned char *m, size_t size,
	struct dns_name *external);

#endif
