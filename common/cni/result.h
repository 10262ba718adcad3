/* Results of ADD: read from and printed in the layout of every version of the specification. */
#ifndef K3SBOX_CNI_RESULT_H
#define K3SBOX_CNI_RESULT_H

#include "cni/plugin.h"
#include "net/ip.h"

struct cni_interface { struct str name, mac, sandbox, socket_path, pci_id; int64_t mtu; };
struct cni_ip { struct str version; int64_t *interface; struct cidr address; struct ip gateway; };
struct cni_route { struct cidr dst; struct ip gw; int64_t mtu, advmss, priority, *table, *scope; };
struct cni_dns { struct slice nameservers; struct str domain; struct slice search, options; };

/* 0.2.0's: one address of a family, with routes of any. */
struct cni_ip02 { struct cidr ip; struct ip gateway; struct slice routes; };

/* Results of all versions in one. One that was read keeps what only its own version has, and is printed in that version as it came. */
struct cni_result {
	enum { CNI_RESULT_100, CNI_RESULT_040, CNI_RESULT_020 } read_as;
	struct cni_ip02 *ip4, *ip6;    /* read as 0.2.0: also in ips and routes */
	struct slice interfaces;       /* struct cni_interface *, NULL: null */
	struct slice ips;              /* struct cni_ip *, the same */
	struct slice routes;           /* struct cni_route *, the same */
	struct cni_dns dns;
};

extern const struct go_type cni_routes_type, cni_dns_type, cni_ipnet_type, cni_net_ip_type;

void *cni_append(struct cni *c, struct slice *pointers, size_t size);   /* a new zeroed element at the end */

/* Prints the result in the layout of a version to c->out, which says that it is of version label. 0, or -1
 * after cni_fail(). */
int cni_print_result(struct cni *c, const struct cni_result *r, struct str version, struct str label);

/* Reads a result in the layout that the version has. 0, or -1 with Go's message in *why. */
int cni_parse_result(struct cni *c, const struct json *j, const struct json_node *n, struct str version,
	struct cni_result *r, struct str *why);

#endif
