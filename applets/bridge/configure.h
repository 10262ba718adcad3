/* Addresses and routes. Functions return 0, or -1 after cni_fail(). */
#ifndef K3SBOX_BRIDGE_CONFIGURE_H
#define K3SBOX_BRIDGE_CONFIGURE_H

#include "bridge/plug.h"

/* The pod's end: addresses, up, routes. A result without addresses only sets it up. */
int bridge_configure_pod(struct cni *c, struct bridge_place *p, const struct link_info *inside,
	const struct cni_result *r);

/* The bridge gets the gateways' addresses, and its namespace forwards. */
int bridge_configure_gateway(struct cni *c, const struct bridge_conf *conf, struct bridge_place *p,
	const struct link_info *bridge, const struct cni_result *r);

/* All addresses of a link, in the arena. */
int bridge_addresses(struct cni *c, struct nl *nl, int index, struct cidr **out, size_t *n);

#endif
