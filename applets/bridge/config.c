/* Reads the configuration as upstream's loadNetConf() does, and knows what is refused. */
#include "bridge/config.h"

#include <stddef.h>
#include <stdio.h>
#include <string.h>

#include "base/text.h"
#include "world/switch.h"

/* ---- as it stands in the JSON ---- */

struct conf_ipam { struct str type; };
struct conf_mac { struct str mac; };
struct conf_args { struct conf_mac cni; };
struct conf_runtime { struct str mac; struct slice mappings; };

struct conf_wire {
	struct str bridge, netns;
	struct ip gateway;
	bool is_gateway, is_default_gateway, force_address, hairpin;
	int64_t mtu;
	struct conf_ipam ipam;
	struct cni_dns dns;
	struct conf_args args;
	struct conf_runtime runtime;
};

#define FIELD(s, n, member, ...) \
	{ .name = n, .offset = offsetof(struct s, member), .type = __VA_ARGS__ }

static const struct go_type ipam_type = {
	.kind = GO_STRUCT, .name = "types.IPAM", .bare = "IPAM", .size = sizeof(struct conf_ipam),
	.fields = (const struct go_field[]){ FIELD(conf_ipam, "type", type, &go_string), { 0 } },
};
static const struct go_type mac_type = {
	.kind = GO_STRUCT, .name = "main.BridgeArgs", .bare = "BridgeArgs",
		.size = sizeof(struct conf_mac),
	.fields = (const struct go_field[]){ FIELD(conf_mac, "mac", mac, &go_string), { 0 } },
};
static const struct go_type args_type = {
	.kind = GO_STRUCT, .bare = "", .size = sizeof(struct conf_args),
	.name = "struct { Cni main.BridgeArgs \"json:\\\"cni,omitempty\\\"\" }",
	.fields = (const struct go_field[]){ FIELD(conf_args, "cni", cni, &mac_type), { 0 } },
};
/* upstream's portmap plugin */
static const struct go_type mapping_type = {
	.kind = GO_STRUCT, .name = "main.PortMapEntry", .bare = "PortMapEntry",
		.size = sizeof(struct bridge_mapping),
	.fields = (const struct go_field[]){
		FIELD(bridge_mapping, "hostPort", host_port, &go_int),
		FIELD(bridge_mapping, "containerPort", container_port, &go_int),
		FIELD(bridge_mapping, "protocol", protocol, &go_string),
		FIELD(bridge_mapping, "hostIP", host_ip, &cni_net_ip_type),
		{ 0 },
	},
};
static const struct go_type mappings_type = {
	.kind = GO_SLICE, .name = "[]main.PortMapEntry", .size = sizeof(struct slice),
		.elem = &mapping_type,
};
static const struct go_type runtime_type = {
	.kind = GO_STRUCT, .bare = "", .size = sizeof(struct conf_runtime),
	.name = "struct { Mac string \"json:\\\"mac,omitempty\\\"\" }",
	.fields = (const struct go_field[]){
		FIELD(conf_runtime, "mac", mac, &go_string),
		FIELD(conf_runtime, "portMappings", mappings, &mappings_type),
		{ 0 },
	},
};
static const struct go_type wire_type = {
	.kind = GO_STRUCT, .name = "main.NetConf", .bare = "NetConf",
		.size = sizeof(struct conf_wire),
	.fields = (const struct go_field[]){
		FIELD(conf_wire, "ipam", ipam, &ipam_type, .embedded = "NetConf"),
		FIELD(conf_wire, "dns", dns, &cni_dns_type, .embedded = "NetConf"),
		FIELD(conf_wire, "bridge", bridge, &go_string),
		FIELD(conf_wire, "isGateway", is_gateway, &go_bool),
		FIELD(conf_wire, "isDefaultGateway", is_default_gateway, &go_bool),
		FIELD(conf_wire, "forceAddress", force_address, &go_bool),
		FIELD(conf_wire, "mtu", mtu, &go_int),
		FIELD(conf_wire, "hairpinMode", hairpin, &go_bool),
		FIELD(conf_wire, "args", args, &args_type),
		FIELD(conf_wire, "runtimeConfig", runtime, &runtime_type),
		FIELD(conf_wire, "netns", netns, &go_string),
		FIELD(conf_wire, "gateway", gateway, &cni_net_ip_type),
		{ 0 },
	},
};

/* ---- hardware addresses ---- */

bool bridge_parse_mac(uint8_t mac[LINK_MAC], struct str s)
{
	if (s.n != 3 * LINK_MAC - 1) return false;
	for (size_t i = 0; i < LINK_MAC; i++) {
		const char *p = s.s + 3 * i;
		int high = text_hex(p[0]), low = text_hex(p[1]);
		if (high < 0 || low < 0) return false;
		if (i + 1 < LINK_MAC && (p[2] != s.s[2] || (p[2] != ':' && p[2] != '-')))
			return false;
		mac[i] = (uint8_t)(high << 4 | low);
	}
	return true;
}

void bridge_format_mac(const uint8_t m[LINK_MAC], char out[3 * LINK_MAC])
{
	snprintf(out, 3 * LINK_MAC, "%02x:%02x:%02x:%02x:%02x:%02x", m[0], m[1], m[2], m[3], m[4],
		m[5]);
}

/* The value of MAC in CNI_ARGS. Other names are host-local's to judge. */
static struct str mac_of_args(const struct cni *c)
{
	struct str found = {0};

	for (const char *p = c->args; *p;) {
		size_t n = strcspn(p, ";");
		if (n > 4 && !memcmp(p, "MAC=", 4)) found = (struct str){ p + 4, n - 4 };
		p += n + (p[n] == ';');
	}
	return found;
}

/* The last one wins, as upstream has it. */
static int choose_mac(struct cni *c, const struct conf_wire *w, struct bridge_conf *conf)
{
	struct str mac = mac_of_args(c);

	if (w->args.cni.mac.n) mac = w->args.cni.mac;
	if (w->runtime.mac.n) mac = w->runtime.mac;
	if (!mac.n) return 0;
	conf->has_mac = true;
	if (bridge_parse_mac(conf->mac, mac)) return 0;
	return cni_fail(c, CNI_INTERNAL, "address %.*s: invalid MAC address", (int)mac.n, mac.s);
}

/* ---- the whole ---- */

static const char *text_or(struct cni *c, struct str s, const char *otherwise)
{
	return s.n ? arena_copy(&c->arena, s.s, s.n) : otherwise;
}

int bridge_load(struct cni *c, struct bridge_conf *conf)
{
	struct conf_wire *w = arena_alloc(&c->arena, sizeof *w);
	struct str why;

	const struct json_node *root = json_root(&c->conf);
	if (go_decode(&c->conf, root, &wire_type, w, &c->arena, c->compat == CNI_111, &why) < 0)
		return cni_fail_str(c, CNI_INTERNAL, "failed to load netconf: ", why);
	*conf = (struct bridge_conf){
		.netns = text_or(c, w->netns, NULL),
		.is_gateway = w->is_gateway || w->is_default_gateway,
		.is_default_gateway = w->is_default_gateway,
		.force_address = w->force_address, .hairpin = w->hairpin,
		.has_ipam = w->ipam.type.n, .mtu = w->mtu, .gateway = w->gateway, .dns = w->dns,
		.mappings = w->runtime.mappings,
	};
	conf->bridge = text_or(c, w->bridge, conf->netns ? SWITCH_BRIDGE : "cni0");
	if (!conf->mtu && conf->netns) conf->mtu = SWITCH_MTU;
	return choose_mac(c, w, conf);
}

static const struct { const char *key, *why; } refused[] = {
	{ "promiscMode", "hairpinMode does what it is for" },
	{ "ipMasq", "this plugin makes no firewall rules" },
	{ "vlan", "the bridge has no VLANs" },
	{ "vlanTrunk", "the bridge has no VLANs" },
	{ "macspoofchk", "this plugin makes no firewall rules" },
	{ "portIsolation", "ports of the bridge reach each other" },
	{ "enabledad", "addresses of the IPAM plugin are unique" },
	{ "disableContainerInterface", "the interface is always up" },
};

/* Is it there, and neither null, false, 0 nor empty? */
static bool is_set(const struct cni *c, const struct json_node *n)
{
	int64_t number;

	if (!n || n->type == JSON_NULL) return false;
	if (n->type == JSON_BOOL) return json_true(&c->conf, n);
	if (n->type == JSON_NUMBER) return json_int(&c->conf, n, &number) || number;
	return n->type == JSON_STRING || n->count;
}

int bridge_refuse(struct cni *c, const struct bridge_conf *conf)
{
	for (size_t i = 0; i < sizeof refused / sizeof *refused; i++) {
		const struct json_node *n = json_get(&c->conf, json_root(&c->conf), refused[i].key);
		if (!is_set(c, n)) continue;
		return cni_fail(c, CNI_UNSUPPORTED_FIELD, "%s = %.*s is unsupported: %s",
			refused[i].key, (int)(n->end - n->start),
			c->conf.text + n->start, refused[i].why);
	}
	if (conf->netns && conf->is_gateway)
		return cni_fail(c, CNI_UNSUPPORTED_FIELD,
			"isGateway = true is unsupported together with netns: a bridge in a "
			"namespace of its own has no address; \"gateway\" names the pods' gateway");
	if (conf->gateway.len && conf->is_gateway)
		return cni_fail(c, CNI_BAD_CONFIG, "isGateway and gateway exclude each other");
	if (conf->mtu < 0 || conf->mtu > UINT16_MAX)
		return cni_fail(c, CNI_BAD_CONFIG, "invalid MTU %lld", (long long)conf->mtu);
	return 0;
}
