/* netd/rules.c: their order */
#include "netd/rules.h"

#include <string.h>

#include "unit.h"

static struct cidr cidr(const char *s)
{
	struct cidr c;
	cidr_parse(&c, s, strlen(s));
	return c;
}

static int find(const struct redirect_rule *v, size_t n, enum redirect_chain chain, const char *to)
{
	struct cidr c = cidr(to);
	struct ip network = cidr_network(&c);

	for (size_t i = 0; i < n; i++) {
		struct ip own = cidr_network(&v[i].to);
		if (v[i].chain == chain && v[i].to.ones == c.ones && !ip_cmp(&own, &network))
			return (int)i;
	}
	return -1;
}

TEST(allowed_before_refused_and_the_rest_last)
{
	const struct cidr pods[] = { cidr("10.42.0.1/24"), cidr("fd42::1/64") };
	const struct cidr allowed = cidr("169.254.20.0/24");
	const struct policy policy = { .allowed = &allowed, .allowed_n = 1 };
	struct rules r = { .link = "cni0", .pods = pods, .pod_n = 2, .policy = &policy,
		.port = 15001, .closed = 15002 };
	struct redirect_rule v[RULES_MAX];

	size_t n = rules_make(&r, REDIRECT_IPV4, v);
	CHECK(v[0].chain == REDIRECT_PREROUTING && !v[0].port && v[0].link);
	for (int chain = REDIRECT_PREROUTING; chain <= REDIRECT_OUTPUT; chain++) {
		int a = find(v, n, chain, "169.254.20.0/24"), b = find(v, n, chain, "169.254.0.0/16");
		CHECK(a >= 0 && a < b && v[a].port == 15001 && v[b].port == 15002);
		CHECK(find(v, n, chain, "10.42.0.0/24") >= 0 && find(v, n, chain, "fd42::/64") < 0);
	}
	CHECK(v[n - 1].port == 15001 && !v[n - 1].to.bits && !v[n - 1].link);
	n = rules_make(&r, REDIRECT_IPV6, v);
	CHECK(!v[find(v, n, REDIRECT_OUTPUT, "::1/128")].port);
	CHECK(v[find(v, n, REDIRECT_OUTPUT, "fe80::/10")].port == 15002);
	r.closed = 0;
	CHECK(rules_make(&r, REDIRECT_IPV4, v) == 5);
}

TEST(services_without_endpoints_are_refused_but_not_dns)
{
	const struct cidr pods = cidr("10.42.0.1/24");
	const struct policy policy = { .dns = { cidr("10.43.0.10/32").addr, 53 } };
	struct rules r = { .link = "cni0", .pods = &pods, .pod_n = 1, .policy = &policy,
		.port = 15001, .closed = 15002, .unserved_n = 2 };
	struct redirect_rule v[RULES_MAX];

	r.unserved[0] = cidr("10.43.0.10/32").addr;
	r.unserved[1] = cidr("10.43.0.11/32").addr;
	size_t n = rules_make(&r, REDIRECT_IPV4, v);
	CHECK(find(v, n, REDIRECT_OUTPUT, "10.43.0.11/32") > 0);
	CHECK(find(v, n, REDIRECT_OUTPUT, "10.43.0.10/32") < 0);
}

TEST(services_without_endpoints_are_refused_but_the_api)
{
	const struct cidr pods = cidr("10.42.0.1/24"), unserved = cidr("10.43.0.83/32"), api = cidr("10.43.0.1/32");
	const struct policy_map map = { { api.addr, 443 }, { { 4, { 127, 0, 0, 1 } }, 6443 } };
	const struct policy policy = { .maps = &map, .map_n = 1 };
	const struct rules r = { .pods = &pods, .pod_n = 1, .policy = &policy, .port = 15001, .closed = 15002,
		.unserved = { unserved.addr, api.addr }, .unserved_n = 2 };
	struct redirect_rule v[RULES_MAX];

	size_t n = rules_make(&r, REDIRECT_IPV4, v);
	for (int chain = REDIRECT_PREROUTING; chain <= REDIRECT_OUTPUT; chain++) {
		int at = find(v, n, chain, "10.43.0.83/32");
		CHECK(at > 0 && v[at].port == 15002 && find(v, n, chain, "10.43.0.1/32") < 0);
	}
	CHECK(v[n - 1].port == 15001);
}

UNIT_MAIN("rules")
