/* Reads Services and EndpointSlices. Each is one block of memory: it is filled twice, the first
 * time without memory, to learn the size. */
#include "netd/objects.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/err.h"
#include "base/json.h"

enum { TEXT_MAX = 254, AFFINITY_DEFAULT_S = 10800, ALIGN = 8 };

/* The block while it is filled; p NULL: only counts. */
struct fill { char *p; size_t used; bool bad; };

static void *take(struct fill *f, size_t n)
{
	void *at = f->p ? f->p + f->used : NULL;

	f->used += (n + ALIGN - 1) / ALIGN * ALIGN;
	return at;
}

/* Letters, digits, '-', '.' and '_': what names, zones and host names are made of. */
static bool is_plain(const char *s)
{
	for (; *s; s++) {
		bool letter = (*s | 0x20) >= 'a' && (*s | 0x20) <= 'z';
		if (!letter && (*s < '0' || *s > '9') && !strchr("-._", *s)) return false;
	}
	return true;
}

static int read_text(const struct json *j, const struct json_node *n, char *out, size_t size)
{
	size_t len;

	*out = 0;
	if (!n || n->type == JSON_NULL) return 0;
	int r = json_string(j, n, out, size, &len);
	return r < 0 ? r : strlen(out) == len && is_plain(out) ? 0 : -EBADMSG;
}

static const char *text(struct fill *f, const struct json *j, const struct json_node *n)
{
	char s[TEXT_MAX];

	if (read_text(j, n, s, sizeof s) < 0) f->bad = true;
	if (f->bad || !*s) return "";
	size_t len = strlen(s) + 1;
	char *p = take(f, len);
	if (p) memcpy(p, s, len);
	return p ? p : "";
}

static uint16_t number(struct fill *f, const struct json *j, const struct json_node *n)
{
	int64_t v = 0;

	if (!n || n->type == JSON_NULL) return 0;
	if (json_int(j, n, &v) < 0 || v < 0 || v > 65535) f->bad = true;
	return f->bad ? 0 : (uint16_t)v;
}

/* The place of the value among the names; without a value 0. */
static uint8_t one_of(struct fill *f, const struct json *j, const struct json_node *n,
	const char *const *names, uint8_t name_n)
{
	if (!n) return 0;
	for (uint8_t i = 0; i < name_n; i++)
		if (json_is(j, n, names[i])) return i;
	f->bad = true;
	return 0;
}

static uint8_t protocol(struct fill *f, const struct json *j, const struct json_node *port)
{
	static const char *const names[SERVICE_PROTOCOLS] = {
		[SERVICE_TCP] = "TCP", [SERVICE_UDP] = "UDP", [SERVICE_SCTP] = "SCTP",
	};

	return one_of(f, j, json_get(j, port, "protocol"), names, SERVICE_PROTOCOLS);
}

static bool read_address(const struct json *j, const struct json_node *n, struct ip *out)
{
	char s[IP_TEXT];

	*out = (struct ip){0};
	return json_string(j, n, s, sizeof s, NULL) == 0 && ip_parse(out, s, strlen(s));
}

static uint32_t count(const struct json_node *list, enum json_type type)
{
	return list && list->type == type ? list->count : 0;
}

int service_parse_name(const struct json *j, const struct json_node *object,
	char namespace_[SERVICE_NAMESPACE], char name[SERVICE_NAME])
{
	const struct json_node *meta = json_get(j, object, "metadata");
	int r = read_text(j, json_get(j, meta, "namespace"), namespace_, SERVICE_NAMESPACE);

	if (!r) r = read_text(j, json_get(j, meta, "name"), name, SERVICE_NAME);
	return r < 0 || !*name ? -EBADMSG : 0;
}

/* ---- Services ---- */

/* Entries that are no addresses are left out: `ingress` may hold host names. */
static const struct ip *addresses(struct fill *f, const struct json *j,
	const struct json_node *list, const char *key, uint16_t *n)
{
	uint32_t all = count(list, JSON_ARRAY);
	struct ip *v = take(f, all * sizeof *v), one;

	*n = 0;
	if (all > UINT16_MAX) f->bad = true;
	for (const struct json_node *e = json_first(j, list); all && !f->bad && e;
		e = json_next(j, e)) {
		if (!read_address(j, key ? json_get(j, e, key) : e, &one)) continue;
		if (v) v[*n] = one;
		++*n;
	}
	return v;
}

static void ports_of(struct fill *f, const struct json *j, const struct json_node *list,
	struct service_object *o)
{
	uint32_t n = count(list, JSON_ARRAY);
	struct service_port *v = take(f, n * sizeof *v);

	if (n > UINT16_MAX) f->bad = true;
	o->ports = v;
	for (const struct json_node *p = json_first(j, list); n && !f->bad && p;
		p = json_next(j, p)) {
		struct service_port port = { .name = text(f, j, json_get(j, p, "name")),
			.port = number(f, j, json_get(j, p, "port")),
			.node_port = number(f, j, json_get(j, p, "nodePort")),
			.protocol = protocol(f, j, p) };
		if (!port.port) f->bad = true;
		if (v) v[o->port_n] = port;
		o->port_n++;
	}
}

static void cluster_addresses(const struct json *j, const struct json_node *spec,
	struct service_object *o)
{
	const struct json_node *first = json_get(j, spec, "clusterIP");
	const struct json_node *list = json_get(j, spec, "clusterIPs");
	size_t n = 0;

	o->headless = json_is(j, first, "None");
	for (const struct json_node *e = json_first(j, list); e && n < 2; e = json_next(j, e))
		n += read_address(j, e, &o->cluster[n]);
	if (!n) read_address(j, first, &o->cluster[0]);
}

static uint8_t type_of(struct fill *f, const struct json *j, const struct json_node *spec)
{
	static const char *const names[SERVICE_TYPES] = {
		[SERVICE_CLUSTER_IP] = "ClusterIP", [SERVICE_NODE_PORT] = "NodePort",
		[SERVICE_LOAD_BALANCER] = "LoadBalancer", [SERVICE_EXTERNAL_NAME] = "ExternalName",
	};

	return one_of(f, j, json_get(j, spec, "type"), names, SERVICE_TYPES);
}

static uint32_t affinity_of(const struct json *j, const struct json_node *spec)
{
	int64_t s = 0;

	if (!json_is(j, json_get(j, spec, "sessionAffinity"), "ClientIP")) return 0;
	json_int(j, json_path(j, spec, "sessionAffinityConfig.clientIP.timeoutSeconds"), &s);
	return s > 0 && s <= 86400 ? (uint32_t)s : AFFINITY_DEFAULT_S;
}

static void fill_service(struct fill *f, const struct json *j, const struct json_node *object)
{
	static const char foreign[] = "service.kubernetes.io/service-proxy-name";
	const struct json_node *meta = json_get(j, object, "metadata");
	const struct json_node *spec = json_get(j, object, "spec"), *labels;
	struct service_object *to = take(f, sizeof *to), o = {0};

	o.namespace_ = text(f, j, json_get(j, meta, "namespace"));
	o.name = text(f, j, json_get(j, meta, "name"));
	o.type = type_of(f, j, spec);
	o.publish_not_ready = json_true(j, json_get(j, spec, "publishNotReadyAddresses"));
	o.internal_local = json_is(j, json_get(j, spec, "internalTrafficPolicy"), "Local");
	o.external_local = json_is(j, json_get(j, spec, "externalTrafficPolicy"), "Local");
	o.classed = json_get(j, spec, "loadBalancerClass") != NULL;
	o.affinity_s = affinity_of(j, spec);
	o.health_port = number(f, j, json_get(j, spec, "healthCheckNodePort"));
	o.external_name = text(f, j, json_get(j, spec, "externalName"));
	o.external = addresses(f, j, json_get(j, spec, "externalIPs"), NULL, &o.external_n);
	o.ingress = addresses(f, j, json_path(j, object, "status.loadBalancer.ingress"), "ip",
		&o.ingress_n);
	cluster_addresses(j, spec, &o);
	ports_of(f, j, json_get(j, spec, "ports"), &o);
	labels = json_get(j, meta, "labels");
	for (labels = json_first(j, labels); labels; labels = json_next(j, labels))
		if (json_key_is(j, labels, foreign)) o.foreign = true;
	if (to) *to = o;
}

/* ---- EndpointSlices ---- */

static const char *const *hint_list(struct fill *f, const struct json *j,
	const struct json_node *list)
{
	uint32_t n = count(list, JSON_ARRAY), i = 0;
	const char **v = take(f, (n + 1) * sizeof *v);

	for (const struct json_node *e = json_first(j, list); n && !f->bad && e;
		e = json_next(j, e)) {
		const char *s = text(f, j, json_get(j, e, "name"));
		if (v) v[i] = s;
		i++;
	}
	if (v) v[i] = NULL;
	return v;
}

static const struct service_hints *hints_of(struct fill *f, const struct json *j,
	const struct json_node *n)
{
	if (!count(n, JSON_OBJECT)) return NULL;
	struct service_hints *h = take(f, sizeof *h);
	const char *const *zones = hint_list(f, j, json_get(j, n, "forZones"));
	const char *const *nodes = hint_list(f, j, json_get(j, n, "forNodes"));

	if (h) *h = (struct service_hints){ zones, nodes };
	return h;
}

/* A condition that is not given counts as `otherwise` (EndpointConditions in discovery/v1). */
static bool condition(const struct json *j, const struct json_node *conditions, const char *name,
	bool otherwise)
{
	const struct json_node *n = json_get(j, conditions, name);
	return n && n->type == JSON_BOOL ? json_true(j, n) : otherwise;
}

static bool same_text(const struct json *j, const struct json_node *a, const struct json_node *b)
{
	return a && b && a->end - a->start == b->end - b->start &&
		!memcmp(j->text + a->start, j->text + b->start, a->end - a->start);
}

/* A text that is mostly the same for all endpoints: kept once. */
struct repeated { const struct json_node *node; const char *text; };

static const char *repeated_text(struct fill *f, const struct json *j, const struct json_node *n,
	struct repeated *last)
{
	if (!same_text(j, n, last->node)) *last = (struct repeated){ n, text(f, j, n) };
	return last->text;
}

static void fill_endpoints(struct fill *f, const struct json *j, const struct json_node *list,
	struct service_slice *o)
{
	uint32_t n = count(list, JSON_ARRAY);
	struct service_endpoint *v = take(f, n * sizeof *v);
	struct repeated node = {0}, zone = {0};

	o->endpoints = v;
	for (const struct json_node *e = json_first(j, list); n && !f->bad && e;
		e = json_next(j, e)) {
		const struct json_node *c = json_get(j, e, "conditions");
		struct service_endpoint to = {0};
		if (!read_address(j, json_first(j, json_get(j, e, "addresses")), &to.address) ||
			to.address.len != o->family)
			continue;
		to.conditions = (condition(j, c, "ready", true) ? SERVICE_READY : 0) |
			(condition(j, c, "serving", true) ? SERVICE_SERVING : 0) |
			(condition(j, c, "terminating", false) ? SERVICE_TERMINATING : 0);
		to.hostname = text(f, j, json_get(j, e, "hostname"));
		to.node = repeated_text(f, j, json_get(j, e, "nodeName"), &node);
		to.zone = repeated_text(f, j, json_get(j, e, "zone"), &zone);
		to.hints = hints_of(f, j, json_get(j, e, "hints"));
		if (v) v[o->endpoint_n] = to;
		o->endpoint_n++;
	}
}

static void fill_slice_ports(struct fill *f, const struct json *j, const struct json_node *list,
	struct service_slice *o)
{
	uint32_t n = count(list, JSON_ARRAY);
	struct service_slice_port *v = take(f, n * sizeof *v);

	o->ports = v;
	for (const struct json_node *p = json_first(j, list); n && !f->bad && p;
		p = json_next(j, p)) {
		struct service_slice_port port = { .name = text(f, j, json_get(j, p, "name")),
			.port = number(f, j, json_get(j, p, "port")),
			.protocol = protocol(f, j, p) };
		if (v) v[o->port_n] = port;
		o->port_n++;
	}
}

static const struct json_node *service_label(const struct json *j, const struct json_node *meta)
{
	return json_get(j, json_get(j, meta, "labels"), "kubernetes.io/service-name");
}

static void fill_slice(struct fill *f, const struct json *j, const struct json_node *object)
{
	const struct json_node *meta = json_get(j, object, "metadata");
	const struct json_node *type = json_get(j, object, "addressType");
	struct service_slice *to = take(f, sizeof *to), o = {0};

	o.namespace_ = text(f, j, json_get(j, meta, "namespace"));
	o.name = text(f, j, json_get(j, meta, "name"));
	o.service = text(f, j, service_label(j, meta));
	o.family = json_is(j, type, "IPv4") ? 4 : json_is(j, type, "IPv6") ? 16 : 0;
	fill_slice_ports(f, j, json_get(j, object, "ports"), &o);
	/* Host names of type FQDN are not connected to by anything; the slice counts as empty. */
	if (o.family) fill_endpoints(f, j, json_get(j, object, "endpoints"), &o);
	if (to) *to = o;
}

/* ---- both ---- */

static void *fill_twice(const struct json *j, const struct json_node *object, const char *kind,
	void (*fill)(struct fill *f, const struct json *j, const struct json_node *object),
	struct err *e)
{
	char namespace_[SERVICE_NAMESPACE], name[SERVICE_NAME];
	struct fill f = {0};

	if (service_parse_name(j, object, namespace_, name) < 0 || !*namespace_) {
		err_set(e, -EBADMSG, "a %s without a name", kind);
		return NULL;
	}
	fill(&f, j, object);
	if (!f.bad) f = (struct fill){ .p = malloc(f.used) };
	if (f.p) fill(&f, j, object);
	else err_set(e, -EBADMSG, "%s %s/%s: %s", kind, namespace_, name,
		f.bad ? "a field has no valid value" : "out of memory");
	return f.p;
}

struct service_object *service_parse(const struct json *j, const struct json_node *object,
	struct err *e)
{
	return fill_twice(j, object, "Service", fill_service, e);
}

struct service_slice *service_slice_parse(const struct json *j, const struct json_node *object,
	struct err *e)
{
	return fill_twice(j, object, "EndpointSlice", fill_slice, e);
}
