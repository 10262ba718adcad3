/* When a certificate is valid. Pure. */
#ifndef K3SBOX_PROBE_VALIDITY_H
#define K3SBOX_PROBE_VALIDITY_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* "20261122101449", in UTC: two of them compare as texts. */
struct validity { char from[16], until[16]; };

/* Of an X.509 certificate (RFC 5280); false if it is none. */
bool validity_read(const uint8_t *der, size_t len, struct validity *out);

#endif
