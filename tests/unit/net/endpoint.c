/* net/endpoint.c: text, and socket addresses there and back */
#include "net/endpoint.h"

#include <string.h>

#include "unit.h"

static const char *again(const char *s)
{
	static char out[ENDPOINT_TEXT];
	struct endpoint e, back;
	struct sockaddr_storage a;

	if (!endpoint_parse(&e, s, strlen(s))) return "invalid";
	endpoint_to_sockaddr(&e, &a);
	back = endpoint_from_sockaddr(&a);
	if (!endpoint_same(&e, &back) || a.ss_family != endpoint_family(&e)) return "changed";
	endpoint_format(&back, out);
	return out;
}

TEST(text_and_socket_address)
{
	CHECK_STR(again("10.0.0.1:80"), "10.0.0.1:80");
	CHECK_STR(again("[fd00::1]:65535"), "[fd00::1]:65535");
	CHECK_STR(again("0.0.0.0:1"), "0.0.0.0:1");
}

TEST(ports_without_an_address)
{
	const struct endpoint a = { .port = 80 }, b = { .port = 80 }, c = { .port = 81 };

	CHECK(endpoint_same(&a, &b) && !endpoint_same(&a, &c));
}

TEST(what_is_no_endpoint)
{
	static const char *const bad[] = { "", ":", ":80", "10.0.0.1", "10.0.0.1:", "10.0.0.1:0",
		"10.0.0.1:65536", "10.0.0.1:x", "10.0.0.1:000080", "[]:80", "name:80", "[fd00::1:80",
		"10.0.0.1:-1" };

	for (size_t i = 0; i < sizeof bad / sizeof *bad; i++)
		CHECK_STR(again(bad[i]), "invalid");
}

TEST(mapped_is_ipv4)
{
	struct sockaddr_storage a = { .ss_family = AF_INET6 };
	static const uint8_t mapped[16] = { [10] = 0xff, 0xff, 192, 0, 2, 1 };
	char text[ENDPOINT_TEXT];

	memcpy((char *)&a + 8, mapped, sizeof mapped);
	struct endpoint e = endpoint_from_sockaddr(&a);
	endpoint_format(&e, text);
	CHECK_STR(text, "192.0.2.1:0");
}

UNIT_MAIN("endpoint")
