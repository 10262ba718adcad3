/* Reads and checks the configuration, as upstream's
 * plugins/ipam/host-local/backend/allocator/config.go. */
#include <stddef.h>
#include <string.h>
#include <strings.h>

#include "base/buf.h"
#include "base/err.h"
#include "host_local/host_local.h"

/* ---- the JSON ---- */

struct config_ipam {
	struct hl_range range;         /* the old form: one subnet in ipam itself */
	struct str name, type, data_dir, resolv_conf;
	struct slice routes;
	struct slice sets;             /* of slices of struct hl_range */
};

struct config_args { struct slice ips; };   /* struct ip * */

struct config_net {
	struct str name, version;
	struct config_ipam *ipam;
	struct { struct slice sets, ips; } runtime;
	struct { struct config_args *cni; } *args;
};

/* ip.IP of upstream's pkg/ip: an address with or without a prefix, which is ignored. */
static int any_ip_text(struct go_decoder *d, void *v, const char *s, size_t n)
{
	struct cidr c = {0};

	if (n && memchr(s, '/', n)) cidr_parse(&c, s, n);
	else if (n) ip_parse(&c.addr, s, n);
	*(struct ip *)v = c.addr;
	return !n || c.addr.len ? 0 : go_fail(d, "invalid IP address %s", s, n);
}

static const struct go_type range_type = {
	.kind = GO_STRUCT, .name = "allocator.Range", .bare = "Range",
	.size = sizeof(struct hl_range),
	.fields = (const struct go_field[]){
		GO_FIELD(hl_range, "rangeStart", start, &cni_net_ip_type),
		GO_FIELD(hl_range, "rangeEnd", end, &cni_net_ip_type),
		GO_FIELD(hl_range, "subnet", subnet, &cni_ipnet_type),
		GO_FIELD(hl_range, "gateway", gateway, &cni_net_ip_type),
		{ 0 },
	},
};
static const struct go_type set_type = {
	.kind = GO_SLICE, .name = "allocator.RangeSet", .size = sizeof(struct slice),
	.elem = &range_type,
};
static const struct go_type sets_type = {
	.kind = GO_SLICE, .name = "[]allocator.RangeSet", .size = sizeof(struct slice),
	.elem = &set_type,
};
static const struct go_type any_ip_pointer = {
	.kind = GO_POINTER, .name = "*ip.IP", .size = sizeof(void *),
	.elem = &(const struct go_type){ .kind = GO_TEXT, .name = "ip.IP",
	.size = sizeof(struct ip), .text = any_ip_text },
};
static const struct go_type any_ips_type = {
	.kind = GO_SLICE, .name = "[]*ip.IP", .size = sizeof(struct slice), .elem = &any_ip_pointer,
};

static const struct go_type ipam_type = {
	.kind = GO_STRUCT, .name = "allocator.IPAMConfig", .bare = "IPAMConfig",
	.size = sizeof(struct config_ipam),
	.fields = (const struct go_field[]){
		GO_FIELD(config_ipam, "rangeStart", range.start, &cni_net_ip_type,
			.embedded = "Range"),
		GO_FIELD(config_ipam, "rangeEnd", range.end, &cni_net_ip_type, .embedded = "Range"),
		GO_FIELD(config_ipam, "subnet", range.subnet, &cni_ipnet_type, .embedded = "Range"),
		GO_FIELD(config_ipam, "gateway", range.gateway, &cni_net_ip_type,
			.embedded = "Range"),
		GO_FIELD(config_ipam, "Name", name, &go_string),
		GO_FIELD(config_ipam, "type", type, &go_string),
		GO_FIELD(config_ipam, "routes", routes, &cni_routes_type),
		GO_FIELD(config_ipam, "dataDir", data_dir, &go_string),
		GO_FIELD(config_ipam, "resolvConf", resolv_conf, &go_string),
		GO_FIELD(config_ipam, "ranges", sets, &sets_type),
		{ 0 },
	},
};

static const struct go_type runtime_type = {
	.kind = GO_STRUCT, .bare = "", .size = sizeof ((struct config_net *)0)->runtime,
	.name = "struct { IPRanges []allocator.RangeSet \"json:\\\"ipRanges,omitempty\\\"\"; "
		"IPs []*ip.IP \"json:\\\"ips,omitempty\\\"\" }",
	.fields = (const struct go_field[]){
		{ .name = "ipRanges", .offset = 0, .type = &sets_type },
		{ .name = "ips", .offset = sizeof(struct slice), .type = &any_ips_type },
		{ 0 },
	},
};
static const struct go_type wire_args_type = {
	.kind = GO_STRUCT, .name = "allocator.IPAMArgs", .bare = "IPAMArgs",
	.size = sizeof(struct config_args),
	.fields = (const struct go_field[]){
		GO_FIELD(config_args, "ips", ips, &any_ips_type),
		{ 0 },
	},
};
static const struct go_type args_type = {
	.kind = GO_STRUCT, .name = "struct { A *allocator.IPAMArgs \"json:\\\"cni\\\"\" }",
	.bare = "", .size = sizeof(void *),
	.fields = (const struct go_field[]){
		{ .name = "cni", .offset = 0, .type = &(const struct go_type){
			.kind = GO_POINTER, .name = "*allocator.IPAMArgs", .size = sizeof(void *),
			.elem = &wire_args_type } },
		{ 0 },
	},
};

static const struct go_type net_type = {
	.kind = GO_STRUCT, .name = "allocator.Net", .bare = "Net",
	.size = sizeof(struct config_net),
	.fields = (const struct go_field[]){
		GO_FIELD(config_net, "name", name, &go_string),
		GO_FIELD(config_net, "cniVersion", version, &go_string),
		GO_FIELD(config_net, "ipam", ipam, &(const struct go_type){
			.kind = GO_POINTER, .name = "*allocator.IPAMConfig", .size = sizeof(void *),
			.elem = &ipam_type }),
		GO_FIELD(config_net, "runtimeConfig", runtime, &runtime_type),
		GO_FIELD(config_net, "args", args, &(const struct go_type){
			.kind = GO_POINTER, .name = "*struct", .size = sizeof(void *),
			.elem = &args_type }),
		{ 0 },
	},
};

/* ---- CNI_ARGS: "K=V;K2=V2" into the fields of a Go struct (cni/pkg/types/args.go) ---- */

static int fail_quoted(struct cni *c, const char *before, const char *s, size_t n,
	const char *after, struct str rest)
{
	_cleanup_buf_ struct buf b = {0};

	buf_puts(&b, before);
	go_quote(&b, s, n);
	buf_puts(&b, after);
	buf_add(&b, rest.s, rest.n);
	return cni_fail_str(c, CNI_INTERNAL, "", (struct str){ b.data, b.len });
}

static int set_ignore(struct cni *c, const char *pair, size_t n, struct str v, bool *ignore)
{
	char *lower = arena_copy(&c->arena, v.s, v.n);

	for (char *p = lower; *p; p++)
		if (*p >= 'A' && *p <= 'Z') *p |= 32;
	if (!strcmp(lower, "1") || !strcmp(lower, "true")) *ignore = true;
	else if (!strcmp(lower, "0") || !strcmp(lower, "false")) *ignore = false;
	else return fail_quoted(c, "ARGS: error parsing value of pair ", pair, n,
		": boolean unmarshal error: invalid input ", (struct str){ lower, v.n });
	return 0;
}

static int set_ip(struct cni *c, const char *pair, size_t n, struct str v, struct ip *out)
{
	struct cidr with_prefix = {0};

	*out = (struct ip){0};
	if (!v.n) return 0;
	if (memchr(v.s, '/', v.n) ? cidr_parse(&with_prefix, v.s, v.n)
		: ip_parse(&with_prefix.addr, v.s, v.n)) {
		*out = with_prefix.addr;
		return 0;
	}
	return fail_quoted(c, "ARGS: error parsing value of pair ", pair, n,
		": invalid IP address ", v);
}

static bool is(const char *s, size_t n, const char *word)
{
	return n == strlen(word) && !memcmp(s, word, n);
}

static int load_args(struct cni *c, struct ip *wanted)
{
	_cleanup_buf_ struct buf unknown = {0};
	bool ignore = false, more = *c->args;

	for (const char *pair = c->args; more; pair++) {
		size_t n = strcspn(pair, ";");
		const char *eq = memchr(pair, '=', n);
		if (!eq || memchr(eq + 1, '=', (size_t)(pair + n - eq - 1)))
			return fail_quoted(c, "ARGS: invalid pair ", pair, n, "", (struct str){0});
		size_t k = (size_t)(eq - pair);
		struct str v = { eq + 1, n - k - 1 };
		if (is(pair, k, "IP")) {
			if (set_ip(c, pair, n, v, wanted) < 0) return -1;
		} else if (is(pair, k, "IgnoreUnknown")) {
			if (set_ignore(c, pair, n, v, &ignore) < 0) return -1;
		} else if (is(pair, k, "CommonArgs")) {
			return cni_fail(c, CNI_INTERNAL, "ARGS: cannot unmarshal into field "
				"'CommonArgs' - type '*types.CommonArgs' does not implement "
				"encoding.TextUnmarshaler");
		} else {
			if (unknown.len) buf_putc(&unknown, ' ');
			go_quote(&unknown, pair, n);
		}
		more = pair[n];
		pair += n;
	}
	if (!unknown.len || ignore) return 0;
	return cni_fail(c, CNI_INTERNAL, "ARGS: unknown args [%s]", unknown.data);
}

/* ---- putting it together ---- */

int hl_check_path(struct cni *c, const char *op, struct str path)
{
	if (!memchr(path.s, 0, path.n)) return 0;
	cni_fail_str(c, CNI_INTERNAL, op, path);
	buf_puts(&c->msg, ": invalid argument");
	return -1;
}

static int want(struct cni *c, struct hl_conf *conf, const struct ip *a)
{
	/* A null in the list, at which upstream crashes, counts as an empty string. */
	if (!a || !a->len)
		return cni_fail(c, CNI_INTERNAL, "cannot understand ip: IP <nil> not v4 nor v6");
	for (size_t i = 0; i < conf->wanted_count; i++)
		if (!ip_cmp(&conf->wanted[i], a)) return 0;
	conf->wanted[conf->wanted_count++] = *a;
	return 0;
}

static int collect_wanted(struct cni *c, const struct config_net *w, struct hl_conf *conf)
{
	const struct slice none = {0};
	const struct slice *lists[] = { w->args && w->args->cni ? &w->args->cni->ips : &none,
		&w->runtime.ips };
	struct ip from_args = {0};

	if (load_args(c, &from_args) < 0) return -1;
	conf->wanted = arena_alloc(&c->arena, (1 + lists[0]->n + lists[1]->n) * sizeof(struct ip));
	if (from_args.len && want(c, conf, &from_args) < 0) return -1;
	for (size_t l = 0; l < 2; l++)
		for (size_t i = 0; i < lists[l]->n; i++)
			if (want(c, conf, ((struct ip **)lists[l]->v)[i]) < 0) return -1;
	return 0;
}

static void add_sets(struct hl_conf *conf, const struct slice *sets)
{
	for (size_t i = 0; i < sets->n; i++) {
		const struct slice *s = &((const struct slice *)sets->v)[i];
		conf->sets[conf->set_count++] = (struct hl_set){ s->v, s->n };
	}
}

static void collect_sets(struct cni *c, struct config_net *w, struct hl_conf *conf)
{
	size_t most = w->runtime.sets.n + 1 + w->ipam->sets.n;

	conf->sets = arena_alloc(&c->arena, most * sizeof *conf->sets);
	add_sets(conf, &w->runtime.sets);
	if (w->ipam->range.subnet.addr.len)
		conf->sets[conf->set_count++] = (struct hl_set){ &w->ipam->range, 1 };
	add_sets(conf, &w->ipam->sets);
}

static int check_sets(struct cni *c, const struct hl_conf *conf)
{
	struct err e = {0};
	unsigned four = 0, six = 0;

	if (!conf->set_count) return cni_fail(c, CNI_INTERNAL, "no IP ranges specified");
	for (size_t i = 0; i < conf->set_count; i++) {
		if (hl_set_canonicalize(&conf->sets[i], &e) < 0)
			return cni_fail(c, CNI_INTERNAL, "invalid range set %zu: %s", i, e.text);
		*(conf->sets[i].v[0].start.len == 4 ? &four : &six) += 1;
	}
	if ((four > 1 || six > 1) && !cni_version_at_least(conf->version, "0.3.0")) {
		struct str v = conf->version;
		return cni_fail(c, CNI_INTERNAL,
			"CNI version %.*s does not support more than 1 address per family",
			(int)v.n,
			v.s ? v.s : "");
	}
	for (size_t i = 0; i < conf->set_count; i++)
		for (size_t k = i + 1; k < conf->set_count; k++)
			if (hl_set_overlaps(&conf->sets[i], &conf->sets[k]))
				return cni_fail(c, CNI_INTERNAL, "range set %zu overlaps with %zu",
					i, k);
	return 0;
}

int hl_load(struct cni *c, struct hl_conf *conf)
{
	struct config_net *w = arena_alloc(&c->arena, sizeof *w);
	struct str why;

	*conf = (struct hl_conf){0};
	if (go_decode(&c->conf, json_root(&c->conf), &net_type, w, &c->arena, c->compat == CNI_111,
		&why) < 0)
		return cni_fail_str(c, CNI_INTERNAL, "", why);
	if (!w->ipam) return cni_fail(c, CNI_INTERNAL, "IPAM config missing 'ipam' key");
	conf->name = w->name;
	conf->version = w->version;
	conf->data_dir = w->ipam->data_dir;
	conf->resolv_conf = w->ipam->resolv_conf;
	conf->routes = w->ipam->routes;
	if (collect_wanted(c, w, conf) < 0) return -1;
	collect_sets(c, w, conf);
	return check_sets(c, conf);
}
