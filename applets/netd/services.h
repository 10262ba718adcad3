/* The Services and EndpointSlices of the cluster, as the watch (reflector.h) has delivered them,
 * and look-ups in them. Pure: no I/O. Objects do not change once they are here: a new version
 * replaces the old one as a whole, so between two events a Service is either old or new. Pointers
 * into the store are valid until the next services_put_…(), _remove() or _sweep(); names are lower
 * case, as the API demands. */
#ifndef K3SBOX_NETD_SERVICES_H
#define K3SBOX_NETD_SERVICES_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "netd/balance.h"
#include "netd/objects.h"
#include "netd/policy.h"

/* A Service with the slices of its endpoints. Either may be there first. */
struct service;
struct services;

/* NULL if it is not there, or only slices of it are. The names need no NUL. */
const struct service *services_find(const struct services *s, const char *namespace_,
	size_t namespace_n, const char *name, size_t name_n);
bool services_has_namespace(const struct services *s, const char *namespace_, size_t n);

/* The Service that has this ClusterIP. */
const struct service *services_with_cluster_ip(struct services *s, const struct ip *address);

/* The i-th Service (i = 0, 1, …) that has an endpoint with this address, and that endpoint; NULL:
 * there are no more. */
const struct service *services_with_endpoint(struct services *s, const struct ip *address, size_t i,
	const struct service_endpoint **endpoint);

const struct service_object *service_object(const struct service *s);

/* The slices of a Service: for (sl = service_slice(s, 0); sl; sl = service_slice(s, ++i)). An
 * endpoint may be in more than one of them, for instance while it moves. */
const struct service_slice *service_slice(const struct service *s, size_t i);

/* This node's name; "": it is not known yet, and the node not eligible. */
const char *services_node(const struct services *s);
bool services_node_is_eligible(const struct services *s);

/* Has the first list of Services and EndpointSlices been read? Until then the store knows little,
 * and "not found" means nothing. */
bool services_complete(const struct services *s);

/* ---- for the proxy ---- */

/* An address on which a Service is reached. */
enum service_front_kind {
	SERVICE_FRONT_CLUSTER,     /* a ClusterIP */
	SERVICE_FRONT_EXTERNAL,    /* an external IP, or a load balancer's */
	SERVICE_FRONT_NODE,        /* a node port; the address is {0} */
};

struct service_front {
	struct endpoint at;
	uint8_t protocol, kind;    /* enum service_protocol, enum service_front_kind */
	uint16_t port;             /* its place among the Service's ports */
	struct service *service;
};

/* The front at this address; for node ports with no address. NULL: none. */
const struct service_front *services_at(struct services *s, const struct endpoint *at,
	enum service_protocol protocol);

/* The i-th of all fronts, in no order; NULL behind the last. */
const struct service_front *services_front(struct services *s, size_t i);

/* The endpoints of one port of a Service whose addresses are of this family (4 or 16), ordered by
 * address, each once. `use` of them is set. */
struct service_backends {
	uint32_t n, used[2];       /* all; for Cluster, for Local */
	uint32_t turn;             /* whose turn is next; the caller may change it */
	bool any;                  /* one could be used, if only from other nodes */
	struct balance_backend v[];
};
struct service_backends *service_backends(struct services *s, const struct service_front *front,
	uint8_t family);

/* ---- for the watch ---- */

enum service_kind { SERVICE_KIND_SERVICE, SERVICE_KIND_SLICE, SERVICE_KINDS };

/* The caller frees it with services_free(). Dies when memory is out, as all that adds. */
struct services *services_new(void);
void services_free(struct services *s);

/* Take over the object, which replaces an older one of the same name. */
void services_put_service(struct services *s, struct service_object *o);
void services_put_slice(struct services *s, struct service_slice *o);
void services_remove(struct services *s, enum service_kind kind, const char *namespace_,
	const char *name);

/* A list replaces all of a kind: what no services_put_…() has named between these two goes. */
void services_begin(struct services *s, enum service_kind kind);
void services_sweep(struct services *s, enum service_kind kind);

/* This node's name and zone; "" if it has none. eligible: load balancers may use it. */
void services_set_node(struct services *s, const char *name, const char *zone, bool eligible);

/* Grows with each change. */
uint64_t services_version(const struct services *s);

#endif
