/* Flows: TCP connections carried between two sockets. One table of fixed size, allocated once; a
 * flow's place in it and its side are what epoll hands back. Nothing is freed while a batch of
 * events is looked at: an ended flow goes at the batch's end.
 *
 *   state     left       right       what may be touched
 *   FREE      -          -           next
 *   WAITING   accepted   -           left is looked at, not read: its first bytes name the server
 *   DIALLING  accepted   connecting  left is not read: what it sends waits in the kernel
 *   TRYING    accepted   connecting  the same; if one endpoint does not answer, the next is dialled
 *   ASKING    accepted   connected   the same, while a proxy is asked for the connection
 *   OPEN      connected  connected   all
 *   ENDED     closed     closed      nothing; free after the batch
 *
 * WAITING and ASKING are for connections by way of a proxy only, TRYING for those to a Service. A
 * client that speaks to the proxy itself (.to_proxy) is not helped to it, but is told by an HTTP
 * answer why it cannot be reached.
 *
 * Each direction of an open flow: data → end of file (half-closed) → its FIN passed on. Both passed
 * on: the flow ends. A reset on one side, or an error, resets the other. Until it ends in order a
 * flow's sockets are set to be reset by close(2), so that the end of this process, whatever the
 * reason, never looks like the regular end of a transfer. */
#ifndef K3SBOX_NETD_FLOW_H
#define K3SBOX_NETD_FLOW_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "net/proxy.h"
#include "netd/policy.h"

struct buf;

enum flow_state {
	FLOW_FREE, FLOW_WAITING, FLOW_DIALLING, FLOW_TRYING, FLOW_ASKING, FLOW_OPEN, FLOW_ENDED,
	FLOW_STATES,
};
enum { FLOW_LEFT, FLOW_RIGHT, FLOW_SIDES };

struct flow_side {
	int fd;                    /* -1: closed */
	uint32_t events;           /* that epoll watches for */
	bool watched;              /* epoll has it; with no events it reports resets all the same */
	bool eof;                  /* it will send no more */
	bool shut;                 /* it has been told that the other will send no more */
	char *pending;             /* bytes that its socket did not take; malloc()ed */
	uint32_t pending_n, pending_at;
};

/* Of a flow to a Service: who asks, and how often it has been dialled. */
struct flow_client {
	struct ip address;
	bool outside;              /* it comes from outside of the cluster */
	uint8_t dialled;
};

struct flow {
	enum flow_state state;
	uint32_t next, prev;       /* in the list of its state, index + 1 */
	uint32_t source;           /* who opened it, as a small number */
	int64_t deadline;          /* before OPEN: monotonic ms */
	/* WAITING, or to a proxy: where to; TRYING: the Service's address */
	struct endpoint to;
	struct flow_client client; /* TRYING */
	bool to_proxy;
	struct proxy_reply reply;  /* ASKING */
	struct flow_side side[FLOW_SIDES];
};

/* All flows of a state, oldest first; index + 1, 0: empty. */
struct flow_list { uint32_t first, last; };

enum { FLOW_SOURCES = 256 };

/* How flows by way of a proxy are opened, for flows_add_waiting(). */
struct flow_proxy {
	void *arg;
	/* A socket that is connected or about to be, or -errno. name: the server's, if it is known.
	 * What is put into request goes first, and must be answered; it may stay empty. NULL: the
	 * client makes its own request of the proxy at `to`. */
	int (*dial)(void *arg, const struct endpoint *to, const char *name, struct buf *request);
	/* The proxy did not connect: -errno, or its HTTP status (0: its answer was not HTTP). */
	void (*failed)(void *arg, int reason);
	/* The HTTP answer for a client that speaks to the proxy at `to`, which failed by -errno. */
	void (*explain)(void *arg, const struct endpoint *to, int reason, struct buf *answer);
};

/* How flows to Services are dialled, for flows_add_trying(). */
struct flow_service {
	void *arg;
	/* A socket that is connected, or about to be, to one of the Service's endpoints; or -errno.
	 * client->dialled: how many have been tried. */
	int (*dial)(void *arg, const struct endpoint *to, const struct flow_client *client,
		int64_t now);
};

struct flows {
	struct flow *v;
	uint32_t max, used, dialling;   /* dialling: not yet OPEN */
	uint32_t fresh;            /* flows from here on have never been used */
	struct flow_list lists[FLOW_STATES];
	uint32_t used_by[FLOW_SOURCES], dialling_by[FLOW_SOURCES];
	uint16_t failed_by[FLOW_SOURCES];   /* in the second that began at … */
	int64_t failed_since;
	int epoll;
	struct flow_proxy proxy;
	struct flow_service service;
	int64_t trying_until;      /* no TRYING flow's time is up before */
	char *scratch;             /* what is being copied */
	size_t pending;            /* bytes in all `pending` */
	uint64_t bytes;            /* carried */
};

enum {
	FLOW_SCRATCH = 256 * 1024,
	FLOW_PENDING_MAX = 64 << 20,   /* beyond it only FLOW_SMALL is read at a time */
	FLOW_SMALL = 4096,
	FLOW_DIAL_MS = 30000,
	FLOW_TRY_MS = 250,         /* for the first endpoint; then twice as long, … */
	FLOW_TRIES = 4,
	FLOW_FAILURES = 200,
};

/* 0 or -errno. max: flows at a time. */
int flows_init(struct flows *f, int epoll, uint32_t max);
void flows_free(struct flows *f);

/* May this source open one more? It may have as many as are free, an eighth of the table
 * connecting, and FLOW_FAILURES that fail in a second: however many it tries to open, others get
 * theirs, and a scan of ports costs little. */
bool flows_admit(struct flows *f, uint32_t source, int64_t now);
/* One that never became a flow: its dial failed at once. */
void flows_count_failure(struct flows *f, uint32_t source);

/* Takes over both descriptors, whatever it returns. right: a socket whose connect(2) is under way
 * (-EINPROGRESS) or done. 0 or -errno. */
int flows_add(struct flows *f, int left, int right, uint32_t source, int64_t now);

/* The same for a connection by way of f->proxy: the right side is dialled once the client's first
 * bytes have named the server, or do not, at the latest at this time. */
int flows_add_waiting(struct flows *f, int left, const struct endpoint *to, uint32_t source,
	int64_t deadline);

/* The same for one to the proxy itself. */
int flows_add_to_proxy(struct flows *f, int left, const struct endpoint *to, uint32_t source,
	int64_t deadline);

/* The same for a connection to a Service, by f->service. 0, or the -errno of its first dial, or of
 * the table; left is then still the caller's. */
int flows_add_trying(struct flows *f, int left, const struct endpoint *to,
	const struct flow_client *client, uint32_t source, int64_t now);

/* An event on one side, as epoll reports it. */
void flows_event(struct flows *f, uint32_t index, int side, uint32_t events, int64_t now);

/* After each batch: frees what has ended, ends what has been dialling for too long. Milliseconds
 * until it must be called again; -1: no need. */
int flows_settle(struct flows *f, int64_t now);

/* Closes so that the other end is told by a reset. */
void flow_reset_fd(int fd);

/* epoll data of a side */
#define FLOW_DATA(index, side) ((uint64_t)(index) << 1 | (uint64_t)(side))

#endif
