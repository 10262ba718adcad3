/* Sockets of TCP and UDP, in the cluster's network and outside of it. None of them blocks. */
#ifndef K3SBOX_NETD_SOCKETS_H
#define K3SBOX_NETD_SOCKETS_H

#include <stdbool.h>

#include "net/endpoint.h"

/* A socket in the cluster's network. The caller closes it. Or -errno. */
int sockets_open(int family, bool udp);
/* The same, bound to an address and port; one for connections listens. */
int sockets_inside(const struct endpoint *at, bool udp);
/* The same by the broker at this channel, in the network outside. */
int sockets_outside(int channel, const struct endpoint *at, bool udp);

/* Makes this one of the node's own addresses, or no longer: only from such a one the kernel
 * answers. 0, also if it is one already; or -errno. */
int sockets_claim(const struct ip *address, bool own);

/* Connects, or begins to: 0. -errno; fd stays the caller's. */
int sockets_connect(int fd, const struct endpoint *to);

#endif
