/* TCP connections with a time-out. */
#ifndef K3SBOX_CONNECT_H
#define K3SBOX_CONNECT_H

#include <stdint.h>

/* Connects to the first address of the host (a name or an IP address) that accepts, and waits up
 * to timeout_ms for each. The descriptor, non-blocking; -EADDRNOTAVAIL if the name does not
 * resolve, or the -errno of the last address. */
int connect_host(const char *host, uint16_t port, int timeout_ms);

#endif
