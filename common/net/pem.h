/* PEM text (RFC 7468). BearSSL's decoder takes 2 us a byte: half a second for the authorities of a
 * system. Pure. */
#ifndef K3SBOX_PEM_H
#define K3SBOX_PEM_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct buf;

/* Takes one object; false if it cannot be used. */
typedef bool pem_use(void *arg, const uint8_t *der, size_t len);

/* Calls use with every object in the NUL-terminated text whose name ends in suffix ("CERTIFICATE",
 * "PRIVATE KEY"). Returns how many it took. What cannot be decoded is skipped and counted in
 * *broken; without it -EBADMSG is returned at the first one. */
int pem_each(const char *pem, const char *suffix, pem_use *use, void *arg, unsigned *broken);

/* Adds an object of n bytes. */
void pem_write(const char *name, const void *data, size_t n, struct buf *out);

#endif
