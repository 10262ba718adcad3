/* DNS: questions about the cluster's names are answered from the store of Services (dns_answer.h),
 * all others are passed on to the servers of the sandbox. Where a Service (CoreDNS) has the address
 * at which pods ask, and a ready endpoint, that endpoint gets what is asked there.
 *
 * Each question that is passed on goes by a socket of its own: a source port at random is what
 * protects against forged answers (RFC 5452), and an answer must repeat the question. There is no
 * cache. Questions by TCP come from dns_stream.h. */
#ifndef K3SBOX_NETD_DNS_H
#define K3SBOX_NETD_DNS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/socket.h>

#include "net/ip.h"
#include "netd/dns_answer.h"
#include "netd/dns_message.h"
#include "netd/pick.h"

enum {
	DNS_PORT = 53,
	DNS_QUERIES = 512,
	DNS_SERVERS = 3,
	DNS_TIMEOUT_MS = 4500,     /* below the 5 s after which resolvers ask again */
	DNS_MESSAGE = 4096,
	DNS_SOURCES = 256,
	DNS_LISTENERS = 2,
	DNS_CLUSTER = 1,           /* the listener with the Service address */
};

/* Who asks, and how the answer gets there. */
struct dns_client {
	int fd;                    /* a socket for datagrams; -1: a stream */
	uint8_t source;            /* the last byte of its address */
	uint64_t stream;           /* which */
	struct sockaddr_storage address;
	socklen_t address_n;
};

struct dns_query {
	int fd;                    /* outside, connected to the server; -1: free */
	int64_t deadline;          /* monotonic ms */
	size_t server;             /* its place in the list; DNS_SERVERS: a Service's endpoint */
	struct dns_client client;
	unsigned char question[DNS_QUESTION];   /* ID, flags, counts, and the question */
	size_t question_n;
	/* The client's question, for which a server outside was asked another one; its name has
	 * length 0 if the client's was passed on. */
	struct dns_asked asked;
};

struct dns {
	int epoll, channel;        /* the broker's */
	int fd[DNS_LISTENERS];     /* inside, where clients ask; the node's, the Service address */
	size_t fd_n;
	struct dns_zone zone;      /* .services NULL: every question is passed on */
	struct picker *picker;     /* of the same Services */
	/* Sends an answer to a stream that may be gone; set before questions come by streams. */
	void (*send)(void *arg, uint64_t stream, const unsigned char *m, size_t n);
	void *send_arg;
	struct ip servers[DNS_SERVERS];
	size_t server_n;
	size_t server;             /* the one that is asked, until it fails */
	struct dns_query queries[DNS_QUERIES];
	size_t used;
	uint16_t used_by[DNS_SOURCES];
	unsigned char answer[DNS_STREAM_SIZE];
	uint64_t dropped;
};

/* epoll data of socket i of the clients', and of query i: */
#define DNS_DATA_CLIENTS(i) (1ull << 62 | (uint64_t)(i))
#define DNS_DATA_QUERY(i) (1ull << 61 | (uint64_t)(i))

void dns_init(struct dns *d, int epoll, int channel);
/* Takes over fd, a socket for datagrams. 0 or -errno. */
int dns_listen(struct dns *d, int fd);

void dns_on_clients(struct dns *d, size_t i, int64_t now);
void dns_on_answer(struct dns *d, size_t query);
/* A question of the cluster's, by a stream: answers at once or later. */
void dns_on_question(struct dns *d, const struct dns_client *client, const struct dns_asked *asked,
	int64_t now);
/* Is it the cluster's? */
bool dns_is_ours(const struct dns *d, const struct dns_asked *asked);
/* Milliseconds until it must be called again; -1: no need. */
int dns_settle(struct dns *d, int64_t now);

#endif
