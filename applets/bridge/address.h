/* What the IPAM plugin's answer means for the pod's interface: gateways and routes (upstream's
 * calcGateways and ConfigureIface). Pure. */
#ifndef K3SBOX_BRIDGE_ADDRESS_H
#define K3SBOX_BRIDGE_ADDRESS_H

#include "bridge/config.h"

/* Makes all addresses those of the interface with this index in the result, fills in gateways,
 * and adds a default route for each family that needs one. */
void bridge_assign(struct cni *c, const struct bridge_conf *conf, int64_t interface,
	struct cni_result *r);

/* The gateway of a route: its own, or that of the first address of its family; may be none. */
struct ip bridge_route_gateway(const struct cni_result *r, const struct cni_route *route);

/* The same address with the same prefix length? */
bool bridge_same_address(const struct cidr *a, const struct cidr *b);

/* Is the other address in the way of this one on the same bridge? One IPv4 address, and IPv6
 * addresses of different networks, are allowed. */
bool bridge_address_conflicts(const struct cidr *wanted, const struct cidr *other);

#endif
