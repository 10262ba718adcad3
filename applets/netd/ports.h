/* The node's ports that lead to pods (hostPort, world/ports.h): listeners outside, by sockets of
 * the broker, and inside, on the node. */
#ifndef K3SBOX_NETD_PORTS_H
#define K3SBOX_NETD_PORTS_H

#include "base/err.h"
#include "netd/listen.h"
#include "netd/relay.h"
#include "netd/retry.h"
#include "world/ports.h"

/* A listener of an attachment: its place in the gate or the relay. */
struct ports_listener {
	char name[PORTS_NAME];     /* of the attachment; "": free */
	bool udp;
	uint32_t place;
};

struct ports {
	int epoll, channel;        /* the broker's */
	int fd;                    /* PORTS_SOCKET; -1: there is none */
	struct gate *gate;
	struct relay *relay;
	struct ports_listener v[LISTENERS + RELAY_PORTS];
	size_t n;                  /* the first n places have been used */
	struct retries retries;    /* files of attachments that could not be followed */
};

/* Makes PORTS_SOCKET and listens on all ports that there are files for. Files with ports that
 * cannot be opened are reported, and tried again by retries_settle(). 0 or -errno. */
int ports_init(struct ports *p, int64_t now);

#define PORTS_DATA (1ull << 55)

/* A plugin has called. */
void ports_on_call(struct ports *p);

#endif
