/* What CHECK and GC look at. Functions return 0, or -1 after cni_fail(). */
#ifndef K3SBOX_BRIDGE_CHECK_H
#define K3SBOX_BRIDGE_CHECK_H

#include "bridge/plug.h"

/* Is everything as the result of ADD says? */
int bridge_check(struct cni *c, const struct bridge_conf *conf, struct bridge_place *p,
	const struct cni_result *r);

/* Removes the ports of this network that no attachment in cni.dev/valid-attachments has. */
int bridge_collect(struct cni *c, const struct bridge_conf *conf);

#endif
