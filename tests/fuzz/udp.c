/* Fuzz target: a packet that a pod sends. */
#include "netd/udp.h"

#include <stdint.h>
#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct udp_packet p, again;
	static unsigned char answer[UDP_HEADERS + UDP_PACKET];

	if (!udp_parse(data, size, &p)) return 0;
	if (p.data < data || p.n > size || p.data + p.n > data + size) abort();
	udp_make_headers(&p.key, p.n, answer);
	memcpy(answer + UDP_HEADERS, p.data, p.n);
	if (!udp_parse(answer, UDP_HEADERS + p.n, &again)) abort();
	if (again.n != p.n || again.key.client != p.key.server) abort();
	return 0;
}
