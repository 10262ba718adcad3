/* The network of a world: a namespace that contains only a bridge (the switch), with one port for
 * the node. Pods get theirs by the CNI plugin. The bridge has no address and a namespace of its
 * own, because gVisor delivers twice what a bridge with an address forwards, and sends to every
 * port what its host sends (gvisor pkg/tcpip/stack/bridge.go). */
#ifndef K3SBOX_SWITCH_H
#define K3SBOX_SWITCH_H

#include <stdbool.h>

#include "base/err.h"
#include "net/ip.h"

/* Where the switch's namespace is pinned, its bridge, and the node's link. */
#define SWITCH_NETNS "/run/netns/k3sbox-switch"
#define SWITCH_BRIDGE "switch"
#define SWITCH_NODE_LINK "cni0"

/* The namespace of the gateway of the node's own default route, and its link to the switch. netd
 * takes what the node's processes send there. */
#define SWITCH_GATEWAY_NETNS "/run/netns/k3sbox-gateway"
#define SWITCH_GATEWAY_LINK "eth0"

/* Nothing leaves the world but through netd's sockets, so the links can have any MTU: a large one
 * carries six to eight times as much in gVisor. */
enum { SWITCH_MTU = 65000 };

/* The gateway of the node's default route: the last host address of its network, which no pod may
 * get. TCP connections never go there, because netd redirects them; datagrams and echo requests
 * do. */
struct ip switch_gateway(const struct cidr *node);

/* The node's addresses, each with the prefix of its pods' network: IPv4, or IPv4 and IPv6. */
struct switch_node {
	struct cidr v[2];
	size_t n;                  /* 1 or 2 */
};

/* Pure. As text: "10.42.0.1/24", "10.42.0.1/24,fd42::1/64". */
enum { SWITCH_NODE_TEXT = 2 * CIDR_TEXT };
bool switch_parse_node(struct switch_node *out, const char *text);
/* Pure. The addresses of a cluster's first node: of each family of the cluster's networks
 * ("10.42.0.0/16,fd42::/56"), IPv4 first, it gets the first part (kubernetes
 * pkg/controller/nodeipam). */
void switch_first_node(struct switch_node *out, const char *cluster);
void switch_format_node(const struct switch_node *node, char out[SWITCH_NODE_TEXT]);

/* Called once, by process 1 of a world, in the node's network namespace, which has only lo yet. The
 * node gets these addresses, and default routes over the same link: without them no packet would
 * reach the chain in which netd redirects it. 0, or -errno with the detail in e. */
int switch_make(const struct switch_node *node, struct err *e);

#endif
