#include "bridge/address.h"
#include "bridge/name.h"

#include "unit.h"

static struct cni c;

static const char *name(const char *network, const char *id, const char *ifname)
{
	static char out[2][LINK_NAME];
	static int n;

	n = !n;
	bridge_name(go_str(network), go_str(id), go_str(ifname), out[n]);
	return out[n];
}

/* What an older k3sbox has plugged in must be found by a newer one. */
TEST(names_never_change)
{
	CHECK_STR(name("n", "a", "eth0"), "vethcbai88104tr");
	CHECK_STR(name("n", "b", "eth0"), "vethcbaiogb234b");
}

TEST(names_differ)
{
	CHECK(strcmp(name("n", "a", "eth0"), name("n", "a", "eth1")));
	CHECK(strcmp(name("n", "a", "eth0"), name("m", "a", "eth0")));
	CHECK(strcmp(name("n", "ae", "th0"), name("n", "a", "eth0")));
	CHECK(bridge_name_is_of(go_str("n"), name("n", "x", "eth0")));
	CHECK(!bridge_name_is_of(go_str("m"), name("n", "x", "eth0")));
	CHECK(!bridge_name_is_of(go_str("n"), "veth12345678"));
	CHECK(!bridge_name_is_of(go_str("n"), "cni0"));
}

TEST(names_of_many_attachments)
{
	enum { MANY = 2000 };
	static char all[MANY][LINK_NAME];
	char id[16];

	for (int i = 0; i < MANY; i++) {
		snprintf(id, sizeof id, "%d", i);
		bridge_name(go_str("n"), go_str(id), go_str("eth0"), all[i]);
		for (int k = 0; k < i; k++) CHECK(strcmp(all[i], all[k]));
	}
}

TEST(hardware_addresses)
{
	uint8_t mac[LINK_MAC];
	char text[3 * LINK_MAC];

	CHECK(bridge_parse_mac(mac, go_str("0A-58-0a-2A-00-ff")));
	bridge_format_mac(mac, text);
	CHECK_STR(text, "0a:58:0a:2a:00:ff");
	CHECK(!bridge_parse_mac(mac, go_str("0a:58:0a:2a:00")));
	CHECK(!bridge_parse_mac(mac, go_str("0a:58:0a:2a:00:0g")));
	CHECK(!bridge_parse_mac(mac, go_str("0a:58-0a:2a:00:01")));
	CHECK(!bridge_parse_mac(mac, go_str("")));
}

static struct cidr cidr(const char *text)
{
	struct cidr a = {0};
	if (!cidr_parse(&a, text, strlen(text))) a.ones = 255;
	return a;
}

static void add_ip(struct cni_result *r, const char *address, const char *gateway)
{
	struct cni_ip *ip = cni_append(&c, &r->ips, sizeof *ip);
	ip->address = cidr(address);
	if (gateway) ip_parse(&ip->gateway, gateway, strlen(gateway));
}

static const struct cni_route *route(const struct cni_result *r, size_t i)
{
	return ((struct cni_route **)r->routes.v)[i];
}

static const char *gateway_of(const struct ip *a)
{
	static char text[IP_TEXT];
	ip_format(a, text);
	return text;
}

TEST(default_gateway)
{
	struct bridge_conf conf = { .is_gateway = true, .is_default_gateway = true };
	struct cni_result r = {0};

	add_ip(&r, "10.1.2.3/24", NULL);
	add_ip(&r, "fd00::7/64", "fd00::9");
	bridge_assign(&c, &conf, 2, &r);
	struct cni_ip **ips = r.ips.v;
	CHECK(*ips[0]->interface == 2 && *ips[1]->interface == 2 && r.routes.n == 2);
	CHECK_STR(gateway_of(&ips[0]->gateway), "10.1.2.1");
	CHECK_STR(gateway_of(&route(&r, 0)->gw), "10.1.2.1");
	CHECK_STR(gateway_of(&route(&r, 1)->gw), "fd00::9");
	CHECK(route(&r, 1)->dst.addr.len == 16 && !route(&r, 1)->dst.ones);
	arena_free(&c.arena);
}

TEST(default_route_of_the_ipam_plugin_stays)
{
	struct bridge_conf conf = { .is_gateway = true, .is_default_gateway = true };
	struct cni_result r = {0};

	add_ip(&r, "10.1.2.3/24", "10.1.2.1");
	struct cni_route *own = cni_append(&c, &r.routes, sizeof *own);
	own->dst = cidr("0.0.0.0/0");
	bridge_assign(&c, &conf, 2, &r);
	CHECK(r.routes.n == 1);
	struct ip gateway = bridge_route_gateway(&r, own);
	CHECK_STR(gateway_of(&gateway), "10.1.2.1");
	arena_free(&c.arena);
}

TEST(gateway_of_the_configuration)
{
	struct bridge_conf conf = { .gateway = { 4, { 10, 1, 2, 254 } } };
	struct cni_result r = {0};

	add_ip(&r, "10.1.2.3/24", "10.1.2.1");
	add_ip(&r, "fd00::7/64", NULL);
	bridge_assign(&c, &conf, 0, &r);
	CHECK(r.routes.n == 1);
	CHECK_STR(gateway_of(&route(&r, 0)->gw), "10.1.2.254");
	CHECK(!((struct cni_ip **)r.ips.v)[1]->gateway.len);
	arena_free(&c.arena);
}

TEST(addresses_in_the_way)
{
	struct cidr four = cidr("10.1.2.1/24"), far = cidr("10.9.0.1/24"), six = cidr("fd00::1/64");
	struct cidr near6 = cidr("fd00::2/48"), far6 = cidr("fe80::1/64");

	CHECK(bridge_address_conflicts(&four, &far));
	CHECK(!bridge_address_conflicts(&four, &six));
	CHECK(bridge_address_conflicts(&six, &near6));
	CHECK(!bridge_address_conflicts(&six, &far6));
}

UNIT_MAIN("bridge")
