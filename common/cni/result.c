/* Reads results as containernetworking/cni does: pkg/types/020, 040 and 100 as tables. */
#include <errno.h>
#include <string.h>

#include "cni/result.h"

/* ---- types that parse themselves ---- */

static int ipnet_json(struct go_decoder *d, void *v, const struct json_node *n)
{
	struct str s = {0};

	if (go_nested(d, n, &go_string, &s) < 0) return -1;
	return cidr_parse(v, s.s ? s.s : "", s.n) ? 0
		: go_fail(d, "invalid CIDR address: %s", s.s, s.n);
}

static int net_ip_text(struct go_decoder *d, void *v, const char *s, size_t n)
{
	*(struct ip *)v = (struct ip){0};
	return !n || ip_parse(v, s, n) ? 0 : go_fail(d, "invalid IP address: %s", s, n);
}

const struct go_type cni_ipnet_type = { .kind = GO_JSON, .name = "types.IPNet",
	.size = sizeof(struct cidr), .json = ipnet_json };
const struct go_type cni_net_ip_type = {
	.kind = GO_TEXT, .name = "net.IP", .size = sizeof(struct ip), .text = net_ip_text,
	.null_clears = true,
};

/* ---- members, in the order of upstream's structs ---- */

const struct go_type cni_dns_type = {
	.kind = GO_STRUCT, .name = "types.DNS", .bare = "DNS", .size = sizeof(struct cni_dns),
	.fields = (const struct go_field[]){
		GO_FIELD(cni_dns, "nameservers", nameservers, &go_strings),
		GO_FIELD(cni_dns, "domain", domain, &go_string),
		GO_FIELD(cni_dns, "search", search, &go_strings),
		GO_FIELD(cni_dns, "options", options, &go_strings),
		{ 0 },
	},
};

static const struct go_type route_plain = {
	.kind = GO_STRUCT, .name = "types.route", .bare = "route", .size = sizeof(struct cni_route),
	.fields = (const struct go_field[]){
		GO_FIELD(cni_route, "dst", dst, &cni_ipnet_type),
		GO_FIELD(cni_route, "gw", gw, &cni_net_ip_type),
		GO_FIELD(cni_route, "mtu", mtu, &go_int, .newer = true),
		GO_FIELD(cni_route, "advmss", advmss, &go_int, .newer = true),
		GO_FIELD(cni_route, "priority", priority, &go_int, .newer = true),
		GO_FIELD(cni_route, "table", table, &go_int_pointer, .newer = true),
		GO_FIELD(cni_route, "scope", scope, &go_int_pointer, .newer = true),
		{ 0 },
	},
};

static const struct go_type interface_type = {
	.kind = GO_STRUCT, .name = "types100.Interface", .bare = "Interface",
	.size = sizeof(struct cni_interface),
	.fields = (const struct go_field[]){
		GO_FIELD(cni_interface, "name", name, &go_string),
		GO_FIELD(cni_interface, "mac", mac, &go_string),
		GO_FIELD(cni_interface, "mtu", mtu, &go_int, .newer = true),
		GO_FIELD(cni_interface, "sandbox", sandbox, &go_string),
		GO_FIELD(cni_interface, "socketPath", socket_path, &go_string, .newer = true),
		GO_FIELD(cni_interface, "pciID", pci_id, &go_string, .newer = true),
		{ 0 },
	},
};

static const struct go_type ip04_plain = {
	.kind = GO_STRUCT, .name = "types040.ipConfig", .bare = "ipConfig",
	.size = sizeof(struct cni_ip),
	.fields = (const struct go_field[]){
		GO_FIELD(cni_ip, "version", version, &go_string),
		GO_FIELD(cni_ip, "interface", interface, &go_int_pointer),
		GO_FIELD(cni_ip, "address", address, &cni_ipnet_type),
		GO_FIELD(cni_ip, "gateway", gateway, &cni_net_ip_type),
		{ 0 },
	},
};

static const struct go_type ip_plain = {
	.kind = GO_STRUCT, .name = "types100.ipConfig", .bare = "ipConfig",
	.size = sizeof(struct cni_ip),
	.fields = (const struct go_field[]){
		GO_FIELD(cni_ip, "interface", interface, &go_int_pointer),
		GO_FIELD(cni_ip, "address", address, &cni_ipnet_type),
		GO_FIELD(cni_ip, "gateway", gateway, &cni_net_ip_type),
		{ 0 },
	},
};

/* Types whose UnmarshalJSON decodes a copy of the type and takes everything from it. */
static int replace_by(struct go_decoder *d, void *v, const struct json_node *n,
	const struct go_type *twin)
{
	void *fresh = arena_alloc(go_arena(d), twin->size);
	if (go_nested(d, n, twin, fresh) < 0) return -1;
	memcpy(v, fresh, twin->size);
	return 0;
}

static int route_json(struct go_decoder *d, void *v, const struct json_node *n)
{
	return replace_by(d, v, n, &route_plain);
}

static int ip_json(struct go_decoder *d, void *v, const struct json_node *n)
{
	return replace_by(d, v, n, &ip_plain);
}

static int ip04_json(struct go_decoder *d, void *v, const struct json_node *n)
{
	return replace_by(d, v, n, &ip04_plain);
}

static const struct go_type route_type = {
	.kind = GO_JSON, .name = "types.Route", .size = sizeof(struct cni_route),
	.json = route_json,
};
static const struct go_type route_pointer = {
	.kind = GO_POINTER, .name = "*types.Route", .size = sizeof(void *), .elem = &route_type,
};
const struct go_type cni_routes_type = {
	.kind = GO_SLICE, .name = "[]*types.Route", .size = sizeof(struct slice),
	.elem = &route_pointer,
};
static const struct go_type interfaces_type = {
	.kind = GO_SLICE, .name = "[]*types100.Interface", .size = sizeof(struct slice),
	.elem = &(const struct go_type){
		.kind = GO_POINTER, .name = "*types100.Interface", .size = sizeof(void *),
		.elem = &interface_type,
	},
};
static const struct go_type ip_type = {
	.kind = GO_JSON, .name = "types100.IPConfig", .size = sizeof(struct cni_ip),
	.json = ip_json,
};
static const struct go_type ips_type = {
	.kind = GO_SLICE, .name = "[]*types100.IPConfig", .size = sizeof(struct slice),
	.elem = &(const struct go_type){
		.kind = GO_POINTER, .name = "*types100.IPConfig", .size = sizeof(void *),
		.elem = &ip_type,
	},
};

static const struct go_type ip04_type = {
	.kind = GO_JSON, .name = "types040.IPConfig", .size = sizeof(struct cni_ip),
	.json = ip04_json,
};
static const struct go_type ips04_type = {
	.kind = GO_SLICE, .name = "[]*types040.IPConfig", .size = sizeof(struct slice),
	.elem = &(const struct go_type){
		.kind = GO_POINTER, .name = "*types040.IPConfig", .size = sizeof(void *),
		.elem = &ip04_type,
	},
};

/* The results of all generations in one: members that a version does not have stay empty. */
struct wire_result {
	struct str version;
	struct cni_result r;
};

static const struct go_type result_type = {
	.kind = GO_STRUCT, .name = "types100.Result", .bare = "Result",
	.size = sizeof(struct wire_result),
	.fields = (const struct go_field[]){
		GO_FIELD(wire_result, "cniVersion", version, &go_string),
		GO_FIELD(wire_result, "interfaces", r.interfaces, &interfaces_type),
		GO_FIELD(wire_result, "ips", r.ips, &ips_type),
		GO_FIELD(wire_result, "routes", r.routes, &cni_routes_type),
		GO_FIELD(wire_result, "dns", r.dns, &cni_dns_type),
		{ 0 },
	},
};

static const struct go_type result04_type = {
	.kind = GO_STRUCT, .name = "types040.Result", .bare = "Result",
	.size = sizeof(struct wire_result),
	.fields = (const struct go_field[]){
		GO_FIELD(wire_result, "cniVersion", version, &go_string),
		GO_FIELD(wire_result, "interfaces", r.interfaces, &interfaces_type),
		GO_FIELD(wire_result, "ips", r.ips, &ips04_type),
		GO_FIELD(wire_result, "routes", r.routes, &cni_routes_type),
		GO_FIELD(wire_result, "dns", r.dns, &cni_dns_type),
		{ 0 },
	},
};

static const struct go_type ip02_plain = {
	.kind = GO_STRUCT, .name = "types020.ipConfig", .bare = "ipConfig",
	.size = sizeof(struct cni_ip02),
	.fields = (const struct go_field[]){
		GO_FIELD(cni_ip02, "ip", ip, &cni_ipnet_type),
		GO_FIELD(cni_ip02, "gateway", gateway, &cni_net_ip_type),
		GO_FIELD(cni_ip02, "routes", routes, &cni_routes_type),
		{ 0 },
	},
};

static int ip02_json(struct go_decoder *d, void *v, const struct json_node *n)
{
	return replace_by(d, v, n, &ip02_plain);
}

static const struct go_type ip02_pointer = {
	.kind = GO_POINTER, .name = "*types020.IPConfig", .size = sizeof(void *),
	.elem = &(const struct go_type){
		.kind = GO_JSON, .name = "types020.IPConfig", .size = sizeof(struct cni_ip02),
		.json = ip02_json,
	},
};

static const struct go_type result02_type = {
	.kind = GO_STRUCT, .name = "types020.Result", .bare = "Result",
	.size = sizeof(struct wire_result),
	.fields = (const struct go_field[]){
		GO_FIELD(wire_result, "cniVersion", version, &go_string),
		GO_FIELD(wire_result, "ip4", r.ip4, &ip02_pointer),
		GO_FIELD(wire_result, "ip6", r.ip6, &ip02_pointer),
		GO_FIELD(wire_result, "dns", r.dns, &cni_dns_type),
		{ 0 },
	},
};

void *cni_append(struct cni *c, struct slice *l, size_t size)
{
	void **p = go_slice_add(&c->arena, l, sizeof *p);
	return *p = arena_alloc(&c->arena, size);
}

static void take_02(struct cni *c, struct cni_result *r, const struct cni_ip02 *ip)
{
	if (!ip) return;
	struct cni_ip *to = cni_append(c, &r->ips, sizeof *to);
	to->address = ip->ip;
	to->gateway = ip->gateway;
	for (size_t i = 0; i < ip->routes.n; i++) {
		const struct cni_route *from = ((struct cni_route **)ip->routes.v)[i];
		if (from) *(struct cni_route *)cni_append(c, &r->routes, sizeof *from) = *from;
	}
}

/* One of the words of "[a b c]"? */
static bool is_listed(const char *list, struct str v)
{
	for (const char *p = list + 1; *p; p += strcspn(p, " ]"), p += *p != 0)
		if (strcspn(p, " ]") == v.n && !memcmp(p, v.s, v.n)) return true;
	return false;
}

int cni_parse_result(struct cni *c, const struct json *j, const struct json_node *n,
	struct str version,
	struct cni_result *r, struct str *why)
{
	static const struct { const struct go_type *type; const char *versions; } generations[] = {
		[CNI_RESULT_100] = { &result_type, "[1.0.0 1.1.0]" },
		[CNI_RESULT_040] = { &result04_type, "[0.3.0 0.3.1 0.4.0]" },
		[CNI_RESULT_020] = { &result02_type, "[ 0.1.0 0.2.0]" },
	};
	struct wire_result w = {0};

	w.r.read_as = cni_version_at_least(version, "1.0.0") ? CNI_RESULT_100
		: cni_version_at_least(version, "0.3.0") ? CNI_RESULT_040 : CNI_RESULT_020;
	if (go_decode(j, n, generations[w.r.read_as].type, &w, &c->arena, c->compat == CNI_111,
		why) < 0)
		return -1;
	const char *list = c->compat == CNI_111 && w.r.read_as == CNI_RESULT_100 ? "[1.0.0]"
		: generations[w.r.read_as].versions;
	/* ParsePrevResult sets a missing version to the configuration's. */
	if (json_get(j, n, "cniVersion") && !is_listed(list, w.version)) {
		_cleanup_buf_ struct buf shown = {0};
		go_quote(&shown, w.version.s, w.version.n);
		why->s = arena_printf(&c->arena,
			"result type supports %s but unmarshalled CNIVersion is %s", list,
			shown.data);
		why->n = strlen(why->s);
		return -1;
	}
	*r = w.r;
	take_02(c, r, r->ip4);
	take_02(c, r, r->ip6);
	return 0;
}
