/* Makes and loads netd's rules. */
#include "netd/rules.h"

struct list {
	struct redirect_rule *v;
	size_t n;
	enum redirect_chain chain;
	const char *link;
};

static void add(struct list *l, const struct cidr *to, uint16_t port)
{
	if (l->n < RULES_MAX) l->v[l->n++] = (struct redirect_rule){ l->chain, l->link, *to, port };
}

/* Let through by an earlier rule. */
static bool is_pods(const struct rules *r, const struct cidr *c)
{
	for (size_t i = 0; i < r->pod_n; i++)
		if (r->pods[i].ones == c->ones && cidr_contains(&r->pods[i], &c->addr)) return true;
	return false;
}

/* The API's address leads to it before anything is known of its Service, and DNS needs none. */
static bool is_mapped(const struct policy *p, const struct ip *a)
{
	if (p->dns.port && !ip_cmp(&p->dns.address, a)) return true;
	for (size_t i = 0; i < p->map_n; i++)
		if (!ip_cmp(&p->maps[i].from.address, a)) return true;
	return false;
}

static void add_unserved(struct list *l, const struct rules *r, uint8_t len)
{
	for (size_t i = 0; r->closed && i < r->unserved_n; i++) {
		struct cidr to = { .addr = r->unserved[i], .ones = len * 8, .bits = len * 8 };
		if (to.addr.len == len && !is_mapped(r->policy, &to.addr)) add(l, &to, r->closed);
	}
}

static void add_chain(struct list *l, const struct rules *r, enum redirect_family family)
{
	static const struct cidr loopback[] = {
		[REDIRECT_IPV4] = { .addr = { 4, { 127 } }, .ones = 8, .bits = 32 },
		[REDIRECT_IPV6] = { .addr = { 16, { [15] = 1 } }, .ones = 128, .bits = 128 },
	};
	static const struct cidr any;
	static const uint8_t lengths[] = { [REDIRECT_IPV4] = 4, [REDIRECT_IPV6] = 16 };
	struct cidr refused[RULES_MAX / 2];
	const struct policy *p = r->policy;
	size_t n = r->closed ? policy_refused(p, lengths[family], refused, RULES_MAX / 2) : 0;

	for (size_t i = 0; i < r->pod_n; i++)
		if (r->pods[i].addr.len == lengths[family]) add(l, &r->pods[i], 0);
	if (l->chain == REDIRECT_OUTPUT) add(l, &loopback[family], 0);
	for (size_t i = 0; n && i < p->allowed_n; i++)
		if (p->allowed[i].addr.len == lengths[family]) add(l, &p->allowed[i], r->port);
	for (size_t i = 0; i < n; i++)
		if (!is_pods(r, &refused[i])) add(l, &refused[i], r->closed);
	add_unserved(l, r, lengths[family]);
	add(l, &any, r->port);
}

size_t rules_make(const struct rules *r, enum redirect_family family,
	struct redirect_rule out[RULES_MAX])
{
	struct list l = { .v = out, .chain = REDIRECT_PREROUTING, .link = r->link };

	add_chain(&l, r, family);
	l.chain = REDIRECT_OUTPUT;
	l.link = NULL;
	add_chain(&l, r, family);
	return l.n;
}

int rules_load(const struct rules *r, enum redirect_family family, struct err *e)
{
	struct redirect_rule v[RULES_MAX];
	struct rules less = *r;

	for (;;) {
		int k = redirect_load(family, v, rules_make(&less, family, v), e);
		if (!k || !less.closed) return k;
		if (less.unserved_n) less.unserved_n /= 2;
		else less.closed = 0;
	}
}
