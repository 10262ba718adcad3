/* Domain names in wire form (RFC 1035 section 3.1): labels, each behind its length, and the root's
 * empty one at the end. Never compressed. Letters keep their case; comparing ignores it. Pure. */
#ifndef K3SBOX_NETD_DNS_NAME_H
#define K3SBOX_NETD_DNS_NAME_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum { DNS_NAME_MAX = 255, DNS_LABEL_MAX = 63, DNS_LABELS = 127 };

struct dns_name {
	uint8_t n;                 /* bytes; 0: none */
	uint8_t b[DNS_NAME_MAX];
};

/* The labels of a name from left to right, in lower case and without the root's. A label may
 * contain any byte. */
struct dns_labels {
	unsigned n;
	struct dns_label { const char *s; size_t n; } v[DNS_LABELS];
	char text[DNS_NAME_MAX];   /* what v points into */
};

/* "a.b.c", with or without a dot at its end; "" and "." are the root. False for what is no name. */
bool dns_name_parse(struct dns_name *out, const char *text, size_t n);
/* parts: printf's; for names that are made of labels. False if the result is no name. */
bool dns_name_make(struct dns_name *out, const char *parts,
	...) __attribute__((format(printf, 2, 3)));

void dns_name_split(const struct dns_name *name, struct dns_labels *out);
bool dns_label_is(const struct dns_label *label, const char *text);

/* The bytes of `name` left of `zone`: 0 if they are the same; -1 if it is not below it. */
int dns_name_below(const struct dns_name *name, const struct dns_name *zone);

#endif
