/* Requests about links. Addresses and routes are netlink.c's. */
#include "net/link.h"

#include <errno.h>
#include <net/if.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

#include <linux/if_link.h>
#include <linux/rtnetlink.h>
#include <linux/veth.h>

static uint32_t get_u32(const struct nlmsghdr *h, uint16_t type)
{
	uint32_t v = 0;
	const struct rtattr *a = nl_attribute(h, sizeof(struct ifinfomsg), type);

	if (a && RTA_PAYLOAD(a) == sizeof v) memcpy(&v, RTA_DATA(a), sizeof v);
	return v;
}

static void get_text(char out[LINK_NAME], const struct rtattr *a)
{
	size_t n = a ? RTA_PAYLOAD(a) : 0;

	if (n >= LINK_NAME) n = LINK_NAME - 1;
	if (n) memcpy(out, RTA_DATA(a), n);
	out[n] = 0;
}

static const struct rtattr *nested(const struct rtattr *in, uint16_t type)
{
	size_t n = in ? RTA_PAYLOAD(in) : 0;
	const struct rtattr *a = n ? RTA_DATA(in) : NULL;

	for (; a && RTA_OK(a, n); a = RTA_NEXT(a, n))
		if ((a->rta_type & NLA_TYPE_MASK) == type) return a;
	return NULL;
}

enum { OPER_UP = 6 };   /* IF_OPER_UP of linux/if.h, which does not go together with net/if.h */

/* A kernel that does not know the state of links has them always up. */
static bool is_running(const struct nlmsghdr *h)
{
	const struct rtattr *a = nl_attribute(h, sizeof(struct ifinfomsg), IFLA_OPERSTATE);
	return !a || !RTA_PAYLOAD(a) || *(const uint8_t *)RTA_DATA(a) == OPER_UP;
}

static struct link_info decode(const struct nlmsghdr *h)
{
	const struct ifinfomsg *i = NLMSG_DATA(h);
	const struct rtattr *mac = nl_attribute(h, sizeof *i, IFLA_ADDRESS);
	struct link_info l = {
		.index = i->ifi_index, .flags = i->ifi_flags, .mtu = get_u32(h, IFLA_MTU),
		.master = (int)get_u32(h, IFLA_MASTER), .running = is_running(h),
	};

	if (mac && RTA_PAYLOAD(mac) == sizeof l.mac) memcpy(l.mac, RTA_DATA(mac), sizeof l.mac);
	get_text(l.name, nl_attribute(h, sizeof *i, IFLA_IFNAME));
	get_text(l.kind, nested(nl_attribute(h, sizeof *i, IFLA_LINKINFO), IFLA_INFO_KIND));
	return l;
}

struct wanted {
	const char *name;
	struct link_info *out;
};

static int take(void *arg, const struct nlmsghdr *h)
{
	struct wanted *w = arg;

	if (h->nlmsg_type != RTM_NEWLINK || h->nlmsg_len < NLMSG_SPACE(sizeof(struct ifinfomsg)))
		return 0;
	struct link_info l = decode(h);
	if (!strcmp(l.name, w->name)) *w->out = l;
	return 0;
}

/* One link where the kernel can be asked for one: a namespace may have hundreds, and gVisor
 * drops an answer that its buffer for the socket does not hold. */
int link_get(struct nl *nl, const char *name, struct link_info *out)
{
	struct ifinfomsg fixed = { .ifi_family = AF_UNSPEC };
	struct wanted w = { name, out };
	struct nl_request r;

	*out = (struct link_info){0};
	if (strlen(name) >= LINK_NAME) return -ENODEV;
	nl_begin(&r, RTM_GETLINK, 0, &fixed, sizeof fixed);
	nl_put_str(&r, IFLA_IFNAME, name);
	int e = nl_talk(nl, &r, take, &w);
	if (e == -EINVAL || e == -EOPNOTSUPP) {
		nl_begin(&r, RTM_GETLINK, NLM_F_DUMP, &fixed, sizeof fixed);
		e = nl_talk(nl, &r, take, &w);
	}
	return e < 0 ? e : out->index ? 0 : -ENODEV;
}

struct port_list {
	int bridge;
	struct link_info *v;
	size_t n;
};

static int take_port(void *arg, const struct nlmsghdr *h)
{
	struct port_list *l = arg;

	if (h->nlmsg_type != RTM_NEWLINK || h->nlmsg_len < NLMSG_SPACE(sizeof(struct ifinfomsg)))
		return 0;
	struct link_info port = decode(h);
	if (port.master != l->bridge) return 0;
	struct link_info *v = realloc(l->v, (l->n + 1) * sizeof *v);
	if (!v) return -ENOMEM;
	l->v = v;
	l->v[l->n++] = port;
	return 0;
}

int link_ports(struct nl *nl, int bridge, link_visit *fn, void *arg)
{
	struct ifinfomsg fixed = { .ifi_family = AF_UNSPEC };
	struct port_list l = { .bridge = bridge };
	struct nl_request r;

	nl_begin(&r, RTM_GETLINK, NLM_F_DUMP, &fixed, sizeof fixed);
	int e = nl_talk(nl, &r, take_port, &l);
	for (size_t i = 0; !e && i < l.n; i++) e = fn(arg, &l.v[i]);
	free(l.v);
	return e;
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

int link_set_mac(struct nl *nl, int index, const uint8_t mac[LINK_MAC])
{
	struct ifinfomsg fixed = { .ifi_family = AF_UNSPEC, .ifi_index = index };
	struct nl_request r;

	nl_begin(&r, RTM_NEWLINK, 0, &fixed, sizeof fixed);
	nl_put(&r, IFLA_ADDRESS, mac, LINK_MAC);
	return nl_talk(nl, &r, NULL, NULL);
}

int link_set_hairpin(struct nl *nl, int index)
{
	struct ifinfomsg fixed = { .ifi_family = AF_BRIDGE, .ifi_index = index };
	static const uint8_t on = 1;
	struct nl_request r;

	nl_begin(&r, RTM_SETLINK, 0, &fixed, sizeof fixed);
	size_t port = nl_nest(&r, IFLA_PROTINFO | NLA_F_NESTED);
	nl_put(&r, IFLA_BRPORT_MODE, &on, sizeof on);
	nl_nest_end(&r, port);
	return nl_talk(nl, &r, NULL, NULL);
}
