/* The network of a world: a namespace with nothing in it but a bridge (the switch), and one port for the node. Pods get theirs by the
 * CNI plugin. The bridge has no address and lies apart, because gVisor delivers what a bridge with an address forwards twice, and
 * sends what its host sends to every port (gvisor pkg/tcpip/stack/bridge.go). */
#ifndef K3SBOX_SWITCH_H
#define K3SBOX_SWITCH_H

#include "base/err.h"
#include "net/ip.h"

/* Where the switch's namespace is pinned, its bridge, and the node's link. */
#define SWITCH_NETNS "/run/netns/k3sbox-switch"
#define SWITCH_BRIDGE "switch"
#define SWITCH_NODE_LINK "cni0"

/* No packet leaves the world but through netd's sockets, so the links' MTU is free: large ones carry six to eight times as much in gVisor. */
enum { SWITCH_MTU = 65000 };

/* The address that the node's default route names, the last one of its network: nothing has it, and no pod may get it. A kernel without routes
 * that name only a link (gVisor) needs one. */
struct ip switch_gateway(const struct cidr *node);

/* Called once, by process 1 of a world, in the node's network namespace, which has nothing but lo yet. The node gets this address, with its
 * prefix, and a default route over the same link: without one nothing would even be sent to where netd redirects it. */
int switch_make(const struct cidr *node, struct err *e);

#endif
