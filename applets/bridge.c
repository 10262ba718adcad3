/* bridge: plugs pods into a bridge by veth pairs, as containernetworking's plugin of that name
 * does, also into one that lies in a network namespace of its own. It makes no firewall rules. */
#include <errno.h>
#include <string.h>

#include "app/applet.h"
#include "bridge/address.h"
#include "bridge/check.h"
#include "bridge/configure.h"
#include "bridge/hostport.h"
#include "host_local/ipam.h"
#include "world/ports.h"

static bool dns_is_set(const struct cni_dns *d)
{
	return d->nameservers.v || d->search.v || d->options.v || d->domain.n;
}

static void add_interface(struct cni *c, struct cni_result *r, const char *name,
	const uint8_t mac[LINK_MAC], const char *sandbox)
{
	struct cni_interface *i = cni_append(c, &r->interfaces, sizeof *i);
	char text[3 * LINK_MAC];

	bridge_format_mac(mac, text);
	i->name = go_str(name);
	i->mac = go_str(arena_copy(&c->arena, text, strlen(text)));
	i->sandbox = go_str(sandbox);
}

/* Upstream's list: bridge, host end, container's end. A bridge in a namespace of its own is left
 * out, and so is the host end there: without a sandbox a runtime or the next plugin of a chain
 * would look for them in the node's namespace, and with one Multus and others take them for
 * interfaces of the pod. go-cni (containerd) and CRI-O need only the container's end. */
enum { INSIDE_AT = 2, INSIDE_ALONE = 0 };

static void list_interfaces(struct cni *c, const struct bridge_conf *conf, const char *port_name,
	const struct link_info *bridge,
	const struct link_info *port, const struct link_info *inside, struct cni_result *r)
{
	r->interfaces = (struct slice){0};
	if (!conf->netns) {
		add_interface(c, r, conf->bridge, bridge->mac, "");
		add_interface(c, r, port_name, port->mac, "");
	}
	add_interface(c, r, c->ifname, inside->mac, c->netns);
}

/* Behind the veth pair: what fails here is undone by add(). *leased: the IPAM plugin has given
 * something. */
static int set_up(struct cni *c, const struct bridge_conf *conf, struct bridge_place *p,
	struct link_info *bridge, const struct link_info *inside, bool *leased)
{
	struct cni_result r = {0};
	struct link_info port;

	if (conf->has_ipam) {
		if (hl_ipam_add(c, &r) < 0) return -1;
		*leased = true;
		bridge_assign(c, conf, conf->netns ? INSIDE_ALONE : INSIDE_AT, &r);
	}
	if (bridge_configure_pod(c, p, inside, &r) < 0) return -1;
	if (bridge_configure_gateway(c, conf, p, bridge, &r) < 0) return -1;
	if (bridge_wait(c, conf, p, bridge, &port) < 0) return -1;
	if (bridge_open_ports(c, conf, p, &r) < 0) return -1;
	list_interfaces(c, conf, p->port, bridge, &port, inside, &r);
	if (dns_is_set(&conf->dns)) r.dns = conf->dns;
	return cni_print_result(c, &r, c->version, c->version);
}

static int add(struct cni *c)
{
	_cleanup_place_ struct bridge_place p = BRIDGE_PLACE_CLOSED;
	struct link_info bridge, inside;
	struct bridge_conf conf;
	bool leased = false;

	if (bridge_load(c, &conf) < 0 || bridge_refuse(c, &conf) < 0) return -1;
	if (bridge_place_open(c, &conf, &p) < 0 || bridge_ensure(c, &conf, &p, &bridge) < 0)
		return -1;
	if (bridge_plug(c, &conf, &p, &bridge, &inside) < 0) return -1;
	if (set_up(c, &conf, &p, &bridge, &inside, &leased) == 0) return 0;
	/* The bridge stays: another ADD may have begun to use it. The first error is the one to
	 * tell. */
	bridge_unplug(&p);
	ports_close(p.port);
	if (leased) hl_ipam_del(c);
	return -1;
}

/* An interface that another bridge plugin made has a host end of another name; it goes with the
 * container's end. Not in a namespace that is not the container's, whatever the runtime says: an
 * eth0 there is the node's. */
static int remove_inside(struct cni *c, struct bridge_place *p)
{
	_cleanup_netns_ struct bridge_netns own = BRIDGE_NETNS_CLOSED;
	struct link_info inside;

	/* it went with its pod */
	if (!*c->netns || bridge_netns_open(c->netns, &p->pod) < 0) return 0;
	int r = bridge_netns_open(NULL, &own);
	if (r < 0) return r;
	if (bridge_netns_same(&p->pod, &own) || bridge_netns_same(&p->pod, &p->host)) return 0;
	r = link_get(&p->pod.nl, c->ifname, &inside);
	if (!r && *inside.kind && strcmp(inside.kind, "veth")) return 0;
	if (!r) r = nl_link_delete(&p->pod.nl, inside.index);
	return r == -ENODEV ? 0 : r;
}

static int del(struct cni *c)
{
	_cleanup_place_ struct bridge_place p = BRIDGE_PLACE_CLOSED;
	struct bridge_conf conf;

	if (bridge_load(c, &conf) < 0) return -1;
	bridge_name_port(c, &p);
	int r = ports_close(p.port);
	if (r < 0) return cni_fail_errno(c, r, "could not close host ports of %s", p.port);
	r = bridge_netns_open(conf.netns, &p.host);
	if (r < 0 && !conf.netns) return cni_fail_errno(c, r, "rtnetlink");
	/* A bridge's namespace that is gone took its links along. */
	r = r < 0 ? 0 : bridge_unplug(&p);
	if (r < 0) return cni_fail_errno(c, r, "could not remove %s", p.port);
	r = remove_inside(c, &p);
	if (r < 0) return cni_fail_errno(c, r, "could not remove %s in %s", c->ifname, c->netns);
	/* The address only now, so that it is never given to two. */
	return conf.has_ipam ? hl_ipam_del(c) : 0;
}

static int parse_prev(struct cni *c, struct cni_result *r)
{
	const struct json_node *prev = json_get(&c->conf, json_root(&c->conf), "prevResult");
	struct str why;

	if (!prev || prev->type == JSON_NULL)
		return cni_fail(c, CNI_BAD_CONFIG, "Required prevResult missing");
	if (cni_parse_result(c, &c->conf, prev, c->version, r, &why) == 0) return 0;
	return cni_fail_str(c, CNI_DECODE, "could not parse prevResult: ", why);
}

static int check(struct cni *c)
{
	_cleanup_place_ struct bridge_place p = BRIDGE_PLACE_CLOSED;
	struct cni_result r = {0};
	struct bridge_conf conf;

	if (bridge_load(c, &conf) < 0 || bridge_place_open(c, &conf, &p) < 0) return -1;
	if (parse_prev(c, &r) < 0) return -1;
	if (conf.has_ipam && hl_ipam_check(c, &r) < 0) return -1;
	return bridge_check(c, &conf, &p, &r);
}

/* Links first, so that no address is free while a link still has it. */
static int gc(struct cni *c)
{
	struct bridge_conf conf;

	if (bridge_load(c, &conf) < 0 || bridge_collect(c, &conf) < 0) return -1;
	return conf.has_ipam ? hl_ipam_gc(c) : 0;
}

static int unavailable(struct cni *c)
{
	c->code = CNI_NOT_AVAILABLE;
	return -1;
}

static int status(struct cni *c)
{
	_cleanup_netns_ struct bridge_netns host = BRIDGE_NETNS_CLOSED;
	struct link_info bridge;
	struct bridge_conf conf;

	if (bridge_load(c, &conf) < 0 || bridge_refuse(c, &conf) < 0) return -1;
	int r = bridge_netns_open(conf.netns, &host);
	if (r < 0) {
		cni_fail_errno(c, r, "failed to open the bridge's netns \"%s\"",
			conf.netns ? conf.netns : "");
		return unavailable(c);
	}
	r = link_get(&host.nl, conf.bridge, &bridge);
	if (r == -ENODEV && !conf.netns) r = 0;   /* the first ADD makes it */
	if (r < 0) {
		cni_fail_errno(c, r, "could not look up \"%s\"", conf.bridge);
		return unavailable(c);
	}
	return conf.has_ipam ? hl_ipam_status(c) : 0;
}

static const char help[] =
	"A CNI plugin that plugs pods into a bridge, as containernetworking's plugin of this\n"
	"name does. Keys: bridge, isGateway, isDefaultGateway, forceAddress, mtu, hairpinMode,\n"
	"ipam, dns, args.cni.mac, runtimeConfig.mac, .ips and, where k3sbox's gateway runs,\n"
	".portMappings; host-local is built in. It refuses\n"
	"ipMasq, promiscMode, vlan, vlanTrunk, macspoofchk, portIsolation, enabledad and\n"
	"disableContainerInterface. Versions 0.1.0 to 1.1.0.\n"
	"  netns    path of the network namespace in which the bridge lies, without an address,\n"
	"           as the switch of a k3sbox world does (bridge there: \"switch\", MTU 65000)\n"
	"  gateway  address that pods get a default route over, where the bridge has none\n"
	"  {\"cniVersion\": \"1.0.0\", \"name\": \"pods\", \"plugins\": [\n"
	"   {\"type\": \"bridge\", \"isDefaultGateway\": true, \"ipam\": {\n"
	"    \"type\": \"host-local\", \"ranges\": [[{\"subnet\": \"10.42.0.0/24\"}]]}}]}\n";

static int run(int argc, char **argv)
{
	static const struct cni_plugin plugin = {
		.name = "bridge", .help = help, .any_netns = true,
		.run = { [CNI_ADD] = add, [CNI_DEL] = del, [CNI_CHECK] = check, [CNI_GC] = gc,
			[CNI_STATUS] = status },
	};
	return cni_main(&plugin, argc, argv);
}

const struct applet applet_bridge = {
	.name = "bridge",
	.group = GROUP_CNI,
	.link_dir = "/opt/cni/bin",
	.summary = "CNI plugin: pods on a bridge",
	.more = help,
	.flags = APPLET_RAW,
	.run_raw = run,
};
