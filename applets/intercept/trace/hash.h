/* FNV-1a, 64 bits: for caches and names, where collisions by an attacker do no harm. */
#ifndef K3SBOX_HASH_H
#define K3SBOX_HASH_H

#include <stddef.h>
#include <stdint.h>

static inline uint64_t hash_bytes(const void *p, size_t n, uint64_t seed)
{
	uint64_t h = 0xcbf29ce484222325ull ^ seed;
	for (size_t i = 0; i < n; i++) h = (h ^ ((const unsigned char *)p)[i]) * 0x100000001b3ull;
	return h;
}

#endif
