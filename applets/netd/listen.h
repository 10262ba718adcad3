/* Where connections come in: one listener for all that the nat table redirects, and listeners whose
 * connections go to one address. Each accepted connection is decided by the policy, dialled, and
 * becomes a flow. */
#ifndef K3SBOX_NETD_LISTEN_H
#define K3SBOX_NETD_LISTEN_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "netd/flow.h"
#include "netd/health.h"
#include "netd/pick.h"
#include "netd/policy.h"

struct listener {
	int fd;                    /* -1: this place is free */
	bool redirected;           /* to where the connection was going before it was redirected */
	enum policy_verdict side;  /* otherwise: POLICY_INSIDE, _SERVICE, _DNS or _HEALTH; */
	struct endpoint to;        /* where to; of _HEALTH: the port that is asked */
	bool outside;              /* it listens outside of the cluster */
	bool to_proxy;             /* there is an HTTP proxy, of which clients know */
};

enum { LISTENERS = 1024, GATE_PAUSE_MS = 100, GATE_NAME_MS = 1000 };

/* The way out where it leads by a proxy. */
struct gate_proxy {
	struct proxy_url url;
	struct endpoint at;        /* address.len 0: there is none */
	const char *exceptions;    /* NO_PROXY; may be NULL */
	bool told[600];            /* by HTTP status, or errno: logged already */
};

struct gate {
	int epoll, channel;        /* the broker's */
	struct gate_proxy *proxy;
	const struct policy *policy;
	struct flows *flows;
	struct picker *picker;     /* of Services' endpoints */
	/* Takes over a connection to the DNS server. 0, or -errno: fd is still the gate's. */
	int (*dns)(void *arg, int fd, uint32_t source, int64_t now);
	void *dns_arg;
	struct health *health;     /* takes over connections of health checks */
	struct listener v[LISTENERS];
	size_t n;                  /* the first n places have been used */
	/* No more is accepted until then, or until there are fewer flows; 0: accepting. */
	int64_t paused_until;
	uint32_t paused_used;
};

/* epoll data of listener i */
#define LISTEN_DATA(i) (1ull << 60 | (uint64_t)(i))

/* Takes over l->fd, a listening socket. Its place, or -errno. */
int gate_add(struct gate *g, const struct listener *l);
/* Closes it; connections that it has accepted stay. */
void gate_remove(struct gate *g, size_t i);
void gate_on_listener(struct gate *g, size_t i, int64_t now);

/* Takes over fd, and makes it a flow to an address outside, which no policy is asked about. */
void gate_pass_outside(struct gate *g, int fd, const struct endpoint *to, uint32_t source,
	int64_t now);

/* For struct flow_proxy; arg is the gate. Each reason of a failure is logged once. */
int gate_dial_proxy(void *arg, const struct endpoint *to, const char *name, struct buf *request);
void gate_proxy_failed(void *arg, int reason);
void gate_proxy_explain(void *arg, const struct endpoint *to, int reason, struct buf *answer);

/* For struct flow_service; arg is the gate. */
int gate_dial_service(void *arg, const struct endpoint *to, const struct flow_client *client,
	int64_t now);

/* After each batch: listens again after a pause. Milliseconds until it must be called again; -1: no
 * need. */
int gate_settle(struct gate *g, int64_t now);

#endif
