/* Sockets of the network outside, for use in a world. A socket keeps the network namespace that it
 * was made in: the broker outside makes one on request and passes it in (SCM_RIGHTS), and its
 * receiver connects, sends and accepts outside with plain calls. No data passes through the broker.
 *
 * One request and one reply are a packet each. Replies carry the request's number, because a client
 * that was killed may have left some unread for the next one. */
#ifndef K3SBOX_BROKER_H
#define K3SBOX_BROKER_H

#include <stdint.h>

#include "net/ip.h"

enum broker_op {
	BROKER_TCP = 1,            /* a TCP socket, non-blocking, not connected */
	BROKER_UDP,                /* a UDP socket, non-blocking, not bound */
	BROKER_LISTEN_TCP,         /* bound to address and port, listening, non-blocking */
	BROKER_BIND_UDP,           /* bound to address and port, non-blocking */
	BROKER_PING,               /* ICMP echo, non-blocking: a ping socket, or a raw one */
	BROKER_OP_COUNT,
};

struct broker_request {
	uint32_t number;           /* filled in by broker_ask() */
	uint8_t op;                /* enum broker_op */
	uint8_t family;            /* AF_INET or AF_INET6 */
	uint16_t port;             /* host byte order */
	uint8_t address[16];       /* network byte order; the first 4 bytes for AF_INET */
};

/* ---- outside ---- */

/* Answers the request that is waiting in the channel. 0; -EAGAIN: there is none; -EPIPE: the other
 * side has ended; or the -errno of the channel. A request that cannot be fulfilled is answered with
 * its error and is no failure here. */
int broker_serve(int channel);

/* ---- inside ---- */

/* Sends the request and waits for the reply; for TCP over IPv4 one request in eight is enough,
 * because the broker makes some in advance. A descriptor, close-on-exec, which the caller closes;
 * -EPIPE if the broker has ended; or the broker's -errno. */
int broker_ask(int channel, struct broker_request *request);

#endif
