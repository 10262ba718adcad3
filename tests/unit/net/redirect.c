#include "net/redirect.h"

#include <sched.h>
#include <stdlib.h>
#include <string.h>

#include <linux/netfilter.h>
#include <linux/netfilter_ipv4/ip_tables.h>
#include <linux/netfilter_ipv6/ip6_tables.h>

#include "base/buf.h"
#include "unit.h"

static const struct redirect_rule rules[] = {
	{ REDIRECT_PREROUTING, "cni0", { .addr = { 4, { 10, 42, 0, 1 } }, .ones = 24, .bits = 32 }, 0 },
	{ REDIRECT_OUTPUT, NULL, { .bits = 0 }, 15001 },
};

/* Entries lie end to end, each hook begins at one and ends at its policy, and the sizes add up. */
TEST(the_table_is_consistent)
{
	struct buf b = {0};
	unsigned found = 0, at = 0;
	int counters;

	redirect_build(REDIRECT_IPV4, rules, 2, 5, &counters, &b);
	CHECK(!b.failed);
	const struct ipt_replace *r = (const void *)b.data;
	CHECK_STR(r->name, "nat");
	CHECK(b.len == sizeof *r + r->size && r->num_counters == 5 && (void *)r->counters == &counters);
	for (const struct ipt_entry *e; at < r->size; at += e->next_offset, found++) {
		e = (const void *)(b.data + sizeof *r + at);
		CHECK(e->next_offset >= e->target_offset && e->next_offset % 8 == 0);
	}
	CHECK(at == r->size && found == r->num_entries && found == 4 + 2 + 1);
	CHECK(r->valid_hooks == (1u << NF_INET_PRE_ROUTING | 1u << NF_INET_LOCAL_IN |
		1u << NF_INET_LOCAL_OUT | 1u << NF_INET_POST_ROUTING));
	CHECK(r->hook_entry[NF_INET_LOCAL_IN] == r->underflow[NF_INET_LOCAL_IN]);
	CHECK(r->hook_entry[NF_INET_LOCAL_OUT] < r->underflow[NF_INET_LOCAL_OUT]);
	buf_free(&b);
}

TEST(host_bits_of_a_network_do_not_count)
{
	struct buf b = {0};
	static const unsigned char network[] = { 10, 42, 0, 0 }, mask[] = { 255, 255, 255, 0 };

	redirect_build(REDIRECT_IPV4, rules, 1, 0, NULL, &b);
	const struct ipt_replace *r = (const void *)b.data;
	const struct ipt_entry *e = (const void *)(b.data + sizeof *r + r->hook_entry[NF_INET_PRE_ROUTING]);
	CHECK(!memcmp(&e->ip.dst, network, 4) && !memcmp(&e->ip.dmsk, mask, 4));
	CHECK_STR(e->ip.iniface, "cni0");
	CHECK(e->ip.iniface_mask[4] == 0xff && !e->ip.iniface_mask[5]);
	buf_free(&b);
}

TEST(a_table_of_the_other_family)
{
	static const struct redirect_rule both[] = {
		{ REDIRECT_OUTPUT, NULL, { { 4, { 10 } }, 8, 32 }, 1 },
		{ REDIRECT_OUTPUT, NULL, { { 16, { 0xfd } }, 8, 128 }, 1 },
	};
	struct buf b = {0};

	redirect_build(REDIRECT_IPV6, both, 2, 0, NULL, &b);
	const struct ip6t_replace *r = (const void *)b.data;
	const struct ip6t_entry *e =
		(const void *)(b.data + sizeof *r + r->hook_entry[NF_INET_LOCAL_OUT]);
	CHECK(b.len == sizeof *r + r->size && r->num_entries == 4 + 1 + 1);
	CHECK(e->ipv6.dst.s6_addr[0] == 0xfd && e->ipv6.dmsk.s6_addr[0] == 0xff &&
		!e->ipv6.dmsk.s6_addr[1] && e->ipv6.flags == IP6T_F_PROTO);
	buf_free(&b);
}

/* What iptables-legacy says of it is compared in netd.test. */
TEST(the_kernel_accepts_it_in_place_of_any_other)
{
	struct err e = {0};

	if (unshare(CLONE_NEWNET) < 0) return;
	for (size_t n = 0; n <= 2; n++) {
		int r = redirect_load(REDIRECT_IPV4, rules, n, &e);
		CHECK(!*e.text);
		CHECK(r == 0);
	}
	CHECK(!redirect_load(REDIRECT_IPV4, NULL, 0, &e));
	/* A kernel may lack the table for IPv6. */
	int six = redirect_load(REDIRECT_IPV6, rules, 2, &e);
	CHECK(!six || strstr(e.text, "table"));
}

UNIT_MAIN("redirect")
