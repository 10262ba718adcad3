/* The configuration of the bridge plugin: containernetworking/plugins' keys
 * (plugins/main/bridge), and two of our own. */
#ifndef K3SBOX_BRIDGE_CONFIG_H
#define K3SBOX_BRIDGE_CONFIG_H

#include "cni/result.h"
#include "net/link.h"

/* An element of runtimeConfig.portMappings. */
struct bridge_mapping {
	int64_t host_port, container_port;
	struct str protocol;       /* empty: tcp */
	struct ip host_ip;         /* none: every address */
};

struct bridge_conf {
	const char *bridge;        /* name of the link */
	/* path of the namespace in which it lies; NULL: this process's */
	const char *netns;
	bool is_gateway, is_default_gateway, force_address, hairpin;
	bool has_ipam;
	int64_t mtu;               /* 0: as the bridge has it */
	struct ip gateway;         /* of the pods, where the bridge has no address; may be none */
	bool has_mac;
	uint8_t mac[LINK_MAC];     /* that the pod's end is to have */
	struct cni_dns dns;
	struct slice mappings;     /* struct bridge_mapping */
};

/* Reads it, and CNI_ARGS. 0, or -1 after cni_fail(). */
int bridge_load(struct cni *c, struct bridge_conf *conf);

/* For ADD: -1 after cni_fail() if the configuration asks for what this plugin does not do. */
int bridge_refuse(struct cni *c, const struct bridge_conf *conf);

/* Pure. "0a:58:0a:2a:00:05", also with dashes. */
bool bridge_parse_mac(uint8_t mac[LINK_MAC], struct str s);
void bridge_format_mac(const uint8_t mac[LINK_MAC], char out[3 * LINK_MAC]);

#endif
