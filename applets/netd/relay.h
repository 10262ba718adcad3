/* Datagrams that come in at a port and go on to one address inside, or to the endpoints of a
 * Service: each client has a socket that is connected there, and answers go back from the port that
 * was asked. */
#ifndef K3SBOX_NETD_RELAY_H
#define K3SBOX_NETD_RELAY_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "net/endpoint.h"
#include "netd/exchange.h"
#include "netd/pick.h"

enum {
	RELAY_PORTS = 256,
	RELAY_FLOWS = 1024,
	RELAY_PACKET = 65535,
};

struct relay_port {
	int fd;                    /* where clients send to; -1: this place is free */
	struct endpoint to;        /* of a Service: its front */
	bool service, outside;     /* outside: the port is not in the cluster's network */
	uint32_t used;             /* flows */
};

struct relay_flow {
	int fd;                    /* connected to `to`; -1: free */
	struct endpoint to;
	uint32_t port;
	struct endpoint client;
	struct exchange exchange;
};

struct relay {
	int epoll;
	struct picker *picker;     /* of Services' endpoints */
	struct relay_port ports[RELAY_PORTS];
	size_t port_n;             /* the first port_n places have been used */
	struct relay_flow v[RELAY_FLOWS];
	uint32_t max, used;        /* flows 0 … max - 1; the first `fresh` have been used */
	uint32_t fresh;
	int64_t look_at;           /* 0: nothing to look for */
	char packet[RELAY_PACKET];
	uint64_t dropped;
};

/* Takes over port->fd, a bound socket that does not block. Its place, or -errno. */
int relay_add(struct relay *r, const struct relay_port *port);
/* Closes the port, and ends its flows. */
void relay_remove(struct relay *r, size_t port);

/* Ends flows to Services whose endpoint no longer serves. */
void relay_check_services(struct relay *r);

/* epoll data */
#define RELAY_DATA_PORT(i) (1ull << 57 | (uint64_t)(i))
#define RELAY_DATA_FLOW(i) (1ull << 56 | (uint64_t)(i))

void relay_on_port(struct relay *r, size_t port, int64_t now);
void relay_on_answer(struct relay *r, size_t flow, int64_t now);
/* Milliseconds until it must be called again; -1: no need. */
int relay_settle(struct relay *r, int64_t now);

#endif
