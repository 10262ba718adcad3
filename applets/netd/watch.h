/* Watches the Services, EndpointSlices and nodes of the cluster and keeps the store up to date. The
 * requests go to the API server by TLS, each kind over a connection of its own, without waiting for
 * it: an event loop calls. */
#ifndef K3SBOX_NETD_WATCH_H
#define K3SBOX_NETD_WATCH_H

#include <stddef.h>
#include <stdint.h>

#include "base/buf.h"
#include "netd/reflector.h"
#include "netd/services.h"

struct tls;

enum watch_kind { WATCH_SERVICES, WATCH_SLICES, WATCH_NODES, WATCH_KINDS };

enum {
	WATCH_FILE_MS = 200,       /* between two looks for the kubeconfig */
	WATCH_CONNECT_MS = 10000,  /* for a connection and the first bytes of the answer */
	WATCH_SILENCE_MS = 60000,  /* within a list */
	WATCH_MOST_MS = 700000,    /* longer than the server lets a watch last */
};

enum watch_state { WATCH_WAITING, WATCH_CONNECTING, WATCH_TALKING };

struct watch_connection {
	enum watch_state state;
	int fd;                    /* -1 while it waits */
	struct tls *tls;
	struct buf request;
	size_t sent;               /* bytes of it */
	uint32_t events;           /* that epoll watches for */
	int64_t at;                /* WAITING: when to go on; else: the time limit */
	struct reflector reflector;
	struct reflector_target target;
};

struct watch {
	int epoll;
	const char *kubeconfig;    /* NULL: nothing is watched */
	struct services *services;
	struct ip address;         /* of this node */
	struct watch_connection v[WATCH_KINDS];
	char *buffer;
};

/* epoll data of connection i */
#define WATCH_DATA(i) (1ull << 52 | (uint64_t)(i))

/* kubeconfig: borrowed; it need not exist yet. */
void watch_init(struct watch *w, int epoll, const char *kubeconfig, struct services *services,
	const struct ip *address);
void watch_on_event(struct watch *w, size_t i, int64_t now);
/* Milliseconds until it must be called again; -1: no need. */
int watch_settle(struct watch *w, int64_t now);

#endif
