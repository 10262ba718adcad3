/* A network namespace at work: a descriptor of it, and an rtnetlink socket in it. */
#ifndef K3SBOX_BRIDGE_NETNS_H
#define K3SBOX_BRIDGE_NETNS_H

#include "net/netlink.h"

struct bridge_netns {
	int fd;
	struct nl nl;
};

#define BRIDGE_NETNS_CLOSED { .fd = -1, .nl.fd = -1 }

/* The namespace at this path, NULL: this process's. 0 or -errno; the process is in its own
 * again. */
int bridge_netns_open(const char *path, struct bridge_netns *ns);
void bridge_netns_close(struct bridge_netns *ns);
#define _cleanup_netns_ __attribute__((cleanup(bridge_netns_close)))

/* Calls fn in the namespace; returns what it does, or -errno. */
int bridge_netns_run(const struct bridge_netns *ns, int (*fn)(void *arg), void *arg);

bool bridge_netns_same(const struct bridge_netns *a, const struct bridge_netns *b);

#endif
