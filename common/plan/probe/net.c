/* Probes of the network: iptables, links, addresses and names. */
#include <errno.h>
#include <fcntl.h>
#include <linux/netfilter/nf_tables.h>
#include <linux/netfilter/nfnetlink.h>
#include <linux/rtnetlink.h>
#include <limits.h>
#include <net/if.h>
#include <netinet/in.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/buf.h"
#include "base/cleanup.h"
#include "base/io.h"
#include "base/spawn.h"
#include "net/ip.h"
#include "net/netlink.h"
#include "plan/fix/cni_setup.h"
#include "plan/fix/service_route.h"
#include "plan/node.h"
#include "plan/probe/probe.h"

/* ---- iptables ---- */

/* Variable of k3s's own iptables: "nft" or "legacy". */
#define IPTABLES_MODE "IPTABLES_MODE"

/* linux/netfilter_ipv4/ip_tables.h includes headers that clash with libc's. */
enum { IPT_SO_GET_INFO_ = 64 };
struct ipt_getinfo_ {
	char name[32];
	unsigned valid_hooks, hook_entry[5], underflow[5], num_entries, size;
};

static int legacy_tables(void)
{
	struct ipt_getinfo_ info = { .name = "nat" };
	socklen_t len = sizeof info;
	_cleanup_close_ int fd = socket(AF_INET, SOCK_RAW | SOCK_CLOEXEC, IPPROTO_RAW);
	if (fd < 0) return -errno;
	return getsockopt(fd, IPPROTO_IP, IPT_SO_GET_INFO_, &info, &len) < 0 ? -errno : 0;
}

/* Asks nf_tables for its generation. */
static int nf_tables(void)
{
	struct {
		struct nlmsghdr h;
		struct nfgenmsg g;
	} ask = {
		.h = { .nlmsg_len = sizeof ask,
			.nlmsg_type = NFNL_SUBSYS_NFTABLES << 8 | NFT_MSG_GETGEN,
			.nlmsg_flags = NLM_F_REQUEST },
		.g = { .nfgen_family = AF_UNSPEC, .version = NFNETLINK_V0 },
	};
	char answer[512];
	struct timeval patience = { .tv_sec = 1 };
	_cleanup_close_ int fd = socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC, NETLINK_NETFILTER);
	if (fd < 0) return -errno;
	setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof patience);
	if (send(fd, &ask, sizeof ask, 0) < 0) return -errno;
	ssize_t n = recv(fd, answer, sizeof answer, 0);
	if (n < (ssize_t)sizeof(struct nlmsghdr)) return n < 0 ? -errno : -EIO;
	struct nlmsghdr h;
	memcpy(&h, answer, sizeof h);
	struct nlmsgerr e;
	if (h.nlmsg_type != NLMSG_ERROR) return 0;
	if ((size_t)n < sizeof h + sizeof e) return -EIO;
	memcpy(&e, answer + sizeof h, sizeof e);
	return e.error;
}

/* kube-proxy and k3s's network policy run the program; without one in PATH the release's own is
 * used, which needs support by the kernel. */
static void try_program(const char *path, struct fact_result *r)
{
	char *argv[] = { "iptables", "-w", "2", "-t", "nat", "-S", "POSTROUTING", NULL };
	_cleanup_buf_ struct buf out = {0};
	int status = spawn_capture(path, argv, &out, 4096, true, 5000);

	if (!status) return;
	if (out.data) out.data[strcspn(out.data, "\n")] = 0;
	probe_obstacle(r, KIND_NONE, "%.80s -t nat -S POSTROUTING: %.120s", path,
		status < 0 ? strerror(-status) : out.data && *out.data ? out.data : "failed");
}

/* ---- the rules that kube-proxy, its peers and the CNI plugins add ---- */

/* Kubernetes pkg/proxy/iptables/proxier.go, CNI plugins portmap and flannel. */
static const struct { const char *lacks, *table, *rule; } rules[] = {
	{ "comment", "nat", "POSTROUTING -m comment --comment k3sbox -j RETURN" },
	{ "mark", "nat", "POSTROUTING -m mark ! --mark 0x4000/0x4000 -j RETURN" },
	{ "MARK", "nat", "POSTROUTING -j MARK --xor-mark 0x4000" },
	{ "MASQUERADE --random-fully", "nat", "POSTROUTING -j MASQUERADE --random-fully" },
	{ "statistic", "nat",
	  "PREROUTING -m statistic --mode random --probability 0.5 -j RETURN" },
	{ "addrtype", "nat", "PREROUTING -m addrtype --dst-type LOCAL -j RETURN" },
	{ "recent", "nat",
	  "PREROUTING -m recent --name k3sbox --rcheck --seconds 10800 --reap -j RETURN" },
	{ "multiport", "nat", "PREROUTING -p tcp -m multiport --dports 80,81 -j RETURN" },
	{ "DNAT", "nat", "PREROUTING -p tcp -m tcp -j DNAT --to-destination 192.0.2.1:80" },
	{ "conntrack", "filter", "FORWARD -m conntrack --ctstate INVALID,NEW -j DROP" },
	{ "REJECT", "filter", "FORWARD -p tcp -j REJECT" },
};

/* In memory that parent and child share. */
struct rules_trial {
	char path[PATH_MAX], lacking[160];
};

/* `iptables -t TABLE -A RULE`; or all at once by iptables-restore, whose file is `rule`. */
static bool takes(const char *path, const char *table, const char *rule)
{
	char *argv[24] = { "iptables", "-w", "2" }, text[160];
	_cleanup_buf_ struct buf out = {0};
	size_t n = 3;

	snprintf(text, sizeof text, "%s%s%s%s", table ? "-t " : "", table ? table : "",
		table ? " -A " : "", rule);
	for (char *rest = text, *w; (w = strtok_r(rest, " ", &rest)) && n < 23;) argv[n++] = w;
	return !spawn_capture(path, argv, &out, 4096, true, 5000);
}

/* All rules, for iptables-restore. A descriptor that it inherits, or -1. */
static int write_rules(void)
{
	_cleanup_buf_ struct buf b = {0};
	int fd = memfd_create("k3sbox", MFD_CLOEXEC);

	for (size_t i = 0; i < sizeof rules / sizeof *rules; i++) {
		bool first = !i || strcmp(rules[i].table, rules[i - 1].table);
		if (first) buf_printf(&b, "%s*%s\n", i ? "COMMIT\n" : "", rules[i].table);
		buf_printf(&b, "-A %s\n", rules[i].rule);
	}
	buf_puts(&b, "COMMIT\n");
	if (fd < 0 || io_write_fd(fd, b.data, b.len) < 0 || fcntl(fd, F_SETFD, 0) < 0) return -1;
	return fd;
}

static int try_rules(void *arg)
{
	struct rules_trial *t = arg;
	char restore[PATH_MAX + 16], file[32];

	if (unshare(CLONE_NEWNET) < 0) return 0;
	snprintf(restore, sizeof restore, "%s-restore", t->path);
	snprintf(file, sizeof file, "/proc/self/fd/%d", write_rules());
	if (takes(restore, NULL, file)) return 0;
	for (size_t i = 0, n = 0; i < sizeof rules / sizeof *rules; i++) {
		if (takes(t->path, rules[i].table, rules[i].rule)) continue;
		n += (size_t)snprintf(t->lacking + n, sizeof t->lacking - n, "%s%s",
			n ? ", " : "", rules[i].lacks);
		if (n >= sizeof t->lacking) break;
	}
	return 0;
}

/* Each alone, in a network namespace of its own, if they cannot be loaded together. */
static void look_at_rules(const char *path, bool own, struct fact_result *r)
{
	enum { RULES_MS = 20000 };
	struct rules_trial *t = mmap(NULL, sizeof *t, PROT_READ | PROT_WRITE,
		MAP_SHARED | MAP_ANONYMOUS, -1, 0);

	if (t == MAP_FAILED) return;
	snprintf(t->path, sizeof t->path, "%s", path);
	spawn_call(try_rules, t, RULES_MS);
	if (*t->lacking)
		probe_obstacle(r, KIND_NONE, "%.60s or this kernel lacks: %s%s", path, t->lacking,
			own ? "" : " (k3s's own: -- --prefer-bundled-bin)");
	munmap(t, sizeof *t);
}

/* Which one k3s takes: its own stands behind PATH, once it has unpacked itself, or before. True if
 * it is its own; the path is empty if there is none yet. */
static bool find_iptables(const struct plan_options *o, char path[PATH_MAX])
{
	if (!k3s_args_is_on(&o->args, "prefer-bundled-bin") &&
		!io_find_program("iptables", getenv("PATH"), path, PATH_MAX)) return false;
	if (io_join(path, PATH_MAX, o->data_dir, "data/current/bin/aux/iptables") < 0 ||
		access(path, X_OK) < 0) *path = 0;
	return true;
}

/* k3s's own guesses the back end by rules, cgroups and the name of the system (k3s-root,
 * iptables-detect), and not by what the kernel has. NULL: it cannot be wrong. */
static const char *only_mode(bool own, int legacy, int nft)
{
	if (!own || (legacy < 0) == (nft < 0) || getenv(IPTABLES_MODE)) return NULL;
	return nft < 0 ? "legacy" : "nft";
}

static void look_at_program(const char *path, bool own, struct fact_result *r)
{
	char real[PATH_MAX];

	if (!*path) return;
	try_program(path, r);
	if (r->state == RESULT_OK) look_at_rules(path, own, r);
	if (r->state == RESULT_OK && realpath(path, real))
		snprintf(r->why, sizeof r->why, "iptables works, by %.200s", real);
}

void probe_iptables(const struct plan_options *o, struct fact_result *r)
{
	char path[PATH_MAX] = "";

	if (o->isolated) {
		probe_obstacle(r, KIND_IPTABLES_TAKEN,
			"the nat table of this network namespace is netd's");
		return;
	}
	int legacy = legacy_tables(), nft = nf_tables();
	bool own = find_iptables(o, path);
	const char *mode = only_mode(own, legacy, nft);

	if (legacy < 0 && nft < 0) {
		probe_obstacle(r, KIND_NONE,
			"no iptables in this kernel (legacy: %s; nf_tables: %s)", strerror(-legacy),
			strerror(-nft));
		return;
	}
	if (mode) setenv(IPTABLES_MODE, mode, 1);
	look_at_program(path, own, r);
	if (!mode) return;
	unsetenv(IPTABLES_MODE);
	if (r->state == RESULT_OK)
		probe_obstacle(r, KIND_IPTABLES_MODE,
			"this kernel has %s iptables alone, and k3s's own may take the other",
			mode);
	snprintf(r->value, sizeof r->value, "%s", mode);
}

/* Where kube-proxy works; a packet for which it has no rule would be sent for nothing. */
void probe_service_route(const struct plan_options *o, struct fact_result *r)
{
	struct fact_result iptables = {0};

	if (service_route_exists(o)) return;
	probe_iptables(o, &iptables);
	if (iptables.state == RESULT_OK || iptables.kind == KIND_IPTABLES_MODE)
		probe_obstacle(r, KIND_NONE, "no route to %s, the range of Services",
			k3s_args_value(&o->args, "service-cidr"));
}

/* ---- links ---- */

static int make_link(struct nl *nl, const char *name, const char *kind, unsigned vni)
{
	enum { VXLAN_ID = 1 };   /* IFLA_VXLAN_ID */
	struct nl_request r;

	nl_begin(&r, RTM_NEWLINK, NLM_F_CREATE | NLM_F_EXCL, &(struct ifinfomsg){0},
		sizeof(struct ifinfomsg));
	nl_put_str(&r, IFLA_IFNAME, name);
	size_t info = nl_nest(&r, IFLA_LINKINFO);
	nl_put(&r, IFLA_INFO_KIND, kind, strlen(kind));
	if (vni) {
		size_t data = nl_nest(&r, IFLA_INFO_DATA);
		nl_put_u32(&r, VXLAN_ID, vni);
		nl_nest_end(&r, data);
	}
	nl_nest_end(&r, info);
	return nl_talk(nl, &r, NULL, NULL);
}

static const struct { const char *kind; unsigned vni; } flannel_links[] = { { "bridge", 0 },
	{ "vxlan", 1 } };

/* In a child: a link of this kind in a network namespace of its own. */
static int try_link(void *kind)
{
	const size_t i = *(const size_t *)kind;
	char name[IFNAMSIZ];
	struct nl nl;

	if (unshare(CLONE_NEWNET) < 0) return errno;
	int r = nl_open(&nl);
	if (r < 0) return -r;
	snprintf(name, sizeof name, "k3sboxp%zu", i);
	r = make_link(&nl, name, flannel_links[i].kind, flannel_links[i].vni);
	nl_close(&nl);
	return -r;
}

/* k3s ships flannel: vxlan between nodes, a bridge in each. */
void probe_flannel(const struct plan_options *o, struct fact_result *r)
{
	if (o->isolated) {
		probe_obstacle(r, KIND_FLANNEL_SWITCH,
			"pods have a network of their own here, a switch");
		snprintf(r->value, sizeof r->value, "%s", o->node_network);
		return;
	}
	for (size_t i = 0; i < sizeof flannel_links / sizeof *flannel_links; i++) {
		int e = spawn_call(try_link, &i, 2000);
		if (!e) continue;
		char what[64];
		snprintf(what, sizeof what, "a %s link, which flannel needs",
			flannel_links[i].kind);
		probe_obstacle_errno(r, KIND_FLANNEL_LINKS, what, e < 0 ? -e : e);
		return;
	}
}

/* Where flannel is off by the user's choice, and not by a step, which brings a configuration. */
void probe_network(const struct plan_options *o, struct fact_result *r)
{
	const char *backend = k3s_args_find(&o->args, "flannel-backend");
	struct fact_result flannel = {0};

	if (!backend || strcmp(backend, "none") || cni_is_configured()) return;
	probe_flannel(o, &flannel);
	if (flannel.state == RESULT_OK)
		probe_obstacle(r, KIND_NONE, "--flannel-backend=none, and " CNI_CONF_DIR
			" has no configuration: the node is not ready until it has one");
}

/* ---- addresses and names ---- */

void probe_default_route(const struct plan_options *o, struct fact_result *r)
{
	const char *cluster = k3s_args_value(&o->args, "cluster-cidr");
	unsigned routes = node_default_routes();

	/* k3s looks for an address only where none was given, and in a dual-stack cluster for one
	 * of each family. */
	if (k3s_args_find(&o->args, "advertise-address") || k3s_args_find(&o->args, "node-ip") ||
		(strchr(cluster, ',') ? routes == (NODE_IPV4 | NODE_IPV6) : routes)) return;
	if (node_addresses(cluster, r->value, sizeof r->value) ||
		node_first_address(r->value, sizeof r->value))
		probe_obstacle(r, KIND_DEFAULT_ROUTE_ADDRESS,
			"no default route, from which k3s would take the "
			"node's address (%.100s is one)", r->value);
	else
		probe_obstacle(r, KIND_DEFAULT_ROUTE_NOTHING,
			"no default route, and no address but loopback");
}

/* Is the name in /etc/hosts? A word after the first of a line, before any '#'. */
static bool in_hosts(const char *text, const char *name)
{
	size_t len = strlen(name);

	for (const char *line = text; line && *line; line = strchr(line, '\n'),
		line += line != NULL) {
		const char *end = line + strcspn(line, "\n#");
		const char *w = line + strcspn(line, " \t\n#");
		while (w < end) {
			w += strspn(w, " \t");
			size_t n = strcspn(w, " \t\n#");
			if (n == len && !strncasecmp(w, name, n)) return true;
			if (!n) break;
			w += n;
		}
	}
	return false;
}

void probe_node_name(const struct plan_options *o, struct fact_result *r)
{
	_cleanup_buf_ struct buf hosts = {0};
	char name[NODE_NAME_SIZE];

	node_name(o, name);
	if (!io_read("/etc/hosts", &hosts, 1 << 20) && hosts.data && in_hosts(hosts.data, name))
		return;
	probe_obstacle(r, KIND_NONE, "/etc/hosts does not have the node's name, %.200s", name);
}

void probe_host_name(const struct plan_options *o, struct fact_result *r)
{
	char name[NODE_NAME_SIZE], host[NODE_NAME_SIZE];
	const char *given = k3s_args_find(&o->args, "node-name");

	node_name(o, name);
	node_host_name(host);
	if ((given && *given) || !strcmp(name, host)) return;
	probe_obstacle(r, KIND_NONE, "the host name is %.70s; for %s the node is %.70s", host,
		node_registered(o, host) ? "the data directory's cluster" : "Kubernetes", name);
	snprintf(r->value, sizeof r->value, "%.200s", name);
}

void probe_node_password(const struct plan_options *o, struct fact_result *r)
{
	char name[NODE_NAME_SIZE], old[NODE_NAME_SIZE], path[PATH_MAX];

	node_name(o, name);
	if (io_exists(NODE_PASSWORD) || !node_registered(o, old) || strcmp(name, old)) return;
	/* k3s moves it from where it was before */
	if (io_join(path, sizeof path, o->data_dir, "agent/node-password.txt") < 0 ||
		io_exists(path)) return;
	bool kept = node_password_copy(o->data_dir, path, sizeof path) >= 0 && io_exists(path);
	probe_obstacle(r, kept ? KIND_NODE_PASSWORD_KEPT : KIND_NODE_PASSWORD_LOST,
		NODE_PASSWORD " of the data directory's node, %.63s, does not exist", name);
}

void probe_ranges(const struct plan_options *o, struct fact_result *r)
{
	if (!o->range_taken) return;
	probe_obstacle(r, o->args.chosen.n ? KIND_RANGES_MOVED : KIND_RANGES_FIXED, "%s",
		o->range_taken);
}
