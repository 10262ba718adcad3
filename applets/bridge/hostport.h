/* Ports of the node that lead to the pod: runtimeConfig.portMappings, as upstream's portmap plugin
 * has it. The gateway of a world listens on them (world/ports.h). Functions return 0, or -1 after
 * cni_fail(). */
#ifndef K3SBOX_BRIDGE_HOSTPORT_H
#define K3SBOX_BRIDGE_HOSTPORT_H

#include "bridge/plug.h"

/* For ADD: which ports lead to the addresses of the result. Nothing to do without any. */
int bridge_open_ports(struct cni *c, const struct bridge_conf *conf, const struct bridge_place *p,
	const struct cni_result *r);
/* For GC: closes those of this network whose names keep() does not know. */
int bridge_collect_ports(struct cni *c, bool (*keep)(void *arg, const char *name), void *arg);

#endif
