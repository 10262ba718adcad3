/* Clients that ask by TCP. What they ask about the cluster is answered here, one question after the
 * other; a connection whose next question is for the servers outside is given away, with the
 * question unread, and becomes a flow to one of them. */
#ifndef K3SBOX_NETD_DNS_STREAM_H
#define K3SBOX_NETD_DNS_STREAM_H

#include "netd/dns.h"

enum { DNS_STREAMS = 64, DNS_STREAM_MS = 10000 };

struct dns_stream {
	int fd;                    /* -1: free */
	uint8_t source;
	bool waits;                /* for an answer */
	uint64_t id;
	int64_t deadline;          /* monotonic ms */
	unsigned char *rest;       /* of an answer, which its socket did not take; malloc()ed */
	size_t rest_n, rest_at;
};

struct dns_streams {
	struct dns *dns;
	/* Takes over a connection. */
	void (*give_away)(void *arg, int fd, uint32_t source, int64_t now);
	void *arg;
	struct dns_stream v[DNS_STREAMS];
	unsigned used, used_by[DNS_SOURCES];
	uint64_t last_id;
};

/* epoll data of a stream */
#define DNS_DATA_STREAM(i) (1ull << 50 | (uint64_t)(i))

void dns_streams_init(struct dns_streams *s, struct dns *d);
/* Takes over fd, an accepted connection. 0, or -errno: fd is still the caller's. */
int dns_stream_add(struct dns_streams *s, int fd, uint32_t source, int64_t now);
void dns_stream_event(struct dns_streams *s, size_t i, int64_t now);
/* Milliseconds until it must be called again; -1: no need. */
int dns_streams_settle(struct dns_streams *s, int64_t now);

#endif
