/* Numbers in packets, in network byte order. */
#ifndef K3SBOX_NETD_BYTES_H
#define K3SBOX_NETD_BYTES_H

#include <stdint.h>

static inline uint16_t bytes_get16(const unsigned char *p)
{
	return (uint16_t)(p[0] << 8 | p[1]);
}

static inline void bytes_put16(unsigned char *p, uint32_t v)
{
	p[0] = (unsigned char)(v >> 8);
	p[1] = (unsigned char)v;
}

#endif
