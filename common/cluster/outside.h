/* Where Services are reached outside of the cluster. */
#ifndef K3SBOX_OUTSIDE_H
#define K3SBOX_OUTSIDE_H

#include <stdbool.h>

#include "base/buf.h"
#include "base/json.h"

/* netd, which does kube-proxy's work in own namespaces, does not serve SCTP. */
bool outside_is_served(const char *protocol);

/* "192.0.2.1:80/TCP,192.0.2.1:30080/TCP" of a Service object: at this address (of the machine) its
 * ports of a load balancer, and its node ports. Ports that are not served are left out; it
 * may be that none is left. */
void outside_print(const struct json *j, const struct json_node *service, const char *address,
	struct buf *out);

#endif
