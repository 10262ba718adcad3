/* Gateways and routes of a result. Nothing is sent to the kernel here. */
#include "bridge/address.h"

#include <string.h>

static bool is_default_of(const struct cni_route *r, size_t len)
{
	static const uint8_t zero[16];
	return r && r->dst.addr.len == len && !r->dst.ones && !memcmp(r->dst.addr.b, zero, len);
}

static bool has_default(const struct cni_result *r, size_t len)
{
	for (size_t i = 0; i < r->routes.n; i++)
		if (is_default_of(((struct cni_route **)r->routes.v)[i], len)) return true;
	return false;
}

static void choose_gateway(const struct bridge_conf *conf, struct cni_ip *ip)
{
	if (conf->gateway.len == ip->address.addr.len) {
		ip->gateway = conf->gateway;
	} else if (!ip->gateway.len && conf->is_gateway) {
		struct ip network = cidr_network(&ip->address);
		ip->gateway = ip_next(&network);
	}
}

void bridge_assign(struct cni *c, const struct bridge_conf *conf, int64_t interface,
	struct cni_result *r)
{
	int64_t *index = arena_alloc(&c->arena, sizeof *index);

	*index = interface;
	for (size_t i = 0; i < r->ips.n; i++) {
		struct cni_ip *ip = ((struct cni_ip **)r->ips.v)[i];
		size_t len = ip->address.addr.len;
		ip->interface = index;
		choose_gateway(conf, ip);
		if ((!conf->is_default_gateway && conf->gateway.len != len) || has_default(r, len))
			continue;
		struct cni_route *route = cni_append(c, &r->routes, sizeof *route);
		route->dst = (struct cidr){ .addr.len = (uint8_t)len, .bits = (uint8_t)(8 * len) };
		route->gw = ip->gateway;
	}
}

struct ip bridge_route_gateway(const struct cni_result *r, const struct cni_route *route)
{
	struct ip gateway = route->gw;

	for (size_t i = 0; !gateway.len && i < r->ips.n; i++) {
		const struct cni_ip *ip = ((struct cni_ip **)r->ips.v)[i];
		if (ip && ip->gateway.len == route->dst.addr.len) gateway = ip->gateway;
	}
	return gateway;
}

bool bridge_address_conflicts(const struct cidr *wanted, const struct cidr *other)
{
	if (wanted->addr.len != other->addr.len) return false;
	if (wanted->addr.len == 4) return true;
	return cidr_contains(wanted, &other->addr) || cidr_contains(other, &wanted->addr);
}

bool bridge_same_address(const struct cidr *a, const struct cidr *b)
{
	return !ip_cmp(&a->addr, &b->addr) && a->ones == b->ones;
}
