/* Addresses with ports: text, and what socket calls take. Pure. */
#ifndef K3SBOX_ENDPOINT_H
#define K3SBOX_ENDPOINT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/socket.h>

#include "net/ip.h"

struct endpoint {
	struct ip address;
	uint16_t port;             /* host byte order */
};

enum { ENDPOINT_TEXT = IP_TEXT + sizeof "[]:65535" - 1 };

/* "10.0.0.1:80", "[fd00::1]:80": n bytes of s. No names, no port 0. */
bool endpoint_parse(struct endpoint *out, const char *s, size_t n);
void endpoint_format(const struct endpoint *e, char out[ENDPOINT_TEXT]);

bool endpoint_same(const struct endpoint *a, const struct endpoint *b);

/* AF_INET for IPv4, else AF_INET6. */
int endpoint_family(const struct endpoint *e);
/* The length of the address. */
socklen_t endpoint_to_sockaddr(const struct endpoint *e, struct sockaddr_storage *a);
/* address.len 0: of another family. IPv4 in IPv6 notation is IPv4. */
struct endpoint endpoint_from_sockaddr(const struct sockaddr_storage *a);

#endif
