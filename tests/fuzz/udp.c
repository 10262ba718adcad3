/* Fuzz target: a packet that a pod sends: a datagram, or an echo request. */
#include "netd/echo.h"
#include "netd/udp.h"

#include <stdint.h>
#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static unsigned char answer[UDP_HEADERS + PACKETS_MAX];

static void try_datagram(const uint8_t *data, size_t size)
{
	struct udp_packet p, again;

	if (!udp_parse(data, size, &p)) return;
	if (p.data < data || p.n > size || p.data + p.n > data + size) abort();
	udp_make_headers(&p.key, p.n, answer);
	memcpy(answer + UDP_HEADERS, p.data, p.n);
	if (!udp_parse(answer, UDP_HEADERS + p.n, &again)) abort();
	if (again.n != p.n || again.key.client != p.key.server) abort();
}

static void try_echo(const uint8_t *data, size_t size)
{
	struct packet p, again;

	if (!packets_parse(data, size, 1, &p)) return;
	if (p.data < data || p.n > size || p.data + p.n > data + size) abort();
	if (!echo_is_request(p.data, p.n)) return;
	packets_make_header(1, p.to, p.from, p.n, answer);
	memcpy(answer + PACKETS_HEADER, p.data, p.n);
	echo_make_reply(answer + PACKETS_HEADER, p.n, 7);
	if (!packets_parse(answer, PACKETS_HEADER + p.n, 1, &again)) abort();
	if (!echo_is_reply(again.data, again.n) || packets_checksum(again.data, again.n)) abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	try_datagram(data, size);
	try_echo(data, size);
	return 0;
}
