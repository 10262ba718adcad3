/* noop, a CNI plugin for machines where no interface can be made: pods get an address of their
 * own and lo. Addresses come from host-local in this process, or from another IPAM plugin
 * (noop/delegate.c). */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "app/applet.h"
#include "base/cleanup.h"
#include "base/die.h"
#include "base/io.h"
#include "base/spawn.h"
#include "cni/result.h"
#include "host_local/ipam.h"
#include "net/netlink.h"

/* The range of a configuration without ipam: the one that k3s gives its first node. */
#define DEFAULT_SUBNET "10.42.0.0/24"
/* In a directory that no other plugin of the same network uses. */
#define DEFAULT_IPAM "{\"type\": \"host-local\", \"dataDir\": \"" K3SBOX_RUN "/cni\", " \
	"\"ranges\": [[{\"subnet\": \"" DEFAULT_SUBNET "\"}]]}"

static const struct json_node *member(const struct cni *c, const char *path)
{
	return json_path(&c->conf, json_root(&c->conf), path);
}

/* Adds the default to the configuration if it names no IPAM plugin. */
static int complete(struct cni *c)
{
	struct json_edits e = { .j = &c->conf };
	struct buf text = {0};
	const struct json_node *root = json_root(&c->conf), *ipam = member(c, "ipam"),
		*type = member(c, "ipam.type");

	if (type && !json_is(&c->conf, type, "")) return 0;
	if (ipam && ipam->type != JSON_NULL && (ipam->type != JSON_OBJECT || ipam->count))
		return cni_fail(c, CNI_BAD_CONFIG, "ipam has no type");
	if (ipam) json_edit_replace(&e, ipam, DEFAULT_IPAM);
	else json_edit_append(&e, root, "ipam", DEFAULT_IPAM);
	int r = json_edit_apply(&e, &text);
	json_edits_free(&e);
	json_free(&c->conf);
	buf_free(&c->text);
	c->text = text;
	if (!r) r = json_parse(&c->conf, c->text.data, c->text.len);
	return r < 0 ? cni_fail(c, CNI_INTERNAL, "out of memory") : 0;
}

/* The default has to be in the configuration before an IPAM plugin sees it. */
static int call_ipam(struct cni *c, int (*ipam)(struct cni *))
{
	return complete(c) < 0 ? -1 : ipam(c);
}

static int up(void *path)
{
	struct nl nl;
	struct nl_link lo = {0};

	int r = nl_enter_netns(path);
	if (!r) r = nl_open(&nl);
	if (!r) r = nl_link_get(&nl, "lo", &lo);
	if (!r) r = nl_link_up(&nl, lo.index, true);
	return r < 0 ? -r : 0;
}

/* In a child, so that this process stays in its namespace. A failure does not fail the ADD: a
 * runtime that needs lo calls the loopback plugin. */
static void lo_up(struct cni *c)
{
	int r = spawn_call(up, (void *)(uintptr_t)c->netns, 5000);
	if (!r) return;
	errno = r < 0 ? -r : r;
	warn_errno(-errno, "cannot bring lo up in %s", c->netns);
}

/* All addresses belong to the interface that the pod would have. */
static void add_interface(struct cni *c, struct cni_result *r)
{
	static const int64_t zero;

	r->interfaces = (struct slice){0};
	struct cni_interface *i = cni_append(c, &r->interfaces, sizeof *i);
	i->name = go_str(c->ifname);
	i->sandbox = go_str(c->netns);
	for (size_t k = 0; k < r->ips.n; k++)
		((struct cni_ip **)r->ips.v)[k]->interface = (int64_t *)&zero;
}

static bool chained(const struct cni *c)
{
	const struct json_node *prev = member(c, "prevResult");
	return prev && prev->type != JSON_NULL;
}

static int parse_prev(struct cni *c, struct cni_result *r)
{
	const struct json_node *prev = member(c, "prevResult");
	struct str why;

	if (cni_parse_result(c, &c->conf, prev, c->version, r, &why) == 0) return 0;
	return cni_fail_str(c, CNI_DECODE, "could not parse prevResult: ", why);
}

static int add(struct cni *c)
{
	struct cni_result r = {0};

	/* What a namespace looks like differs between kernels, but it exists in all of them. */
	if (access(c->netns, F_OK) < 0)
		return cni_fail_errno(c, -errno, "failed to open netns \"%s\"", c->netns);
	if (chained(c)) {
		/* Another plugin has given the pod its network: its result is passed on. */
		if (parse_prev(c, &r) < 0) return -1;
	} else {
		if (complete(c) < 0 || hl_ipam_add(c, &r) < 0) return -1;
		add_interface(c, &r);
	}
	lo_up(c);
	return cni_print_result(c, &r, c->version, c->version);
}

/* Index of the pod's interface in the result of a chain, which the runtime hands to every plugin
 * of it; -1: none. */
static int interface_at(const struct cni *c, const struct cni_result *r)
{
	for (size_t i = 0; i < r->interfaces.n; i++) {
		const struct cni_interface *n = ((struct cni_interface **)r->interfaces.v)[i];
		if (n && go_str_is(n->name, c->ifname)) return (int)i;
	}
	return -1;
}

/* No address of the result is in the default range. */
static bool none_in_default_range(const struct cni_result *r)
{
	struct cidr own;

	cidr_parse(&own, DEFAULT_SUBNET, strlen(DEFAULT_SUBNET));
	for (size_t i = 0; i < r->ips.n; i++) {
		const struct cni_ip *ip = ((struct cni_ip **)r->ips.v)[i];
		if (ip && cidr_contains(&own, &ip->address.addr)) return false;
	}
	return true;
}

/* Did this plugin only pass on the result of another one? Then that plugin holds the address,
 * perhaps under the same name in the same store. The interface of a noop is the first of its
 * result and has no hardware address; real ones come after the host's end and have one. */
static bool is_others(const struct cni *c, const struct cni_result *r)
{
	int i = interface_at(c, r);

	if (i > 0 || (i == 0 && ((struct cni_interface **)r->interfaces.v)[0]->mac.n)) return true;
	return !member(c, "ipam.type") && r->ips.n && none_in_default_range(r);
}

static int del(struct cni *c)
{
	struct cni_result r = {0};

	if (chained(c)) {
		if (!parse_prev(c, &r) && is_others(c, &r)) return 0;
		cni_forgive(c);   /* a result that cannot be read does not keep the address */
	}
	return call_ipam(c, hl_ipam_del);
}

static int check(struct cni *c)
{
	struct cni_result r = {0};

	if (!chained(c)) return cni_fail(c, CNI_BAD_CONFIG, "Required prevResult missing");
	if (parse_prev(c, &r) < 0) return -1;
	if (interface_at(c, &r) < 0)
		return cni_fail(c, CNI_INTERNAL, "prevResult has no interface %s", c->ifname);
	if (!r.ips.n) return cni_fail(c, CNI_INTERNAL, "prevResult has no address");
	if (is_others(c, &r)) return 0;
	return complete(c) < 0 ? -1 : hl_ipam_check(c, &r);
}

static int gc(struct cni *c)
{
	return call_ipam(c, hl_ipam_gc);
}

static int status(struct cni *c)
{
	return call_ipam(c, hl_ipam_status);
}

static const char help[] =
	"A CNI plugin for machines where no interface can be made: each pod gets addresses of\n"
	"its own and lo, but no interface. (containernetworking has a test plugin of the same\n"
	"name.) Addresses come from the IPAM plugin in the configuration (host-local is built\n"
	"in) or, without \"ipam\", from 10.42.0.0/24. A prevResult is passed on. Versions 0.1.0\n"
	"to 1.1.0.\n"
	"  {\"cniVersion\": \"0.4.0\", \"name\": \"pods\", \"plugins\": [{\"type\": \"noop\",\n"
	"   \"ipam\": {\"type\": \"host-local\",\n"
	"            \"ranges\": [[{\"subnet\": \"10.42.0.0/24\"}]]}}]}\n";

static int run(int argc, char **argv)
{
	static const struct cni_plugin plugin = {
		.name = "noop", .help = help, .any_netns = true,
		.run = { [CNI_ADD] = add, [CNI_DEL] = del, [CNI_CHECK] = check, [CNI_GC] = gc,
			[CNI_STATUS] = status },
	};
	return cni_main(&plugin, argc, argv);
}

const struct applet applet_noop = {
	.name = "noop",
	.group = GROUP_CNI,
	.link_dir = "/opt/cni/bin",
	.summary = "CNI plugin: addresses without a network",
	.more = help,
	.flags = APPLET_RAW,
	.run_raw = run,
};
