/* What netd keeps of Services and EndpointSlices, and how that is read from their JSON. Pure. */
#ifndef K3SBOX_NETD_OBJECTS_H
#define K3SBOX_NETD_OBJECTS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "net/ip.h"

struct err;
struct json;
struct json_node;

enum service_protocol { SERVICE_TCP, SERVICE_UDP, SERVICE_SCTP, SERVICE_PROTOCOLS };

enum service_type {
	SERVICE_CLUSTER_IP, SERVICE_NODE_PORT, SERVICE_LOAD_BALANCER, SERVICE_EXTERNAL_NAME,
	SERVICE_TYPES,
};

struct service_port {
	const char *name;          /* "" if it has none */
	uint16_t port, node_port;  /* node_port 0: none */
	uint8_t protocol;          /* enum service_protocol */
};

/* One version of a Service object; one block of memory. */
struct service_object {
	const char *namespace_, *name;
	uint8_t type;              /* enum service_type */
	bool headless;             /* clusterIP: None */
	bool foreign;              /* another proxy's (label service-proxy-name), for DNS only */
	bool publish_not_ready, internal_local, external_local;
	bool classed;              /* its load balancer is another controller's */
	uint32_t affinity_s;       /* ClientIP affinity's time-out; 0: no affinity */
	uint16_t health_port;      /* healthCheckNodePort; 0: none */
	const char *external_name; /* "" unless SERVICE_EXTERNAL_NAME */
	struct ip cluster[2];      /* .len 0: none */
	const struct ip *external, *ingress;   /* externalIPs; status.loadBalancer's */
	const struct service_port *ports;
	uint16_t external_n, ingress_n, port_n;
};

enum service_condition {
	SERVICE_READY = 1 << 0, SERVICE_SERVING = 1 << 1, SERVICE_TERMINATING = 1 << 2,
};

/* NULL-terminated lists; an empty one has no element. */
struct service_hints { const char *const *zones, *const *nodes; };

struct service_endpoint {
	struct ip address;         /* the first one, which alone has a meaning (EndpointSlice v1) */
	uint8_t conditions;        /* enum service_condition */
	const char *hostname, *node, *zone;    /* "" if not given */
	const struct service_hints *hints;     /* NULL: none */
};

struct service_slice_port {
	const char *name;          /* joins it with the Service's port; "" if it has none */
	uint16_t port;             /* 0: not given */
	uint8_t protocol;
};

/* One version of an EndpointSlice object; one block of memory. */
struct service_slice {
	const char *namespace_, *name;
	const char *service;       /* label kubernetes.io/service-name */
	uint8_t family;            /* length of its addresses: 4 or 16 */
	const struct service_slice_port *ports;
	const struct service_endpoint *endpoints;
	uint32_t port_n, endpoint_n;
};

/* From the JSON object of kind Service or EndpointSlice (discovery.k8s.io/v1): malloc()ed, for
 * free(3). NULL with the reason in e, which names the object where it has a name: what the API
 * server would not have let pass is not read half. Endpoints whose address does not fit the slice's
 * family are left out. */
struct service_object *service_parse(const struct json *j, const struct json_node *object,
	struct err *e);
struct service_slice *service_slice_parse(const struct json *j, const struct json_node *object,
	struct err *e);

/* metadata.namespace and .name alone. 0 or -EBADMSG. */
enum { SERVICE_NAMESPACE = 64, SERVICE_NAME = 254 };
int service_parse_name(const struct json *j, const struct json_node *object,
	char namespace_[SERVICE_NAMESPACE], char name[SERVICE_NAME]);

#endif
