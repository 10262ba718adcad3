/* Makes and removes the pair. Addresses are configure.c's. */
#include "bridge/plug.h"

#include <errno.h>
#include <net/if.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "base/io.h"
#include "bridge/name.h"

enum { WAIT_MS = 2500 };

void bridge_place_close(struct bridge_place *p)
{
	bridge_netns_close(&p->host);
	bridge_netns_close(&p->pod);
}

void bridge_name_port(struct cni *c, struct bridge_place *p)
{
	bridge_name(c->name, go_str(c->id), go_str(c->ifname), p->port);
}

int bridge_place_open(struct cni *c, const struct bridge_conf *conf, struct bridge_place *p)
{
	int r = bridge_netns_open(conf->netns, &p->host);

	const char *name = conf->netns ? conf->netns : "";
	if (r < 0) return cni_fail_errno(c, r, "failed to open the bridge's netns \"%s\"", name);
	r = bridge_netns_open(c->netns, &p->pod);
	if (r < 0) return cni_fail_errno(c, r, "failed to open netns \"%s\"", c->netns);
	/* Both ends in one namespace, on one bridge: its own way out would be gone. */
	if (bridge_netns_same(&p->host, &p->pod))
		return cni_fail(c, CNI_BAD_NETNS,
			"the container's netns is the one that the bridge lies in");
	bridge_name_port(c, p);
	return 0;
}

/* ---- the bridge ---- */

/* Nothing that a router announces is for a bridge. No such file, no such router. */
static void own_its_routes(const char *bridge)
{
	_cleanup_buf_ struct buf path = {0};

	buf_printf(&path, "/proc/sys/net/ipv6/conf/%s/accept_ra", bridge);
	if (!path.failed) io_poke(path.data, "0");
}

static int make_bridge(struct cni *c, const struct bridge_conf *conf, struct bridge_place *p,
	struct link_info *bridge)
{
	struct nl *nl = &p->host.nl;
	int r = link_add_bridge(nl, conf->bridge);
	bool made = !r;

	if (r == -EEXIST) r = 0;   /* another ADD was faster */
	if (!r) r = link_get(nl, conf->bridge, bridge);
	if (r < 0) return cni_fail_errno(c, r, "could not add \"%s\"", conf->bridge);
	if (!made) return 0;
	own_its_routes(conf->bridge);
	if (!conf->mtu) return 0;
	r = link_set_mtu(nl, bridge->index, (unsigned)conf->mtu);
	return r < 0 ? cni_fail_errno(c, r, "could not set the MTU of \"%s\"", conf->bridge) : 0;
}

int bridge_ensure(struct cni *c, const struct bridge_conf *conf, struct bridge_place *p,
	struct link_info *bridge)
{
	int r = link_get(&p->host.nl, conf->bridge, bridge);

	if (r == -ENODEV && !conf->netns) {
		if (make_bridge(c, conf, p, bridge) < 0) return -1;
	} else if (r < 0) {
		return cni_fail_errno(c, r, "could not look up \"%s\"", conf->bridge);
	}
	if (*bridge->kind && strcmp(bridge->kind, "bridge"))
		return cni_fail(c, CNI_INTERNAL, "\"%s\" already exists but is not a bridge",
			conf->bridge);
	r = bridge->flags & IFF_UP ? 0 : nl_link_up(&p->host.nl, bridge->index, true);
	return r < 0 ? cni_fail_errno(c, r, "could not set \"%s\" up", conf->bridge) : 0;
}

/* ---- the pair ---- */

/* Looked for before anything is made: gVisor makes one end before it finds the name of the other
 * taken. */
static int refuse_second(struct cni *c, struct bridge_place *p)
{
	struct link_info l;
	int r = link_get(&p->pod.nl, c->ifname, &l);

	if (!r)
		return cni_fail(c, CNI_INTERNAL,
			"container veth name (\"%s\") peer provided (\"%s\") already exists",
			c->ifname, p->port);
	if (r != -ENODEV) return cni_fail_errno(c, r, "could not look up \"%s\"", c->ifname);
	r = link_get(&p->host.nl, p->port, &l);
	if (!r)
		return cni_fail(c, CNI_INTERNAL,
			"%s already exists: interface %s of container %s was not removed (DEL)",
			p->port, c->ifname, c->id);
	return r == -ENODEV ? 0 : cni_fail_errno(c, r, "could not look up \"%s\"", p->port);
}

static int set_mtu(const struct bridge_conf *conf, struct bridge_place *p,
	const struct link_info *bridge,
	const struct link_info *port, const struct link_info *inside)
{
	unsigned mtu = conf->mtu ? (unsigned)conf->mtu : bridge->mtu;

	if (!mtu || mtu == port->mtu) return 0;
	int r = link_set_mtu(&p->host.nl, port->index, mtu);
	return r < 0 ? r : link_set_mtu(&p->pod.nl, inside->index, mtu);
}

static int set_hairpin(struct cni *c, struct nl *host, const struct link_info *port)
{
	int r = link_set_hairpin(host, port->index);

	if (r == -EOPNOTSUPP)
		return cni_fail(c, CNI_UNSUPPORTED_FIELD,
			"hairpinMode = true is unsupported: this kernel's bridge has no such mode");
	return r < 0 ? cni_fail_errno(c, r, "failed to setup hairpin mode for %s", port->name) : 0;
}

/* The kernels give each end of a new pair a random address of its own, as must be: gVisor's
 * bridge remembers for ever behind which port an address was. */
static int set_up_pair(struct cni *c, const struct bridge_conf *conf, struct bridge_place *p,
	const struct link_info *bridge, struct link_info *inside)
{
	struct nl *host = &p->host.nl;
	struct link_info port;
	int r = link_get(host, p->port, &port);

	if (!r) r = link_get(&p->pod.nl, c->ifname, inside);
	if (r < 0) return cni_fail_errno(c, r, "failed to look up the veth pair");
	if (conf->has_mac) r = link_set_mac(&p->pod.nl, inside->index, conf->mac);
	if (r < 0)
		return cni_fail_errno(c, r, "failed to set the hardware address of \"%s\"",
			c->ifname);
	if (conf->has_mac) memcpy(inside->mac, conf->mac, sizeof inside->mac);
	if ((r = set_mtu(conf, p, bridge, &port, inside)) < 0)
		return cni_fail_errno(c, r, "failed to set the MTU of the veth pair");
	if ((r = link_set_master(host, port.index, bridge->index)) < 0)
		return cni_fail_errno(c, r, "failed to connect \"%s\" to bridge %s", p->port,
			conf->bridge);
	if (conf->hairpin && set_hairpin(c, host, &port) < 0) return -1;
	r = nl_link_up(host, port.index, true);
	return r < 0 ? cni_fail_errno(c, r, "failed to set \"%s\" up", p->port) : 0;
}

int bridge_plug(struct cni *c, const struct bridge_conf *conf, struct bridge_place *p,
	const struct link_info *bridge, struct link_info *inside)
{
	if (refuse_second(c, p) < 0) return -1;
	int r = link_add_veth(&p->host.nl, p->port, c->ifname, p->pod.fd);
	if (r < 0) cni_fail_errno(c, r, "failed to make veth pair");
	if (!r && set_up_pair(c, conf, p, bridge, inside) == 0) return 0;
	/* A pair made by somebody else at the same moment is not ours to remove; without one
	 * this finds nothing. */
	if (r != -EEXIST) bridge_unplug(p);
	return -1;
}

int bridge_unplug(struct bridge_place *p)
{
	struct link_info port;
	int r = link_get(&p->host.nl, p->port, &port);

	if (!r) r = nl_link_delete(&p->host.nl, port.index);
	return r == -ENODEV ? 0 : r;
}

int bridge_wait(struct cni *c, const struct bridge_conf *conf, struct bridge_place *p,
	struct link_info *bridge, struct link_info *port)
{
	for (long waited = 0, pause = 1; ; waited += pause, pause *= 2) {
		int r = link_get(&p->host.nl, p->port, port);
		if (r < 0) return cni_fail_errno(c, r, "could not look up \"%s\"", p->port);
		if (port->running) break;
		if (waited > WAIT_MS)
			return cni_fail(c, CNI_INTERNAL, "bridge port in error state: %s is down",
				p->port);
		nanosleep(&(struct timespec){ pause / 1000, pause % 1000 * 1000000 }, NULL);
	}
	/* Its hardware address is the lowest of its ports', unless it has one of its own. */
	int r = link_get(&p->host.nl, conf->bridge, bridge);
	return r < 0 ? cni_fail_errno(c, r, "could not look up \"%s\"", conf->bridge) : 0;
}
