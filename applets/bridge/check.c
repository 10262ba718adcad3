/* Compares the kernel's state with a result, and with the list of attachments. Changes nothing
 * but in bridge_collect(). */
#include "bridge/check.h"

#include <errno.h>
#include <string.h>

#include "bridge/address.h"
#include "bridge/configure.h"
#include "bridge/hostport.h"
#include "bridge/name.h"
#include "cni/attachment.h"

/* ---- CHECK ---- */

/* The interface of the result that lies in the container; NULL: none. */
static const struct cni_interface *find_inside(const struct cni *c, const struct cni_result *r,
	int64_t *index)
{
	for (size_t i = 0; i < r->interfaces.n; i++) {
		const struct cni_interface *n = ((struct cni_interface **)r->interfaces.v)[i];
		*index = (int64_t)i;
		if (n && go_str_is(n->name, c->ifname) && go_str_is(n->sandbox, c->netns)) return n;
	}
	return NULL;
}

static int check_port(struct cni *c, const struct bridge_conf *conf, struct bridge_place *p)
{
	struct link_info bridge, port;
	int r = link_get(&p->host.nl, conf->bridge, &bridge);

	if (r < 0)
		return cni_fail_errno(c, r, "CNI created bridge %s in host namespace was not found",
			conf->bridge);
	r = link_get(&p->host.nl, p->port, &port);
	if (r < 0)
		return cni_fail_errno(c, r, "CNI veth created for bridge %s was not found: %s",
			conf->bridge, p->port);
	if (port.master != bridge.index)
		return cni_fail(c, CNI_INTERNAL, "%s is no port of bridge %s any more", p->port,
			conf->bridge);
	return 0;
}

static int check_inside(struct cni *c, struct bridge_place *p, const struct cni_interface *wanted,
	struct link_info *inside)
{
	char mac[3 * LINK_MAC];
	int r = link_get(&p->pod.nl, c->ifname, inside);

	if (r < 0) return cni_fail_errno(c, r, "Interface name %s not found", c->ifname);
	bridge_format_mac(inside->mac, mac);
	if (!wanted->mac.n || go_str_is(wanted->mac, mac)) return 0;
	return cni_fail(c, CNI_INTERNAL, "Interface %s Mac %.*s doesn't match container Mac: %s",
		c->ifname, (int)wanted->mac.n,
		wanted->mac.s, mac);
}

static int check_addresses(struct cni *c, struct bridge_place *p, const struct cni_result *r,
	int64_t interface, int index)
{
	struct cidr *have;
	size_t n = 0;

	if (bridge_addresses(c, &p->pod.nl, index, &have, &n) < 0) return -1;
	for (size_t i = 0; i < r->ips.n; i++) {
		const struct cni_ip *ip = ((struct cni_ip **)r->ips.v)[i];
		bool found = false;
		char text[CIDR_TEXT];
		if (!ip || (ip->interface && *ip->interface != interface)) continue;
		for (size_t k = 0; k < n; k++)
			found |= bridge_same_address(&have[k], &ip->address);
		if (found) continue;
		cidr_format(&ip->address, text);
		return cni_fail(c, CNI_INTERNAL, "Failed to match addr %s on interface %s", text,
			c->ifname);
	}
	return 0;
}

static int get_routes(struct cni *c, struct nl *nl, struct nl_route **out, size_t *n)
{
	size_t room = 0;
	int r = 0;

	*n = 32;
	while (!r && *n > room) {
		*out = arena_alloc(&c->arena, *n * sizeof **out);
		room = *n;
		r = nl_routes(nl, *out, room, n);
	}
	return r < 0 ? cni_fail_errno(c, r, "could not get the list of routes") : 0;
}

static bool has_route(const struct nl_route *v, size_t n, const struct cni_route *route,
	const struct ip *gateway, int index)
{
	struct ip network = cidr_network(&route->dst);

	for (size_t i = 0; i < n; i++) {
		const struct ip *via = &v[i].gateway;
		if (v[i].index != index || v[i].dst.ones != route->dst.ones) continue;
		if (ip_cmp(&v[i].dst.addr, &network)) continue;
		if (gateway->len ? !ip_cmp(via, gateway) : !via->len) return true;
	}
	return false;
}

static int check_routes(struct cni *c, struct bridge_place *p, const struct cni_result *r,
	int index)
{
	struct nl_route *v = NULL;
	size_t n = 0;

	if (r->routes.n && get_routes(c, &p->pod.nl, &v, &n) < 0) return -1;
	for (size_t i = 0; i < r->routes.n; i++) {
		const struct cni_route *route = ((struct cni_route **)r->routes.v)[i];
		char dst[CIDR_TEXT], via[IP_TEXT];
		if (!route) continue;
		struct ip gateway = bridge_route_gateway(r, route);
		if (has_route(v, n, route, &gateway, index)) continue;
		cidr_format(&route->dst, dst);
		ip_format(&gateway, via);
		return cni_fail(c, CNI_INTERNAL,
			"Expected Route %s via %s not found in routing table", dst, via);
	}
	return 0;
}

int bridge_check(struct cni *c, const struct bridge_conf *conf, struct bridge_place *p,
	const struct cni_result *r)
{
	int64_t interface = -1;
	const struct cni_interface *inside = find_inside(c, r, &interface);
	struct link_info link;

	/* Results before 0.3.0 have no interfaces, but no CHECK either. */
	if (!inside)
		return cni_fail(c, CNI_INTERNAL, "prevResult has no interface %s in %s", c->ifname,
			c->netns);
	if (check_port(c, conf, p) < 0 || check_inside(c, p, inside, &link) < 0) return -1;
	if (check_addresses(c, p, r, interface, link.index) < 0) return -1;
	return check_routes(c, p, r, link.index);
}

/* ---- GC ---- */

struct collection {
	struct cni *c;
	struct nl *nl;
	struct slice valid;
};

static bool is_valid(void *arg, const char *name)
{
	const struct collection *g = arg;
	const struct cni_attachment *v = g->valid.v;

	for (size_t i = 0; i < g->valid.n; i++) {
		char own[LINK_NAME];
		bridge_name(g->c->name, v[i].id, v[i].ifname, own);
		if (!strcmp(own, name)) return true;
	}
	return false;
}

/* Those of other networks on the same bridge, and of other plugins, have other names. Goes on
 * after an error. */
static int collect(void *arg, const struct link_info *port)
{
	struct collection *g = arg;

	if (!bridge_name_is_of(g->c->name, port->name) || is_valid(g, port->name)) return 0;
	int r = nl_link_delete(g->nl, port->index);
	if (r < 0 && r != -ENODEV) cni_fail_errno(g->c, r, "could not remove %s", port->name);
	return 0;
}

int bridge_collect(struct cni *c, const struct bridge_conf *conf)
{
	_cleanup_netns_ struct bridge_netns host = BRIDGE_NETNS_CLOSED;
	struct collection g = { .c = c, .nl = &host.nl };
	struct link_info bridge;

	if (cni_valid_attachments(c, &g.valid) < 0) return -1;
	/* An attachment without an interface is all of its container's, whose names nobody
	 * knows. */
	for (size_t i = 0; i < g.valid.n; i++)
		if (!((struct cni_attachment *)g.valid.v)[i].ifname.n) return 0;
	if (bridge_collect_ports(c, is_valid, &g) < 0) return -1;
	int r = bridge_netns_open(conf->netns, &host);
	if (r == -ENOENT && conf->netns) return 0;   /* its links went with it */
	if (!r) r = link_get(&host.nl, conf->bridge, &bridge);
	if (r == -ENODEV) return 0;
	if (!r) r = link_ports(&host.nl, bridge.index, collect, &g);
	if (r < 0) return cni_fail_errno(c, r, "could not look for ports of \"%s\"", conf->bridge);
	return c->code ? -1 : 0;
}
