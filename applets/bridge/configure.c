/* Gives the pod's end and the bridge what address.c worked out. */
#include "bridge/configure.h"

#include <errno.h>
#include <string.h>

#include "base/io.h"
#include "bridge/address.h"

/* ---- settings of the pod's end ---- */

struct pod_settings {
	const char *ifname;
	bool six;                  /* it gets an IPv6 address */
	struct buf path;           /* of what could not be written */
};

static int write_setting(struct pod_settings *s, const char *group, const char *ifname,
	const char *name, const char *value)
{
	char now[16];

	buf_reset(&s->path);
	buf_printf(&s->path, "/proc/sys/net/%s/conf/%s/%s", group, ifname, name);
	/* Where the kernel does not have the setting (gVisor), there is nothing to set. */
	int r = io_read_line(s->path.data, now, sizeof now);
	if (r < 0 || !strcmp(now, value)) return 0;
	return io_poke(s->path.data, value);
}

/* In the pod's namespace. What is only for comfort may fail: /proc/sys is not always writable. */
static int write_settings(void *arg)
{
	struct pod_settings *s = arg;

	/* the IPAM plugin gives no address twice */
	write_setting(s, "ipv6", s->ifname, "accept_dad", "0");
	write_setting(s, "ipv4", s->ifname, "arp_notify", "1");
	if (!s->six) return 0;
	write_setting(s, "ipv6", s->ifname, "keep_addr_on_down", "1");
	int r = write_setting(s, "ipv6", "lo", "disable_ipv6", "0");
	return r < 0 ? r : write_setting(s, "ipv6", s->ifname, "disable_ipv6", "0");
}

static bool has_six(const struct cni_result *r)
{
	for (size_t i = 0; i < r->ips.n; i++)
		if (((struct cni_ip **)r->ips.v)[i]->address.addr.len == 16) return true;
	return false;
}

static int set_pod(struct cni *c, struct bridge_place *p, const struct cni_result *result)
{
	struct pod_settings s = {
		.ifname = c->ifname, .six = has_six(result), .path.arena = &c->arena,
	};
	int r = bridge_netns_run(&p->pod, write_settings, &s);

	if (r >= 0) return 0;
	return cni_fail_errno(c, r, "failed to write %s", s.path.data ? s.path.data : "settings");
}

/* ---- addresses and routes of the pod ---- */

static int add_address(struct cni *c, struct nl *nl, int index, const struct cidr *a,
	const char *link)
{
	char text[CIDR_TEXT];
	int r = nl_address_add(nl, index, a);

	if (r >= 0) return 0;
	cidr_format(a, text);
	return cni_fail_errno(c, r, "failed to add IP addr %s to \"%s\"", text, link);
}

static int add_route(struct cni *c, struct nl *nl, int index, const struct cni_result *result,
	const struct cni_route *route)
{
	struct nl_route n = {
		.index = index, .dst = route->dst, .gateway = bridge_route_gateway(result, route),
		.priority = (uint32_t)route->priority,
		.table = route->table ? (uint32_t)*route->table : 0,
		.scope = route->scope ? (int)*route->scope & 0xff : -1,
	};
	char dst[CIDR_TEXT], gw[IP_TEXT];
	int r = nl_route_put(nl, &n);

	if (r >= 0) return 0;
	cidr_format(&route->dst, dst);
	ip_format(&n.gateway, gw);
	return cni_fail_errno(c, r, "failed to add route '%s via %s dev %s'", dst, gw, c->ifname);
}

int bridge_configure_pod(struct cni *c, struct bridge_place *p, const struct link_info *inside,
	const struct cni_result *result)
{
	struct nl *nl = &p->pod.nl;

	if (set_pod(c, p, result) < 0) return -1;
	for (size_t i = 0; i < result->ips.n; i++) {
		const struct cni_ip *ip = ((struct cni_ip **)result->ips.v)[i];
		if (add_address(c, nl, inside->index, &ip->address, c->ifname) < 0) return -1;
	}
	int r = nl_link_up(nl, inside->index, true);
	if (r < 0) return cni_fail_errno(c, r, "failed to set \"%s\" up", c->ifname);
	for (size_t i = 0; i < result->routes.n; i++) {
		const struct cni_route *route = ((struct cni_route **)result->routes.v)[i];
		if (route && add_route(c, nl, inside->index, result, route) < 0) return -1;
	}
	return 0;
}

/* ---- the bridge's ---- */

int bridge_addresses(struct cni *c, struct nl *nl, int index, struct cidr **out, size_t *n)
{
	size_t room = 0;
	int r = 0;

	*n = 16;
	while (!r && *n > room) {   /* how many there are is known afterwards */
		*out = arena_alloc(&c->arena, *n * sizeof **out);
		room = *n;
		r = nl_addresses(nl, index, *out, room, n);
	}
	return r < 0 ? cni_fail_errno(c, r, "could not get list of IP addresses") : 0;
}

/* Removes what is in the way. 1: the bridge has the address already. */
static int make_room(struct cni *c, const struct bridge_conf *conf, struct nl *nl, int index,
	const struct cidr *wanted)
{
	struct cidr *v;
	size_t n;

	if (bridge_addresses(c, nl, index, &v, &n) < 0) return -1;
	for (size_t i = 0; i < n; i++) {
		char text[CIDR_TEXT];
		if (bridge_same_address(&v[i], wanted)) return 1;
		if (!bridge_address_conflicts(wanted, &v[i])) continue;
		cidr_format(wanted, text);
		if (!conf->force_address)
			return cni_fail(c, CNI_INTERNAL,
				"failed to set bridge addr: \"%s\" already has an IP address "
					"different from %s",
				conf->bridge, text);
		int r = nl_address_delete(nl, index, &v[i]);
		if (r < 0)
			return cni_fail_errno(c, r,
				"failed to set bridge addr: could not remove IP address from "
					"\"%s\"", conf->bridge);
	}
	return 0;
}

static int ensure_address(struct cni *c, const struct bridge_conf *conf, struct nl *nl,
	const struct link_info *bridge, const struct cidr *a)
{
	int r = make_room(c, conf, nl, bridge->index, a);

	if (r) return r < 0 ? -1 : 0;
	r = nl_address_add(nl, bridge->index, a);
	if (r < 0 && r != -EEXIST)
		return cni_fail_errno(c, r,
			"failed to set bridge addr: could not add IP address to \"%s\"",
			conf->bridge);
	/* Its own from now on; else it is the lowest of its ports', and changes as they come and
	 * go. */
	r = link_set_mac(nl, bridge->index, bridge->mac);
	return r < 0 && r != -EOPNOTSUPP ? cni_fail_errno(c, r, "could not set bridge's mac") : 0;
}

static int forward(struct cni *c, size_t len)
{
	const char *path = len == 4 ? "/proc/sys/net/ipv4/ip_forward"
		: "/proc/sys/net/ipv6/conf/all/forwarding";
	char now[8];
	int r = io_read_line(path, now, sizeof now);

	if (!r && !strcmp(now, "1")) return 0;
	if (r == -ENOENT) return 0;   /* gVisor has no such file for IPv6 */
	r = io_poke(path, "1");
	return r < 0 ? cni_fail_errno(c, r, "failed to enable forwarding: %s", path) : 0;
}

int bridge_configure_gateway(struct cni *c, const struct bridge_conf *conf, struct bridge_place *p,
	const struct link_info *bridge, const struct cni_result *result)
{
	for (size_t i = 0; conf->is_gateway && i < result->ips.n; i++) {
		const struct cni_ip *ip = ((struct cni_ip **)result->ips.v)[i];
		struct cidr a = { ip->gateway, ip->address.ones, ip->address.bits };
		if (ensure_address(c, conf, &p->host.nl, bridge, &a) < 0) return -1;
		if (forward(c, a.addr.len) < 0) return -1;
	}
	return 0;
}
