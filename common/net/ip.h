/* IP addresses and prefixes as Go's net package reads and prints them. */
#ifndef K3SBOX_IP_H
#define K3SBOX_IP_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum { IP_TEXT = 48, CIDR_TEXT = 52 };

/* IPv4 that was written as ::ffff:a.b.c.d is IPv4. */
struct ip {
	uint8_t len;      /* 4, 16, or 0: none */
	uint8_t b[16];    /* network order; unused bytes are 0 */
};

struct cidr {
	struct ip addr;   /* as written, host bits included */
	uint8_t ones;     /* prefix length */
	/* Length of the mask: 32, 128, or 0: none. 128 for an IPv4 address written as ::ffff:… */
	uint8_t bits;
};

/* No zones, no leading zeros in IPv4, n bytes of s. */
bool ip_parse(struct ip *out, const char *s, size_t n);
bool cidr_parse(struct cidr *out, const char *s, size_t n);

/* RFC 5952; "<nil>" for none. */
void ip_format(const struct ip *a, char out[IP_TEXT]);
void cidr_format(const struct cidr *c, char out[CIDR_TEXT]);

/* -1, 0, 1; -2 if the families differ or one is none at all. */
int ip_cmp(const struct ip *a, const struct ip *b);
/* Also two that are none (len 0), which ip_cmp() does not compare. */
bool ip_same(const struct ip *a, const struct ip *b);
struct ip ip_next(const struct ip *a);             /* wraps to zero */
/* The first and last address: host bits cleared and set. Address and mask must be of one family. */
struct ip cidr_network(const struct cidr *c);
struct ip cidr_last(const struct cidr *c);
bool cidr_contains(const struct cidr *c, const struct ip *a);

#endif
