/* world/switch.c: the node's addresses as text */
#include "world/switch.h"

#include <string.h>

#include "unit.h"

static const char *again(const char *s)
{
	static char out[SWITCH_NODE_TEXT];
	struct switch_node n;

	if (!switch_parse_node(&n, s)) return "invalid";
	switch_format_node(&n, out);
	return out;
}

TEST(addresses_of_the_node)
{
	CHECK_STR(again("10.42.0.1/24"), "10.42.0.1/24");
	CHECK_STR(again("10.42.0.1/24,fd42::1/64"), "10.42.0.1/24,fd42::1/64");
	CHECK_STR(again("fd42::1/64"), "invalid");
	CHECK_STR(again("10.42.0.1/24,10.43.0.1/24"), "invalid");
	CHECK_STR(again("10.42.0.1"), "invalid");
	CHECK_STR(again(""), "invalid");
}

TEST(gateways)
{
	struct switch_node n;
	char text[IP_TEXT];

	CHECK(switch_parse_node(&n, "10.42.0.1/24,fd42::1/64"));
	struct ip four = switch_gateway(&n.v[0]), six = switch_gateway(&n.v[1]);
	ip_format(&four, text);
	CHECK_STR(text, "10.42.0.254");
	ip_format(&six, text);
	CHECK_STR(text, "fd42::ffff:ffff:ffff:fffe");
}

UNIT_MAIN("switch")
