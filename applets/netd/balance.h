/* Which endpoints of a Service take connections: kube-proxy's rules (kubernetes
 * pkg/proxy/topology.go, CategorizeEndpoints). Pure. */
#ifndef K3SBOX_NETD_BALANCE_H
#define K3SBOX_NETD_BALANCE_H

#include "netd/objects.h"

enum balance_use {
	BALANCE_CLUSTER = 1 << 0,  /* where the traffic policy is Cluster */
	BALANCE_LOCAL = 1 << 1,    /* where it is Local */
};

struct balance_backend {
	const struct service_endpoint *endpoint;
	uint16_t port;
	uint8_t use;               /* enum balance_use */
};

struct balance_policy {
	bool internal_local, external_local;
	bool exposed;              /* has a node port, an external IP or a load balancer's */
	const char *node, *zone;   /* of this node; "" if not known */
};

/* Sets `use` of each. Returns whether any endpoint in the cluster could be used, if only from other
 * nodes. */
bool balance_categorize(struct balance_backend *v, size_t n, const struct balance_policy *p);

#endif
