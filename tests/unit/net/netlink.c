#include "net/netlink.h"

#include <errno.h>
#include <net/if.h>
#include <sys/socket.h>

#include <linux/netlink.h>
#include <linux/rtnetlink.h>

#include "unit.h"

static struct nl_request r;

static const struct nlmsghdr *message(void)
{
	return (const struct nlmsghdr *)(const void *)r.data;
}

static void begin(void)
{
	struct ifinfomsg fixed = { .ifi_index = 7 };
	nl_begin(&r, RTM_NEWLINK, NLM_F_CREATE, &fixed, sizeof fixed);
}

TEST(attributes)
{
	begin();
	nl_put_str(&r, IFLA_IFNAME, "veth0");
	nl_put_u32(&r, IFLA_MTU, 1400);
	const struct nlmsghdr *h = message();
	CHECK(h->nlmsg_type == RTM_NEWLINK && h->nlmsg_flags == (NLM_F_REQUEST | NLM_F_CREATE) &&
		!r.full);
	CHECK(h->nlmsg_len == 16 + 16 + 12 + 8);
	const struct rtattr *a = nl_attribute(h, sizeof(struct ifinfomsg), IFLA_IFNAME);
	CHECK(a && RTA_PAYLOAD(a) == 6);
	CHECK_STR(RTA_DATA(a), "veth0");
	a = nl_attribute(h, sizeof(struct ifinfomsg), IFLA_MTU);
	CHECK(a && *(const uint32_t *)RTA_DATA(a) == 1400);
	CHECK(!nl_attribute(h, sizeof(struct ifinfomsg), IFLA_ADDRESS));
}

TEST(nests)
{
	begin();
	size_t info = nl_nest(&r, IFLA_LINKINFO);
	nl_put_str(&r, IFLA_INFO_KIND, "veth");
	size_t data = nl_nest(&r, IFLA_INFO_DATA);
	nl_put_u32(&r, 1, 5);
	nl_nest_end(&r, data);
	nl_nest_end(&r, info);
	const struct rtattr *a = nl_attribute(message(), sizeof(struct ifinfomsg), IFLA_LINKINFO);
	CHECK(a && RTA_PAYLOAD(a) == 12 + 4 + 8 && message()->nlmsg_len == 32 + 4 + 24);
}

TEST(too_much)
{
	struct nl nl = { .fd = -1 };
	begin();
	for (int i = 0; i < 300; i++) nl_put_u32(&r, IFLA_MTU, 1);
	CHECK(r.full && message()->nlmsg_len <= sizeof r.data);
	CHECK(nl_talk(&nl, &r, NULL, NULL) == -EMSGSIZE);
}

/* An answer that lies about its length is not read past its end. */
TEST(damaged)
{
	begin();
	nl_put_str(&r, IFLA_IFNAME, "x");
	struct rtattr *a = (struct rtattr *)(void *)(r.data + 32);
	a->rta_len = 200;
	CHECK(!nl_attribute(message(), sizeof(struct ifinfomsg), IFLA_IFNAME));
	a->rta_len = 0;
	CHECK(!nl_attribute(message(), sizeof(struct ifinfomsg), IFLA_MTU));
	((struct nlmsghdr *)(void *)r.data)->nlmsg_len = 20;
	CHECK(!nl_attribute(message(), sizeof(struct ifinfomsg), IFLA_IFNAME));
}

/* The kernel itself: lo exists, other names do not. */
TEST(kernel)
{
	struct nl nl;
	struct nl_link link;
	struct cidr addresses[4];
	size_t n = 0;

	CHECK(nl_open(&nl) == 0);
	CHECK(nl_link_get(&nl, "lo", &link) == 0 && link.index > 0 && link.flags & IFF_LOOPBACK);
	CHECK(nl_addresses(&nl, link.index, addresses, 4, &n) == 0);
	CHECK(nl_link_get(&nl, "no-such-link", &link) == -ENODEV &&
		nl_link_get(&nl, "a-name-that-is-too-long", &link) == -ENODEV);
	CHECK(nl_link_up(&nl, 999999, true) == -ENODEV);
	nl_close(&nl);
	CHECK(nl.fd == -1);
	CHECK(nl_enter_netns("/nonexistent") == -ENOENT && nl_enter_netns("/dev/null") == -EINVAL);
}

UNIT_MAIN("netlink")
