/* What k3s finds out about its node: name, address, default route. */
#ifndef K3SBOX_PLAN_NODE_H
#define K3SBOX_PLAN_NODE_H

#include <stdbool.h>
#include <stddef.h>

/* The node's name as k3s makes it: the host name in lower case. */
void node_name(char *out, size_t size);

/* First address that is not loopback or link-local, as text; false if there is none. */
bool node_first_address(char *out, size_t size);

/* Of either family, as apimachinery's util/net decides. */
bool node_has_default_route(void);

#endif
