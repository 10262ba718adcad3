/* Names of the host ends: made from the network, the container and its interface, so that DEL
 * and GC find a link without the container's namespace, and after a crash. Pure. */
#ifndef K3SBOX_BRIDGE_NAME_H
#define K3SBOX_BRIDGE_NAME_H

#include <stdbool.h>

#include "cni/gotext.h"
#include "net/link.h"

/* "veth", 4 characters of the network and 7 of the attachment. 35 bits: among 1,000 attachments
 * of a network two have one name with a probability of 1 in 70,000; ADD then fails, and the
 * runtime tries again with another container ID. */
void bridge_name(struct str network, struct str id, struct str ifname, char out[LINK_NAME]);

/* Has a host end of this network such a name? */
bool bridge_name_is_of(struct str network, const char *name);

#endif
