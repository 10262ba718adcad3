/* DNS questions over UDP, passed on to the servers of the sandbox. Each goes out by a socket of its
 * own: a source port at random is what protects against forged answers (RFC 5452), and an answer
 * must repeat the question. */
#ifndef K3SBOX_NETD_DNS_H
#define K3SBOX_NETD_DNS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/socket.h>

#include "net/ip.h"

enum {
	DNS_PORT = 53,
	DNS_QUERIES = 512,
	DNS_SERVERS = 3,
	DNS_TIMEOUT_MS = 4500,     /* below the 5 s after which resolvers ask again */
	DNS_MESSAGE = 4096,
	DNS_QUESTION = 272,
	DNS_SOURCES = 256,
};

struct dns_query {
	int fd;                    /* outside, connected to the server; -1: free */
	int64_t deadline;          /* monotonic ms */
	size_t server;             /* its place in the list */
	uint8_t source;            /* who asks: the last byte of the client's address */
	struct sockaddr_storage client;
	socklen_t client_n;
	unsigned char question[DNS_QUESTION];   /* ID, flags, counts, and the question */
	size_t question_n;
};

struct dns {
	int epoll, channel;        /* the broker's */
	int fd;                    /* inside, where clients ask */
	struct ip servers[DNS_SERVERS];
	size_t server_n;
	size_t server;             /* the one that is asked, until it fails */
	struct dns_query queries[DNS_QUERIES];
	size_t used;
	uint16_t used_by[DNS_SOURCES];
	uint64_t dropped;
};

/* Pure. Length of header and question of a query with exactly one question; 0 if it is no such
 * thing. At most DNS_QUESTION. */
size_t dns_question(const unsigned char *message, size_t n);
/* Pure. Is this an answer to that question? */
bool dns_answers(const unsigned char *message, size_t n, const unsigned char *question,
	size_t question_n);

/* Takes over fd. epoll data of the clients' socket and of query i: */
#define DNS_DATA_CLIENTS (1ull << 62)
#define DNS_DATA_QUERY(i) (1ull << 61 | (uint64_t)(i))
int dns_init(struct dns *d, int epoll, int channel, int fd);

void dns_on_clients(struct dns *d, int64_t now);
void dns_on_answer(struct dns *d, size_t query);
/* Milliseconds until it must be called again; -1: no need. */
int dns_settle(struct dns *d, int64_t now);

#endif
