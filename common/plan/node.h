/* What k3s finds out about its node: name, address, default route. */
#ifndef K3SBOX_PLAN_NODE_H
#define K3SBOX_PLAN_NODE_H

#include <stdbool.h>
#include <stddef.h>

#include "plan/rows.h"

enum { NODE_NAME_SIZE = 256 };

/* The name that the node gets: the user's; else the one by which the data directory's cluster
 * knows it, if with-node-id does not add to it; else the host name, in lower case and as
 * Kubernetes takes it. */
void node_name(const struct plan_options *o, char out[NODE_NAME_SIZE]);
/* The host name in lower case, which k3s takes by itself. */
void node_host_name(char out[NODE_NAME_SIZE]);

/* Pure: makes a DNS subdomain of at most max bytes of it (kubernetes
 * apimachinery/pkg/util/validation); 63 are the limit of the label that carries the name. */
void node_make_valid(char *name, size_t max);

/* The name in the kubelet's certificate in the data directory; false if there is none. */
bool node_registered(const struct plan_options *o, char out[NODE_NAME_SIZE]);

#define NODE_PASSWORD "/etc/rancher/node/password"
/* The copy of the node's password that `run` keeps in the data directory. */
int node_password_copy(const char *data_dir, char *out, size_t size);

/* The first address of each family that the cluster's networks ("10.42.0.0/16,fd42::/56") have, in
 * the way of k3s's node-ip; false if there is none. */
bool node_addresses(const char *cluster, char *out, size_t size);
/* The link that has the first IPv4 address; 0 if there is none. */
int node_first_link(void);
/* First address that is not loopback or link-local, as text; false if there is none. */
bool node_first_address(char *out, size_t size);

/* The families that have a default route, as apimachinery's util/net decides. */
enum node_family { NODE_IPV4 = 1, NODE_IPV6 = 2 };
unsigned node_default_routes(void);

#endif
