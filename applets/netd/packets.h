/* Whole IPv4 packets, to addresses outside, that nothing else carries: taken where they come in
 * over a link, and the answers to them sent with the server's address as their source. Fragments
 * are dropped. */
#ifndef K3SBOX_NETD_PACKETS_H
#define K3SBOX_NETD_PACKETS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "net/ip.h"

/* Where they come in: pods' at the node's link, the node's own at its gateway (world/switch.h). */
enum packets_place { PACKETS_PODS, PACKETS_NODE, PACKETS_PLACES };

enum { PACKETS_HEADER = 20, PACKETS_MAX = 65535 };

/* One protocol's packets at both places; -1: not there. */
struct packets { int in[PACKETS_PLACES], out[PACKETS_PLACES]; };

/* Addresses in network byte order. */
struct packet {
	uint32_t from, to;
	const unsigned char *data; /* behind the IP header */
	size_t n;
};

/* Pure. A whole packet of this protocol; false: it is no such thing. */
bool packets_parse(const unsigned char *p, size_t n, uint8_t protocol, struct packet *out);
/* Pure. The header of a packet with n bytes of data. */
void packets_make_header(uint8_t protocol, uint32_t from, uint32_t to, size_t n,
	unsigned char out[PACKETS_HEADER]);
/* Pure. The internet checksum (RFC 1071) of n bytes. */
uint16_t packets_checksum(const unsigned char *p, size_t n);

/* Opens the sockets of a protocol, for packets that are not to the pods' network. Their epoll data
 * is data | enum packets_place. 0; or -errno, if there is none for pods. One for the node alone may
 * be missing. */
int packets_open(struct packets *s, int epoll, uint64_t data, uint8_t protocol,
	const struct cidr *pods);

/* Pure. Does this place carry what comes from there? The switch floods what it has not learned yet,
 * so each sees some of the other's packets. */
bool packets_are_from(enum packets_place place, const struct cidr *pods, uint32_t from);

/* Sends head and data, one after the other, to the node or a pod. The node's address is that of
 * pods in packets_open(). 0 or -errno. */
int packets_send(const struct packets *s, const struct cidr *pods, uint32_t to,
	const void *head, size_t head_n, const void *data, size_t n);

#endif
