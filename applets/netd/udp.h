/* Datagrams of pods and of the node to addresses outside and to Services (packets.h). Each pair of
 * client and server has a socket of the broker, connected to the server, or one inside, connected
 * to an endpoint of the Service. Where nothing takes a datagram its sender is told by ICMP. IPv4
 * only: Services' IPv6 addresses are listened on (fronts.h). */
#ifndef K3SBOX_NETD_UDP_H
#define K3SBOX_NETD_UDP_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "net/ip.h"
#include "netd/exchange.h"
#include "netd/packets.h"
#include "netd/pick.h"
#include "netd/policy.h"

enum {
	UDP_FLOWS = 1024,
	UDP_SOURCES = 256,
	UDP_HEADERS = PACKETS_HEADER + 8,
	UDP_REFUSAL = PACKETS_HEADER + 8 + UDP_HEADERS,
};

/* Addresses and ports in network byte order. */
struct udp_key { uint32_t client, server; uint16_t client_port, server_port; };

struct udp_packet {
	struct udp_key key;
	const unsigned char *data;
	size_t n;
};

struct udp_flow {
	int fd;
	struct exchange exchange;
	struct endpoint to;        /* to a Service: the endpoint; else address.len is 0 */
};

struct udp {
	int epoll, channel;        /* the broker's */
	const struct policy *policy;
	struct picker *picker;     /* of Services' endpoints */
	struct cidr pods;          /* the node's address, with the prefix of its pods */
	struct packets packets;
	uint32_t max, used;        /* flows 0 … max - 1; the first `fresh` have been used */
	uint32_t fresh;
	struct udp_key keys[UDP_FLOWS];
	struct udp_flow v[UDP_FLOWS];
	uint16_t used_by[UDP_SOURCES];
	int64_t look_at;           /* 0: nothing to look for */
	unsigned char packet[PACKETS_MAX];
	uint64_t dropped;
};

/* Pure. A whole IPv4 packet with a whole datagram. */
bool udp_parse(const unsigned char *packet, size_t n, struct udp_packet *out);
/* Pure. The headers of an answer of n bytes for this client. */
void udp_make_headers(const struct udp_key *key, size_t n, unsigned char out[UDP_HEADERS]);

/* Pure. A packet that tells the client that the server's port is closed (ICMP port unreachable,
 * RFC 792), about a datagram of n bytes. */
void udp_make_refusal(const struct udp_key *key, size_t n, unsigned char out[UDP_REFUSAL]);

/* Opens the sockets inside. 0, or -errno: then nothing is carried, and the other functions do
 * nothing. */
int udp_init(struct udp *u);

/* epoll data */
#define UDP_DATA_PACKETS (1ull << 59)          /* | enum packets_place */
#define UDP_DATA_FLOW(i) (1ull << 58 | (uint64_t)(i))

/* Ends flows to Services whose endpoint no longer serves. */
void udp_check_services(struct udp *u);

void udp_on_packets(struct udp *u, size_t place, int64_t now);
void udp_on_answer(struct udp *u, size_t i, int64_t now);
/* Milliseconds until it must be called again; -1: no need. */
int udp_settle(struct udp *u, int64_t now);

#endif
