/* Makes the switch and connects the node to it. Pods are connected by the applet `bridge`. */
#include "world/switch.h"

#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <stdio.h>
#include <string.h>
#include <sys/mount.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/io.h"
#include "net/link.h"

static const char own_netns[] = "/proc/self/ns/net";

static int pin(const char *path, struct err *e)
{
	int r = io_mkparents(path, 0755);
	int fd = r < 0 ? r : open(path, O_RDONLY | O_CREAT | O_CLOEXEC, 0444);

	if (fd < 0) return err_errno(e, r < 0 ? r : -errno, "%s", path);
	close(fd);
	if (mount(own_netns, path, NULL, MS_BIND, NULL) < 0)
		return err_errno(e, -errno, "a bind mount on %s", path);
	return 0;
}

/* Enters a new network namespace, and pins it. A socket in it is opened; its descriptor, or
 * -errno. */
static int make_netns(const char *path, struct nl *nl, struct err *e)
{
	if (unshare(CLONE_NEWNET) < 0) return err_errno(e, -errno, "a network namespace");
	int r = pin(path, e);
	if (r < 0) return r;
	r = nl_open(nl);
	if (r < 0) return err_errno(e, r, "rtnetlink");
	int fd = open(own_netns, O_RDONLY | O_CLOEXEC);
	if (fd >= 0) return fd;
	r = err_errno(e, -errno, own_netns);
	nl_close(nl);
	return r;
}

/* A port of the bridge; its other end is `link` in that namespace. */
static int add_port(struct nl *nl, int bridge, const char *name, const char *link, int netns)
{
	struct link_info port = {0};
	int r = link_add_veth(nl, name, link, netns);

	if (!r) r = link_get(nl, name, &port);
	if (!r) r = link_set_mtu(nl, port.index, SWITCH_MTU);
	if (!r) r = link_set_master(nl, port.index, bridge);
	return r < 0 ? r : nl_link_up(nl, port.index, true);
}

/* In the switch's namespace. */
static int make_bridge(struct nl *nl, int node, int gateway, struct err *e)
{
	struct link_info bridge = {0};
	int r = link_add_bridge(nl, SWITCH_BRIDGE);

	if (!r) r = link_get(nl, SWITCH_BRIDGE, &bridge);
	if (!r) r = nl_link_up(nl, bridge.index, true);
	if (r < 0) return err_errno(e, r, "a bridge");
	r = add_port(nl, bridge.index, "node", SWITCH_NODE_LINK, node);
	if (!r) r = add_port(nl, bridge.index, "gateway", SWITCH_GATEWAY_LINK, gateway);
	return r < 0 ? err_errno(e, r, "a veth pair between the bridge and the node") : 0;
}

/* ---- addresses ---- */

bool switch_parse_node(struct switch_node *out, const char *text)
{
	*out = (struct switch_node){ .n = 0 };
	for (const char *s = text; *s && out->n < 2; s += strcspn(s, ","), s += *s == ',')
		if (!cidr_parse(&out->v[out->n++], s, strcspn(s, ","))) return false;
	return out->n && out->v[0].addr.len == 4 && (out->n == 1 || out->v[1].addr.len == 16);
}

void switch_first_node(struct switch_node *out, const char *cluster)
{
	static const uint8_t lens[] = { 4, 16 }, node_bits[] = { 24, 64 };
	struct cidr c;

	*out = (struct switch_node){0};
	for (size_t i = 0; i < 2; i++)
		for (const char *s = cluster; *s; s += strcspn(s, ","), s += *s == ',') {
			if (!cidr_parse(&c, s, strcspn(s, ",")) || c.addr.len != lens[i]) continue;
			struct ip network = cidr_network(&c);
			c.addr = ip_next(&network);
			if (c.ones < node_bits[i]) c.ones = node_bits[i];
			out->v[out->n++] = c;
			break;
		}
}

void switch_format_node(const struct switch_node *node, char out[SWITCH_NODE_TEXT])
{
	char v[2][CIDR_TEXT] = {0};

	for (size_t i = 0; i < node->n; i++) cidr_format(&node->v[i], v[i]);
	snprintf(out, SWITCH_NODE_TEXT, node->n > 1 ? "%s,%s" : "%s", v[0], v[1]);
}

struct ip switch_gateway(const struct cidr *node)
{
	struct ip last = cidr_last(node);

	last.b[last.len - 1]--;   /* the last address is the broadcast address */
	return last;
}

/* Its addresses are given out once: nothing has to be looked for. Where the kernel has no such
 * setting (gVisor), or shows it read-only, IPv6 begins a second later. */
static void use_at_once(const char *link)
{
	char path[64];

	snprintf(path, sizeof path, "/proc/sys/net/ipv6/conf/%s/accept_dad", link);
	io_poke(path, "0");
}

static int configure_link(struct nl *nl, const char *name, const struct switch_node *addresses,
	int *index, struct err *e)
{
	struct link_info link = {0};
	int r = link_get(nl, name, &link);

	if (!r) r = link_set_mtu(nl, link.index, SWITCH_MTU);
	for (size_t i = 0; !r && i < addresses->n; i++)
		r = nl_address_add(nl, link.index, &addresses->v[i]);
	if (!r) r = nl_link_up(nl, link.index, true);
	*index = link.index;
	return r < 0 ? err_errno(e, r, "%s", name) : 0;
}

/* In the node's namespace. */
static int configure_node(struct nl *nl, const struct switch_node *node, struct err *e)
{
	struct link_info lo = {0};
	int index, r = link_get(nl, "lo", &lo);

	if (!r) r = nl_link_up(nl, lo.index, true);
	if (r < 0) return err_errno(e, r, "lo");
	use_at_once(SWITCH_NODE_LINK);
	r = configure_link(nl, SWITCH_NODE_LINK, node, &index, e);
	for (size_t i = 0; r >= 0 && i < node->n; i++) {
		struct ip gateway = switch_gateway(&node->v[i]);
		struct cidr everywhere = { .addr.len = gateway.len, .bits = node->v[i].bits };
		r = nl_route_add(nl, index, &everywhere, &gateway);
		if (r < 0) err_errno(e, r, "a default route over " SWITCH_NODE_LINK);
	}
	return r;
}

/* In namespaces that are made for it. */
static int make_switch(int node_netns, const struct switch_node *node, struct err *e)
{
	struct switch_node gateway = *node;
	struct nl nl = { .fd = -1 }, gateway_nl = { .fd = -1 };
	int index;

	for (size_t i = 0; i < gateway.n; i++) gateway.v[i].addr = switch_gateway(&node->v[i]);
	_cleanup_close_ int gateway_netns = make_netns(SWITCH_GATEWAY_NETNS, &gateway_nl, e);
	int r = gateway_netns;
	_cleanup_close_ int own = r < 0 ? -1 : make_netns(SWITCH_NETNS, &nl, e);
	if (r >= 0) r = own;
	if (r >= 0) r = make_bridge(&nl, node_netns, gateway_netns, e);
	if (r >= 0) r = configure_link(&gateway_nl, SWITCH_GATEWAY_LINK, &gateway, &index, e);
	nl_close(&nl);
	nl_close(&gateway_nl);
	return r;
}

int switch_make(const struct switch_node *node, struct err *e)
{
	struct nl nl;

	_cleanup_close_ int node_netns = open(own_netns, O_RDONLY | O_CLOEXEC);
	if (node_netns < 0) return err_errno(e, -errno, own_netns);
	int r = make_switch(node_netns, node, e);
	if (setns(node_netns, CLONE_NEWNET) < 0 && r >= 0)
		r = err_errno(e, -errno, "cannot return to the node's network namespace");
	if (r < 0) return r;
	r = nl_open(&nl);
	if (r < 0) return err_errno(e, r, "rtnetlink");
	r = configure_node(&nl, node, e);
	nl_close(&nl);
	return r;
}
