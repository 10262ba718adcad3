/* Making and joining links: bridges and veth pairs, with only those attributes that gVisor's
 * rtnetlink accepts as well (gvisor pkg/sentry/socket/netstack/stack.go). Functions return 0 or
 * -errno. */
#ifndef K3SBOX_LINK_H
#define K3SBOX_LINK_H

#include <stdint.h>

#include "net/netlink.h"

enum { LINK_NAME = 16, LINK_MAC = 6 };

struct link_info {
	int index;
	unsigned flags;            /* IFF_ */
	unsigned mtu;
	int master;                /* index of the bridge that it is a port of; 0: none */
	uint8_t mac[LINK_MAC];
	bool running;              /* it can carry packets, as far as the kernel tells */
	char name[LINK_NAME];
	char kind[LINK_NAME];      /* "veth", "bridge"; "" if the kernel does not tell (gVisor) */
};

/* What a link of this name looks like; -ENODEV. */
int link_get(struct nl *nl, const char *name, struct link_info *out);

/* -EEXIST if the name is taken. */
int link_add_bridge(struct nl *nl, const char *name);

/* A pair: `name` here, `peer` in the network namespace of this descriptor. An MTU is set
 * afterwards, at each end in its own namespace: gVisor makes every pair with 1500. */
int link_add_veth(struct nl *nl, const char *name, const char *peer, int peer_netns);

/* Makes it a port of the bridge with this index, 0 takes it out. */
int link_set_master(struct nl *nl, int index, int master);

int link_set_mtu(struct nl *nl, int index, unsigned mtu);
int link_set_mac(struct nl *nl, int index, const uint8_t mac[LINK_MAC]);

/* Lets the bridge send a packet back through the port that it came from. -EOPNOTSUPP where the
 * kernel has no such mode. */
int link_set_hairpin(struct nl *nl, int index);

/* Calls fn for each port of the bridge with this index. The list is made before, so fn may
 * remove ports; what it returns that is not 0 ends the walk and is returned. */
typedef int link_visit(void *arg, const struct link_info *port);
int link_ports(struct nl *nl, int bridge, link_visit *fn, void *arg);

#endif
