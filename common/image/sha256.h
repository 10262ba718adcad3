/* SHA-256 of data that comes in pieces. */
#ifndef K3SBOX_SHA256_H
#define K3SBOX_SHA256_H

#include <bearssl.h>
#include <stddef.h>

struct sha256 {
	br_sha256_context ctx;
};

enum { SHA256_HEX = 65 };   /* 64 hexadecimal digits and the NUL */

void sha256_init(struct sha256 *s);
void sha256_add(struct sha256 *s, const void *data, size_t n);
/* The digest of the data added so far; more may be added afterwards. */
void sha256_hex(const struct sha256 *s, char out[SHA256_HEX]);

#endif
