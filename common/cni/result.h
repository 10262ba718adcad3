/* Results of ADD: read from and printed in the layout of every version of the specification. */
#ifndef K3SBOX_CNI_RESULT_H
#define K3SBOX_CNI_RESULT_H

#include "cni/plugin.h"
#include "net/ip.h"

struct cni_interface { struct str name, mac, sandbox, socket_path, pci_id; int64_t mtu; };
struct cni_ip { struct str version; int64_t *interface; struct cidr address; struct ip gateway; };
struct cni_route { struct cidr dst; struct ip gw; int64_t mtu, advmss, priority, *table, *scope; };
struct cni_dns { struct slice nameservers; struct str domain; struct slice search, options; };

/* 0.2.0: the address of one family; its routes may be of any. */
struct cni_ip02 { struct cidr ip; struct ip gateway; struct slice routes; };

/* The results of all versions in one. One that was read keeps what only its own version has, and
 * is printed unchanged in that version. */
struct cni_result {
	enum { CNI_RESULT_100, CNI_RESULT_040, CNI_RESULT_020 } read_as;
	struct cni_ip02 *ip4, *ip6;    /* read as 0.2.0: also in ips and routes */
	struct slice interfaces;       /* struct cni_interface *, NULL: null */
	struct slice ips;              /* struct cni_ip *, the same */
	struct slice routes;           /* struct cni_route *, the same */
	struct cni_dns dns;
};

extern const struct go_type cni_routes_type, cni_dns_type, cni_ipnet_type, cni_net_ip_type;

/* A new zeroed element of this size, at the end of a slice of pointers. */
void *cni_append(struct cni *c, struct slice *pointers, size_t size);

/* Prints the result to c->out in the layout of a version, with label as its cniVersion. 0, or -1
 * after cni_fail(). */
int cni_print_result(struct cni *c, const struct cni_result *r, struct str version,
	struct str label);

/* Reads a result in the layout of the version. 0, or -1 with Go's message in *why (see
 * go_decode()). */
int cni_parse_result(struct cni *c, const struct json *j, const struct json_node *n,
	struct str version,
	struct cni_result *r, struct str *why);

#endif
