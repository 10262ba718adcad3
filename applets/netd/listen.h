/* Where connections come in: one listener for all that the nat table redirects, and listeners outside whose connections go to one address
 * inside. Each accepted connection is decided by the policy, dialled, and becomes a flow. */
#ifndef K3SBOX_NETD_LISTEN_H
#define K3SBOX_NETD_LISTEN_H

#include <stddef.h>
#include <stdint.h>

#include "netd/flow.h"
#include "netd/policy.h"

struct listener {
	int fd;
	const struct endpoint *to; /* inside; NULL: to where the connection was going before it was redirected */
};

enum { LISTENERS = 64 };

struct gate {
	int epoll, channel;        /* the broker's */
	const struct policy *policy;
	struct flows *flows;
	struct listener v[LISTENERS];
	size_t n;
	bool paused;               /* no more is accepted until a flow ends */
};

/* epoll data of listener i */
#define LISTEN_DATA(i) (1ull << 60 | (uint64_t)(i))

/* Takes over fd, a listening socket. 0 or -errno. */
int gate_add(struct gate *g, int fd, const struct endpoint *to);
void gate_on_listener(struct gate *g, size_t i, int64_t now);
/* After each batch: listens again once there is room. */
void gate_settle(struct gate *g);

#endif
