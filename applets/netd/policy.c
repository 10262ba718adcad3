/* Decides where a connection goes. Refused unless allowed: what only the sandbox itself should
 * reach (its loopback, link-local addresses, among them the metadata service of clouds), and what
 * is no host's address. */
#include "netd/policy.h"

#include <string.h>

static const struct { uint8_t family, address[16], ones; } refused[] = {
	{ 4, { 0 }, 8 },                       /* this network (RFC 1122) */
	{ 4, { 127 }, 8 },                     /* loopback */
	{ 4, { 169, 254 }, 16 },               /* link-local; among them 169.254.169.254 */
	{ 4, { 224 }, 3 },                     /* multicast, reserved, broadcast */
	{ 16, { 0 }, 127 },                    /* unspecified and loopback */
	{ 16, { 0xfe, 0x80 }, 10 },            /* link-local */
	{ 16, { 0xff }, 8 },                   /* multicast */
	{ 16, { 0xfd, 0, 0x0e, 0xc2 }, 32 },   /* fd00:ec2::/32: metadata service */
};

static bool any_contains(const struct cidr *list, size_t n, const struct ip *a)
{
	for (size_t i = 0; i < n; i++)
		if (cidr_contains(&list[i], a)) return true;
	return false;
}

enum { REFUSED = sizeof refused / sizeof *refused };

static struct cidr refused_range(size_t i)
{
	struct cidr c = { .addr.len = refused[i].family, .ones = refused[i].ones };

	c.bits = (uint8_t)(c.addr.len * 8);
	memcpy(c.addr.b, refused[i].address, c.addr.len);
	return c;
}

static bool is_refused(const struct ip *a)
{
	for (size_t i = 0; i < REFUSED; i++) {
		struct cidr c = refused_range(i);
		if (cidr_contains(&c, a)) return true;
	}
	return false;
}

/* Is anything in it reached? */
static bool is_used(const struct policy *p, const struct cidr *range)
{
	if (p->dns.port && cidr_contains(range, &p->dns.address)) return true;
	for (size_t i = 0; i < p->map_n; i++)
		if (cidr_contains(range, &p->maps[i].from.address)) return true;
	return false;
}

size_t policy_refused(const struct policy *p, uint8_t len, struct cidr *out, size_t max)
{
	size_t n = 0;

	for (size_t i = 0; i < p->inside_n; i++) {
		const struct cidr *c = &p->inside[i];
		if (c->addr.len == len && n < max && !is_used(p, c)) out[n++] = *c;
	}
	for (size_t i = 0; i < REFUSED; i++)
		if (refused[i].family == len && n < max) out[n++] = refused_range(i);
	return n;
}

bool policy_is_dns(const struct policy *p, const struct endpoint *to)
{
	return p->dns.port && p->dns.port == to->port && !ip_cmp(&p->dns.address, &to->address);
}

enum policy_verdict policy_decide(const struct policy *p, struct endpoint *to)
{
	for (size_t i = 0; i < p->map_n; i++) {
		const struct policy_map *m = &p->maps[i];
		if (ip_cmp(&m->from.address, &to->address)) continue;
		if (m->from.port && m->from.port != to->port) continue;
		to->address = m->to.address;
		if (m->to.port) to->port = m->to.port;
		return POLICY_INSIDE;
	}
	if (policy_is_dns(p, to)) return POLICY_DNS;
	if (any_contains(p->inside, p->inside_n, &to->address)) return POLICY_REFUSE;
	if (any_contains(p->allowed, p->allowed_n, &to->address)) return POLICY_OUTSIDE;
	return is_refused(&to->address) ? POLICY_REFUSE : POLICY_OUTSIDE;
}
