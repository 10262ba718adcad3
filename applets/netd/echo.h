/* Echo requests (ping) of pods and of the node to addresses outside (packets.h). Each has a ping
 * socket of the broker, connected to the server; where the kernel outside refuses such sockets, a
 * raw one; where it refuses both, nothing answers. IPv4 only. */
#ifndef K3SBOX_NETD_ECHO_H
#define K3SBOX_NETD_ECHO_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "netd/packets.h"
#include "netd/policy.h"

enum {
	ECHO_FLOWS = 128,
	ECHO_OF_ONE = 32,          /* flows of one client */
	ECHO_MS = 15000,           /* after the last request */
	ECHO_HEADER = 8,
};

struct echo_flow {
	int fd;                    /* outside; -1: free */
	bool raw;
	uint32_t client, server;   /* network byte order */
	uint16_t id;               /* the client's, as in the packet */
	int64_t used_at;           /* monotonic ms */
};

struct echo {
	int epoll, channel;        /* the broker's */
	const struct policy *policy;
	struct cidr pods;
	struct packets packets;
	struct echo_flow v[ECHO_FLOWS];
	size_t used;
	unsigned char packet[PACKETS_MAX];
	uint64_t dropped;
};

/* Pure. Is it an echo request (or a reply)? The ID at bytes 4 and 5, then a sequence number and the
 * data, are the client's. */
bool echo_is_request(const unsigned char *icmp, size_t n);
bool echo_is_reply(const unsigned char *icmp, size_t n);
/* Pure. Makes it a reply with this ID. */
void echo_make_reply(unsigned char *icmp, size_t n, uint16_t id);

/* 0, or -errno: then nothing is carried, and the other functions do nothing. */
int echo_init(struct echo *e);

/* epoll data */
#define ECHO_DATA_PACKETS (1ull << 54)         /* | enum packets_place */
#define ECHO_DATA_FLOW(i) (1ull << 53 | (uint64_t)(i))

void echo_on_packets(struct echo *e, size_t place, int64_t now);
void echo_on_answer(struct echo *e, size_t flow);
/* Milliseconds until it must be called again; -1: no need. */
int echo_settle(struct echo *e, int64_t now);

#endif
