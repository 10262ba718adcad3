/* Health checks over HTTP, with kube-proxy's answers (kubernetes pkg/proxy/healthcheck): on
 * a Service's healthCheckNodePort load balancers ask whether this node has endpoints of it, and on
 * HEALTH_PORT of the loopback, where k3s has kube-proxy listen, whether the proxy works. */
#ifndef K3SBOX_NETD_HEALTH_H
#define K3SBOX_NETD_HEALTH_H

#include <stdint.h>
#include <time.h>

#include "base/buf.h"
#include "netd/services.h"

enum { HEALTH_PORT = 10256, HEALTH_CLIENTS = 64, HEALTH_MS = 5000 };

struct health_client {
	int fd;                    /* -1: free */
	uint16_t port;             /* at which it came in */
	int64_t deadline;          /* monotonic ms */
};

struct health {
	int epoll;
	struct services *services;
	struct health_client v[HEALTH_CLIENTS];
	unsigned used;
};

/* Does anything ask there about this Service? */
bool health_is_checked(const struct service_object *o);

/* Pure. Endpoints on this node that are ready, each address once. */
unsigned health_count_endpoints(const struct services *s, const struct service *svc);

/* Pure. The answer to the request of n bytes at this port. */
void health_answer(struct services *s, uint16_t port, const char *request, size_t n, time_t now,
	struct buf *out);

void health_init(struct health *h, int epoll, struct services *services);
/* Takes over fd, an accepted connection. 0, or -errno: fd is still the caller's. */
int health_add(struct health *h, int fd, uint16_t port, int64_t now);

/* epoll data of a client */
#define HEALTH_DATA(i) (1ull << 49 | (uint64_t)(i))

void health_event(struct health *h, size_t i);
/* Milliseconds until it must be called again; -1: no need. */
int health_settle(struct health *h, int64_t now);

#endif
