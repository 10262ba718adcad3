/* The pod's link to the bridge: a veth pair. Functions return 0, or -1 after cni_fail(). */
#ifndef K3SBOX_BRIDGE_PLUG_H
#define K3SBOX_BRIDGE_PLUG_H

#include "bridge/config.h"
#include "bridge/netns.h"

/* Where the two ends lie, and how the host end is called. */
struct bridge_place {
	struct bridge_netns host;  /* of the bridge */
	struct bridge_netns pod;   /* closed if there is none (any more) */
	char port[LINK_NAME];
};

#define BRIDGE_PLACE_CLOSED { .host = BRIDGE_NETNS_CLOSED, .pod = BRIDGE_NETNS_CLOSED }

/* For ADD and CHECK: both namespaces must be there, and differ. */
int bridge_place_open(struct cni *c, const struct bridge_conf *conf, struct bridge_place *p);
/* For DEL: only the name. */
void bridge_name_port(struct cni *c, struct bridge_place *p);
void bridge_place_close(struct bridge_place *p);
#define _cleanup_place_ __attribute__((cleanup(bridge_place_close)))

/* Makes the bridge, unless it is there. One in a namespace of its own must be: who made that
 * namespace made the bridge. */
int bridge_ensure(struct cni *c, const struct bridge_conf *conf, struct bridge_place *p,
	struct link_info *bridge);

/* Makes the pair: the host end up and a port of the bridge, the pod's end (*inside) down where
 * the kernel knows such a thing. What was made before a failure is removed. */
int bridge_plug(struct cni *c, const struct bridge_conf *conf, struct bridge_place *p,
	const struct link_info *bridge, struct link_info *inside);

/* Waits until the bridge passes on what the port receives; *port and *bridge are read again. */
int bridge_wait(struct cni *c, const struct bridge_conf *conf, struct bridge_place *p,
	struct link_info *bridge, struct link_info *port);

/* Removes the pair by its host end. 0 also if there is none; -errno. */
int bridge_unplug(struct bridge_place *p);

#endif
