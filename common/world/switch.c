/* Makes the switch and connects the node to it. Pods are connected by the applet `bridge`. */
#include "world/switch.h"

#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <sys/mount.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/io.h"
#include "net/link.h"

static const char own_netns[] = "/proc/self/ns/net";

static int pin(struct err *e)
{
	int r = io_mkparents(SWITCH_NETNS, 0755);
	int fd = r < 0 ? r : open(SWITCH_NETNS, O_RDONLY | O_CREAT | O_CLOEXEC, 0444);

	if (fd < 0) return err_errno(e, r < 0 ? r : -errno, SWITCH_NETNS);
	close(fd);
	if (mount(own_netns, SWITCH_NETNS, NULL, MS_BIND, NULL) < 0)
		return err_errno(e, -errno, "a bind mount on " SWITCH_NETNS);
	return 0;
}

/* In the switch's namespace. */
static int make_bridge(struct nl *nl, int node_netns, struct err *e)
{
	struct link_info bridge = {0}, port = {0};
	int r = link_add_bridge(nl, SWITCH_BRIDGE);

	if (!r) r = link_get(nl, SWITCH_BRIDGE, &bridge);
	if (!r) r = nl_link_up(nl, bridge.index, true);
	if (r < 0) return err_errno(e, r, "a bridge");
	r = link_add_veth(nl, "node", SWITCH_NODE_LINK, node_netns);
	if (!r) r = link_get(nl, "node", &port);
	if (!r) r = link_set_mtu(nl, port.index, SWITCH_MTU);
	if (!r) r = link_set_master(nl, port.index, bridge.index);
	if (!r) r = nl_link_up(nl, port.index, true);
	return r < 0 ? err_errno(e, r, "a veth pair between the bridge and the node") : 0;
}

struct ip switch_gateway(const struct cidr *node)
{
	struct ip last = cidr_last(node);

	last.b[last.len - 1]--;   /* the last address is the broadcast address */
	return last;
}

/* In the node's namespace. */
static int configure_node(struct nl *nl, const struct cidr *node, struct err *e)
{
	static const struct cidr everywhere = { .addr.len = 4, .bits = 32 };
	struct link_info lo = {0}, link = {0};
	struct ip gateway = switch_gateway(node);
	int r = link_get(nl, "lo", &lo);

	if (!r) r = nl_link_up(nl, lo.index, true);
	if (r < 0) return err_errno(e, r, "lo");
	r = link_get(nl, SWITCH_NODE_LINK, &link);
	if (!r) r = link_set_mtu(nl, link.index, SWITCH_MTU);
	if (!r) r = nl_address_add(nl, link.index, node);
	if (!r) r = nl_link_up(nl, link.index, true);
	if (r < 0) return err_errno(e, r, SWITCH_NODE_LINK);
	r = nl_route_add(nl, link.index, &everywhere, &gateway);
	return r < 0 ? err_errno(e, r, "a default route over " SWITCH_NODE_LINK) : 0;
}

/* In a namespace that is made for it, and left again. */
static int make_switch(int node_netns, struct err *e)
{
	struct nl nl;

	if (unshare(CLONE_NEWNET) < 0) return err_errno(e, -errno, "a network namespace");
	int r = pin(e);
	if (!r) {
		r = nl_open(&nl);
		if (r < 0) return err_errno(e, r, "rtnetlink");
		r = make_bridge(&nl, node_netns, e);
		nl_close(&nl);
	}
	if (setns(node_netns, CLONE_NEWNET) < 0 && !r)
		r = err_errno(e, -errno, "cannot return to the node's network namespace");
	return r;
}

int switch_make(const struct cidr *node, struct err *e)
{
	struct nl nl;

	_cleanup_close_ int node_netns = open(own_netns, O_RDONLY | O_CLOEXEC);
	if (node_netns < 0) return err_errno(e, -errno, own_netns);
	int r = make_switch(node_netns, e);
	if (r < 0) return r;
	r = nl_open(&nl);
	if (r < 0) return err_errno(e, r, "rtnetlink");
	r = configure_node(&nl, node, e);
	nl_close(&nl);
	return r;
}
