/* SHA-256 by BearSSL. */
#include "image/sha256.h"

void sha256_init(struct sha256 *s)
{
	br_sha256_init(&s->ctx);
}

void sha256_add(struct sha256 *s, const void *data, size_t n)
{
	br_sha256_update(&s->ctx, data, n);
}

void sha256_hex(const struct sha256 *s, char out[SHA256_HEX])
{
	static const char digits[] = "0123456789abcdef";
	unsigned char sum[br_sha256_SIZE];

	br_sha256_out(&s->ctx, sum);
	for (size_t i = 0; i < sizeof sum; i++) {
		out[2 * i] = digits[sum[i] >> 4];
		out[2 * i + 1] = digits[sum[i] & 15];
	}
	out[2 * sizeof sum] = 0;
}
