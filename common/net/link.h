/* Making and joining links: bridges and veth pairs, with only those attributes that gVisor's rtnetlink accepts as well
 * (gvisor pkg/sentry/socket/netstack/stack.go). Functions return 0 or -errno. */
#ifndef K3SBOX_LINK_H
#define K3SBOX_LINK_H

#include <stdint.h>

#include "net/netlink.h"

struct link_info {
	int index;
	unsigned flags;            /* IFF_ */
	unsigned mtu;
	int master;                /* index of the bridge that it is a port of; 0: none */
	uint8_t mac[6];
};

/* What a link of this name looks like; -ENODEV. */
int link_get(struct nl *nl, const char *name, struct link_info *out);

/* -EEXIST if the name is taken. */
int link_add_bridge(struct nl *nl, const char *name);

/* A pair: `name` here, `peer` in the network namespace of this descriptor. An MTU is set afterwards, at each end in its own namespace:
 * gVisor makes every pair with 1500. */
int link_add_veth(struct nl *nl, const char *name, const char *peer, int peer_netns);

/* Makes it a port of the bridge with this index, 0 takes it out. */
int link_set_master(struct nl *nl, int index, int master);

int link_set_mtu(struct nl *nl, int index, unsigned mtu);

#endif
