/* netd/echo.c and netd/packets.c: messages, and flows that are over */
#include "netd/echo.h"

#include <string.h>
#include <unistd.h>

#include "unit.h"

static const unsigned char request[] = { 8, 0, 0, 0, 0x12, 0x34, 0, 7, 'a', 'b', 'c' };

TEST(a_request_becomes_a_reply)
{
	unsigned char p[PACKETS_HEADER + sizeof request];
	struct packet got;

	CHECK(echo_is_request(request, sizeof request) && !echo_is_reply(request, sizeof request));
	memcpy(p + PACKETS_HEADER, request, sizeof request);
	echo_make_reply(p + PACKETS_HEADER, sizeof request, 0x5678);
	packets_make_header(1, 1, 2, sizeof request, p);
	CHECK(!packets_checksum(p, PACKETS_HEADER));
	CHECK(packets_parse(p, sizeof p, 1, &got) && got.from == 1 && got.to == 2);
	CHECK(echo_is_reply(got.data, got.n) && !echo_is_request(got.data, got.n));
	CHECK(!packets_checksum(got.data, got.n) && !memcmp(got.data + 6, request + 6, 5));
	CHECK(!packets_parse(p, sizeof p, 17, &got) && !packets_parse(p, sizeof p - 1, 1, &got));
}

TEST(what_is_no_echo)
{
	unsigned char p[sizeof request];

	memcpy(p, request, sizeof p);
	CHECK(!echo_is_request(p, 7));
	p[1] = 1;
	CHECK(!echo_is_request(p, sizeof p));
	p[0] = 3;
	CHECK(!echo_is_request(p, sizeof p) && !echo_is_reply(p, sizeof p));
}

TEST(flows_that_are_over_are_forgotten)
{
	static struct echo e;
	int fds[2];

	CHECK(!pipe(fds));
	for (size_t i = 0; i < ECHO_FLOWS; i++) e.v[i].fd = -1;
	e.v[3] = (struct echo_flow){ .fd = fds[0], .used_at = 1000 };
	e.v[5] = (struct echo_flow){ .fd = fds[1], .used_at = 3000 };
	e.used = 2;
	CHECK(echo_settle(&e, 2000) == 1000 + ECHO_MS - 2000 && e.used == 2);
	CHECK(echo_settle(&e, 1000 + ECHO_MS) == 2000 && e.used == 1 && e.v[3].fd < 0);
	CHECK(echo_settle(&e, 3000 + ECHO_MS) == -1 && !e.used);
	echo_on_answer(&e, 3);   /* stale events */
	echo_on_answer(&e, ECHO_FLOWS + 7);
}

UNIT_MAIN("echo")
