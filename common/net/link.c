/* Requests about links. Addresses and routes are netlink.c's. */
#include "net/link.h"

#include <errno.h>
#include <net/if.h>
#include <string.h>
#include <sys/socket.h>

#include <linux/if_link.h>
#include <linux/rtnetlink.h>
#include <linux/veth.h>

struct wanted {
	const char *name;
	struct link_info *out;
};

static uint32_t get_u32(const struct nlmsghdr *h, uint16_t type)
{
	uint32_t v = 0;
	const struct rtattr *a = nl_attribute(h, sizeof(struct ifinfomsg), type);

	if (a && RTA_PAYLOAD(a) == sizeof v) memcpy(&v, RTA_DATA(a), sizeof v);
	return v;
}

static int take(void *arg, const struct nlmsghdr *h)
{
	struct wanted *w = arg;
	const struct ifinfomsg *i = NLMSG_DATA(h);
	const struct rtattr *name = nl_attribute(h, sizeof *i, IFLA_IFNAME), *mac = nl_attribute(h, sizeof *i, IFLA_ADDRESS);

	if (h->nlmsg_type != RTM_NEWLINK || !name || strncmp(RTA_DATA(name), w->name, RTA_PAYLOAD(name))) return 0;
	*w->out = (struct link_info){ .index = i->ifi_index, .flags = i->ifi_flags, .mtu = get_u32(h, IFLA_MTU),
		.master = (int)get_u32(h, IFLA_MASTER) };
	if (mac && RTA_PAYLOAD(mac) == sizeof w->out->mac) memcpy(w->out->mac, RTA_DATA(mac), sizeof w->out->mac);
	return 0;
}

int link_get(struct nl *nl, const char *name, struct link_info *out)
{
	struct ifinfomsg fixed = { .ifi_family = AF_UNSPEC };
	struct wanted w = { name, out };
	struct nl_request r;

	*out = (struct link_info){0};
	nl_begin(&r, RTM_GETLINK, NLM_F_DUMP, &fixed, sizeof fixed);
	int e = nl_talk(nl, &r, take, &w);
	return e < 0 ? e : out->index ? 0 : -ENODEV;
}

static void begin_new(struct nl_request *r, const char *name)
{
	struct ifinfomsg fixed = { .ifi_family = AF_UNSPEC };

	nl_begin(r, RTM_NEWLINK, NLM_F_CREATE | NLM_F_EXCL, &fixed, sizeof fixed);
	nl_put_str(r, IFLA_IFNAME, name);
}

int link_add_bridge(struct nl *nl, const char *name)
{
	struct nl_request r;

	begin_new(&r, name);
	size_t info = nl_nest(&r, IFLA_LINKINFO);
	nl_put_str(&r, IFLA_INFO_KIND, "bridge");
	nl_nest_end(&r, info);
	return nl_talk(nl, &r, NULL, NULL);
}

/* VETH_INFO_PEER holds a message of its own, without its header. */
static void put_peer(struct nl_request *r, const char *peer, int netns)
{
	struct ifinfomsg fixed = { .ifi_family = AF_UNSPEC };

	nl_put_bytes(r, &fixed, sizeof fixed);
	nl_put_str(r, IFLA_IFNAME, peer);
	nl_put_u32(r, IFLA_NET_NS_FD, (uint32_t)netns);
}

int link_add_veth(struct nl *nl, const char *name, const char *peer, int peer_netns)
{
	struct nl_request r;

	begin_new(&r, name);
	size_t info = nl_nest(&r, IFLA_LINKINFO);
	nl_put_str(&r, IFLA_INFO_KIND, "veth");
	size_t data = nl_nest(&r, IFLA_INFO_DATA), pair = nl_nest(&r, VETH_INFO_PEER);
	put_peer(&r, peer, peer_netns);
	nl_nest_end(&r, pair);
	nl_nest_end(&r, data);
	nl_nest_end(&r, info);
	return nl_talk(nl, &r, NULL, NULL);
}

static int change(struct nl *nl, int index, uint16_t type, uint32_t value)
{
	struct ifinfomsg fixed = { .ifi_family = AF_UNSPEC, .ifi_index = index };
	struct nl_request r;

	nl_begin(&r, RTM_NEWLINK, 0, &fixed, sizeof fixed);
	nl_put_u32(&r, type, value);
	return nl_talk(nl, &r, NULL, NULL);
}

int link_set_master(struct nl *nl, int index, int master)
{
	return change(nl, index, IFLA_MASTER, (uint32_t)master);
}

int link_set_mtu(struct nl *nl, int index, unsigned mtu)
{
	return change(nl, index, IFLA_MTU, mtu);
}
