#include "netd/policy.h"

#include <string.h>

#include "unit.h"

static struct ip ip(const char *s)
{
	struct ip a = {0};
	ip_parse(&a, s, strlen(s));
	return a;
}

static const struct { const char *to; uint16_t port; enum policy_verdict verdict; } table[] = {
	{ "1.1.1.1", 443, POLICY_OUTSIDE },
	{ "192.168.7.7", 80, POLICY_OUTSIDE },
	{ "10.1.2.3", 80, POLICY_OUTSIDE },
	{ "2001:db8::1", 80, POLICY_OUTSIDE },
	{ "169.253.255.255", 80, POLICY_OUTSIDE },
	{ "223.255.255.255", 80, POLICY_OUTSIDE },
	/* the cluster's own */
	{ "10.42.0.7", 80, POLICY_REFUSE },
	{ "10.43.0.9", 443, POLICY_REFUSE },
	{ "10.43.0.1", 444, POLICY_REFUSE },
	/* what only the sandbox should reach */
	{ "0.0.0.0", 80, POLICY_REFUSE },
	{ "0.1.2.3", 80, POLICY_REFUSE },
	{ "127.0.0.1", 6443, POLICY_REFUSE },
	{ "127.255.0.1", 80, POLICY_REFUSE },
	{ "169.254.169.254", 80, POLICY_REFUSE },
	{ "169.254.0.1", 80, POLICY_REFUSE },
	{ "::1", 80, POLICY_REFUSE },
	{ "::", 80, POLICY_REFUSE },
	{ "::ffff:127.0.0.1", 80, POLICY_REFUSE },
	{ "fe80::1", 80, POLICY_REFUSE },
	{ "febf::1", 80, POLICY_REFUSE },
	{ "fd00:ec2::254", 80, POLICY_REFUSE },
	/* no host's */
	{ "224.0.0.1", 80, POLICY_REFUSE },
	{ "240.0.0.1", 80, POLICY_REFUSE },
	{ "255.255.255.255", 80, POLICY_REFUSE },
	{ "ff02::1", 80, POLICY_REFUSE },
	/* allowed although it would be refused */
	{ "169.254.20.10", 53, POLICY_OUTSIDE },
	{ "169.254.21.10", 53, POLICY_REFUSE },
};

TEST(addresses_are_decided_by_the_table)
{
	const struct cidr inside[] = { { ip("10.42.0.0"), 16, 32 }, { ip("10.43.0.0"), 16, 32 } };
	const struct cidr allowed[] = { { ip("169.254.20.0"), 24, 32 } };
	const struct policy p = { .inside = inside, .inside_n = 2, .allowed = allowed, .allowed_n = 1 };

	for (size_t i = 0; i < sizeof table / sizeof *table; i++) {
		struct endpoint to = { ip(table[i].to), table[i].port }, before = to;
		enum policy_verdict v = policy_decide(&p, &to);
		if (v != table[i].verdict) CHECK_STR(table[i].to, "as in the table");
		CHECK(!memcmp(&to, &before, sizeof to));
	}
}

TEST(a_map_comes_first_and_changes_address_and_port)
{
	const struct cidr inside[] = { { ip("10.43.0.0"), 16, 32 } };
	const struct policy_map maps[] = {
		{ { ip("10.43.0.1"), 443 }, { ip("127.0.0.1"), 6443 } },
		{ { ip("10.43.0.2"), 0 }, { ip("10.42.0.1"), 0 } },
	};
	const struct policy p = { .maps = maps, .map_n = 2, .inside = inside, .inside_n = 1 };
	struct endpoint to = { ip("10.43.0.1"), 443 };

	CHECK(policy_decide(&p, &to) == POLICY_INSIDE);
	CHECK(!ip_cmp(&to.address, &maps[0].to.address) && to.port == 6443);
	to = (struct endpoint){ ip("10.43.0.2"), 77 };
	CHECK(policy_decide(&p, &to) == POLICY_INSIDE);
	CHECK(!ip_cmp(&to.address, &maps[1].to.address) && to.port == 77);
	to = (struct endpoint){ ip("10.43.0.1"), 80 };
	CHECK(policy_decide(&p, &to) == POLICY_REFUSE);
}

TEST(networks_that_are_always_refused)
{
	const struct cidr inside[] = { { ip("10.42.0.0"), 16, 32 }, { ip("10.43.0.0"), 16, 32 } };
	const struct policy_map api = { { ip("10.43.0.1"), 443 }, { ip("127.0.0.1"), 6443 } };
	const struct policy p = { .maps = &api, .map_n = 1, .inside = inside, .inside_n = 2 };
	struct cidr got[16];
	struct endpoint to = { .port = 80 };

	size_t n = policy_refused(&p, 4, got, 16);
	CHECK(n == 5 && !ip_cmp(&got[0].addr, &inside[0].addr));
	for (size_t i = 0; i < n; i++) {
		to.address = got[i].addr;
		CHECK(policy_decide(&p, &to) == POLICY_REFUSE);
	}
	CHECK(policy_refused(&p, 16, got, 16) == 4 && policy_refused(&p, 16, got, 2) == 2);
}

TEST(dns_is_answered_here_unless_it_is_mapped)
{
	const struct cidr inside[] = { { ip("10.43.0.0"), 16, 32 } };
	struct policy p = { .inside = inside, .inside_n = 1, .dns = { ip("10.43.0.10"), 53 } };
	struct endpoint to = p.dns;

	struct cidr refused[16];

	CHECK(policy_decide(&p, &to) == POLICY_DNS);
	CHECK(policy_refused(&p, 4, refused, 16) == 4);   /* not the whole network of Services */
	to.port = 54;
	CHECK(policy_decide(&p, &to) == POLICY_REFUSE);
	const struct policy_map map = { p.dns, { ip("10.42.0.9"), 5353 } };
	p.maps = &map, p.map_n = 1;
	to = p.dns;
	CHECK(policy_decide(&p, &to) == POLICY_INSIDE && to.port == 5353);
	CHECK(!policy_is_dns(&(struct policy){ .map_n = 0 }, &(struct endpoint){ .port = 0 }));
}

UNIT_MAIN("policy")
