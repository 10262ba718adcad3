#include "net/ip.h"

#include "unit.h"

static const char *shown(const char *s)
{
	static char text[IP_TEXT];
	struct ip a;

	if (!ip_parse(&a, s, strlen(s))) return "refused";
	ip_format(&a, text);
	return text;
}

static const char *shown_cidr(const char *s)
{
	static char text[CIDR_TEXT];
	struct cidr c;

	if (!cidr_parse(&c, s, strlen(s))) return "refused";
	cidr_format(&c, text);
	return text;
}

/* As net.ParseIP and net.IP.String say. */
static const struct { const char *in, *out; } addresses[] = {
	{ "1.2.3.4", "1.2.3.4" }, { "255.255.255.255", "255.255.255.255" },
	{ "0.0.0.0", "0.0.0.0" },
	{ "1.2.3", "refused" }, { "1.2.3.4.5", "refused" }, { "1.2.3.256", "refused" },
	{ "01.2.3.4", "refused" }, { "", "refused" },
	{ " 1.2.3.4", "refused" }, { "1.2.3.4 ", "refused" }, { "1.2.3.4\n", "refused" },
	{ "foo", "refused" },
	{ "::", "::" }, { "::1", "::1" }, { "1::", "1::" }, { "fd00:1::2", "fd00:1::2" },
	{ "FD00:0001::0:2", "fd00:1::2" },
	{ "2001:db8:0:0:1:0:0:1", "2001:db8::1:0:0:1" }, { "2001:0:0:1:0:0:0:1", "2001:0:0:1::1" },
	{ "1:0:2:0:3:0:4:0", "1:0:2:0:3:0:4:0" }, { "1:2:3:4:5:6:7:8", "1:2:3:4:5:6:7:8" },
	{ "1:2:3:4:5:6:7::", "1:2:3:4:5:6:7:0" },
	{ "0:0:2:3:4:5:6:7", "::2:3:4:5:6:7" }, { "::ffff:10.1.0.3", "10.1.0.3" },
	{ "::1.2.3.4", "::102:304" },
	{ "1::2::3", "refused" }, { "1:2:3:4:5:6:7:8:9", "refused" }, { "12345::", "refused" },
	{ "fe80::1%eth0", "refused" },
	{ "1:2", "refused" }, { ":", "refused" }, { ":1", "refused" }, { "1:", "refused" },
};

TEST(addresses)
{
	for (size_t i = 0; i < sizeof addresses / sizeof *addresses; i++)
		CHECK_STR(shown(addresses[i].in), addresses[i].out);
	struct ip a;
	CHECK(!ip_parse(&a, "1.2.3.4\0", 8) && !a.len);
}

static const struct { const char *in, *out; } prefixes[] = {
	{ "10.1.0.7/24", "10.1.0.7/24" }, { "10.1.0.0/024", "10.1.0.0/24" },
	{ "10.1.0.0/32", "10.1.0.0/32" }, { "::/0", "::/0" },
	{ "10.1.0.0/33", "refused" }, { "10.1.0.0/", "refused" }, { "10.1.0.0", "refused" },
	{ "/24", "refused" },
	{ "10.1.0.0/+8", "refused" }, { "10.1.0.0/8/8", "refused" }, { "fd00::/129", "refused" },
	{ "fd00::1/128", "fd00::1/128" },
	{ "::ffff:10.1.0.0/120", "10.1.0.0/24" }, { "::ffff:1.2.3.4/64", "1.2.3.4/0" },
};

TEST(prefixes)
{
	for (size_t i = 0; i < sizeof prefixes / sizeof *prefixes; i++)
		CHECK_STR(shown_cidr(prefixes[i].in), prefixes[i].out);
	char text[CIDR_TEXT];
	cidr_format(&(struct cidr){0}, text);
	CHECK_STR(text, "<nil>");
}

static struct ip ip(const char *s)
{
	struct ip a;
	ip_parse(&a, s, strlen(s));
	return a;
}

TEST(arithmetic)
{
	char text[IP_TEXT];
	struct ip a = ip("10.0.255.255"), b = ip_next(&a), four = ip("1.2.3.4"), six = ip("::1");
	ip_format(&b, text);
	CHECK_STR(text, "10.1.0.0");
	a = ip("fd00::ffff:ffff");
	b = ip_next(&a);
	ip_format(&b, text);
	CHECK_STR(text, "fd00::1:0:0");
	a = ip("255.255.255.255");
	b = ip_next(&a);
	CHECK(b.len == 4 && !b.b[0] && !b.b[3]);
	CHECK(ip_cmp(&four, &six) == -2 && ip_cmp(&four, &(struct ip){0}) == -2 &&
		ip_cmp(&(struct ip){0}, &(struct ip){0}) == -2);
	CHECK(ip_cmp(&a, &four) == 1 && ip_cmp(&four, &a) == -1 && !ip_cmp(&six, &six));
}

TEST(networks)
{
	char text[IP_TEXT];
	struct cidr c;
	struct ip in = ip("10.1.15.255"), out = ip("10.1.16.0"), six = ip("fd00::");
	cidr_parse(&c, "10.1.7.9/20", 11);
	struct ip n = cidr_network(&c), l = cidr_last(&c);
	ip_format(&n, text);
	CHECK_STR(text, "10.1.0.0");
	ip_format(&l, text);
	CHECK_STR(text, "10.1.15.255");
	CHECK(cidr_contains(&c, &in) && !cidr_contains(&c, &out) && !cidr_contains(&c, &six));
	cidr_parse(&c, "::ffff:10.1.0.0/120", 19);
	CHECK(!cidr_contains(&c, &in));
}

UNIT_MAIN("ip")
