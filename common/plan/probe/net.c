/* What the network can do here. */
#include <arpa/inet.h>
#include <ctype.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/netfilter/nf_tables.h>
#include <linux/netfilter/nfnetlink.h>
#include <linux/rtnetlink.h>
#include <net/if.h>
#include <limits.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/buf.h"
#include "base/cleanup.h"
#include "base/io.h"
#include "base/spawn.h"
#include "base/text.h"
#include "net/connect.h"
#include "net/ip.h"
#include "net/netlink.h"
#include "plan/probe/probe.h"

/* ---- iptables ---- */

/* linux/netfilter_ipv4/ip_tables.h wants headers that clash with libc's. */
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
		.h = { .nlmsg_len = sizeof ask, .nlmsg_type = NFNL_SUBSYS_NFTABLES << 8 | NFT_MSG_GETGEN, .nlmsg_flags = NLM_F_REQUEST },
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

/* kube-proxy and k3s's network policy run the program; without one in PATH the release's own is used, which needs the kernel's side. */
static void try_program(const char *path, struct fact_result *r)
{
	char *argv[] = { "iptables", "-w", "2", "-t", "nat", "-S", "POSTROUTING", NULL };
	_cleanup_buf_ struct buf out = {0};
	int status = spawn_capture(path, argv, &out, 4096, true, 5000);

	if (!status) return;
	if (out.data) out.data[strcspn(out.data, "\n")] = 0;
	obstacle(r, NULL, "%.80s -t nat -S POSTROUTING: %.120s", path,
		status < 0 ? strerror(-status) : out.data && *out.data ? out.data : "failed");
}

void probe_iptables(const struct options *o, struct fact_result *r)
{
	char path[PATH_MAX];

	(void)o;
	int legacy = legacy_tables(), nft = nf_tables();
	if (legacy < 0 && nft < 0) obstacle(r, NULL, "no iptables in this kernel (legacy: %s; nf_tables: %s)", strerror(-legacy), strerror(-nft));
	else if (!io_find_program("iptables", getenv("PATH"), path, sizeof path)) try_program(path, r);
}

/* ---- links ---- */

static int make_link(struct nl *nl, const char *name, const char *kind, unsigned vni)
{
	enum { VXLAN_ID = 1 };   /* IFLA_VXLAN_ID */
	struct nl_request r;

	nl_begin(&r, RTM_NEWLINK, NLM_F_CREATE | NLM_F_EXCL, &(struct ifinfomsg){0}, sizeof(struct ifinfomsg));
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

static const struct { const char *kind; unsigned vni; } flannel_links[] = { { "bridge", 0 }, { "vxlan", 1 } };

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
void probe_pod_network(const struct options *o, struct fact_result *r)
{
	(void)o;
	for (size_t i = 0; i < sizeof flannel_links / sizeof *flannel_links; i++) {
		int e = spawn_call(try_link, &i, 2000);
		if (!e) continue;
		char what[64];
		snprintf(what, sizeof what, "a %s link, which flannel needs", flannel_links[i].kind);
		obstacle_errno(r, NULL, what, e < 0 ? -e : e);
		return;
	}
}

/* ---- addresses and names ---- */

/* Destination :: and a next hop: the kernel's own "unreachable" row has none. */
static bool is_default_v6(const char *line)
{
	enum { DESTINATION, NEXT_HOP = 4 };
	static const char zeros[] = "00000000000000000000000000000000";
	char destination[40], hop[40];

	return text_field(line, DESTINATION, destination, sizeof destination) && text_field(line, NEXT_HOP, hop, sizeof hop) &&
		!strcmp(destination, zeros) && strcmp(hop, zeros);
}

/* As k8s.io/apimachinery util/net ChooseHostInterface: a row of all zeros in these files. */
static bool has_default_route(void)
{
	_cleanup_buf_ struct buf v4 = {0}, v6 = {0};
	char destination[16];

	if (!io_read("/proc/net/route", &v4, 1 << 20) && v4.data)
		for (char *line = strchr(v4.data, '\n'); line; line = strchr(line + 1, '\n'))
			if (text_field(line + 1, 1, destination, sizeof destination) && !strcmp(destination, "00000000")) return true;
	if (!io_read("/proc/net/ipv6_route", &v6, 1 << 20) && v6.data)
		for (char *line = v6.data; line && *line; line = strchr(line, '\n'), line += line != NULL)
			if (is_default_v6(line)) return true;
	return false;
}

/* The links that are up, loopback left out; of each family the first address of one of them. */
struct search {
	int links[64];
	size_t n;
	struct ip v4, v6;
};

static int take_link(void *arg, const struct nlmsghdr *h)
{
	struct search *s = arg;
	const struct ifinfomsg *i = NLMSG_DATA(h);

	if (h->nlmsg_type == RTM_NEWLINK && (i->ifi_flags & (IFF_UP | IFF_LOOPBACK)) == IFF_UP && s->n < sizeof s->links / sizeof *s->links)
		s->links[s->n++] = i->ifi_index;
	return 0;
}

static int take_address(void *arg, const struct nlmsghdr *h)
{
	struct search *s = arg;
	const struct ifaddrmsg *m = NLMSG_DATA(h);
	struct ip *to = m->ifa_family == AF_INET ? &s->v4 : &s->v6;
	bool of_ours = false;

	for (size_t i = 0; i < s->n; i++) of_ours |= s->links[i] == (int)m->ifa_index;
	const struct rtattr *a = nl_attribute(h, sizeof *m, IFA_LOCAL);
	if (!a) a = nl_attribute(h, sizeof *m, IFA_ADDRESS);
	size_t len = a ? RTA_PAYLOAD(a) : 0;
	if (h->nlmsg_type != RTM_NEWADDR || !of_ours || to->len || len != (m->ifa_family == AF_INET ? 4 : 16)) return 0;
	const uint8_t *b = RTA_DATA(a);
	if (len == 16 && b[0] == 0xfe && (b[1] & 0xc0) == 0x80) return 0;   /* of the link alone */
	memcpy(to->b, b, len);
	to->len = (uint8_t)len;
	return 0;
}

bool net_first_address(char *out, size_t size)
{
	struct nl nl;
	struct nl_request r;
	struct search s = {0};
	char text[IP_TEXT];

	if (nl_open(&nl) < 0) return false;
	nl_begin(&r, RTM_GETLINK, NLM_F_DUMP, &(struct ifinfomsg){0}, sizeof(struct ifinfomsg));
	int e = nl_talk(&nl, &r, take_link, &s);
	nl_begin(&r, RTM_GETADDR, NLM_F_DUMP, &(struct ifaddrmsg){0}, sizeof(struct ifaddrmsg));
	if (!e) e = nl_talk(&nl, &r, take_address, &s);
	nl_close(&nl);
	const struct ip *found = s.v4.len ? &s.v4 : &s.v6;
	if (e || !found->len) return false;
	ip_format(found, text);
	snprintf(out, size, "%s", text);
	return true;
}

/* Did the user give k3s this flag, "--name value" or "--name=value"? */
static bool user_says(const struct options *o, const char *name)
{
	size_t len = strlen(name);

	for (size_t i = 0; o->k3s_args && i < o->k3s_args->n; i++) {
		const char *a = o->k3s_args->v[i];
		if (*a != '-') continue;
		a += a[1] == '-' ? 2 : 1;
		if (!strncmp(a, name, len) && (!a[len] || a[len] == '=')) return true;
	}
	return false;
}

void probe_default_route(const struct options *o, struct fact_result *r)
{
	/* k3s looks for an address only where none was named. */
	if (has_default_route() || user_says(o, "advertise-address") || user_says(o, "node-ip") || user_says(o, "i")) return;
	if (net_first_address(r->value, sizeof r->value))
		obstacle(r, "address", "no default route, from which k3s would take the node's address (%.64s is one)", r->value);
	else
		obstacle(r, "nothing", "no default route, and no address but loopback");
}

void net_node_name(char *out, size_t size)
{
	if (gethostname(out, size) < 0 || !*out) snprintf(out, size, "localhost");
	out[size - 1] = 0;
	for (char *c = out; *c; c++) *c = (char)tolower((unsigned char)*c);
}

/* Is the name in /etc/hosts? A word after the first of a line, before any '#'. */
static bool in_hosts(const char *text, const char *name)
{
	size_t len = strlen(name);

	for (const char *line = text; line && *line; line = strchr(line, '\n'), line += line != NULL) {
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

void probe_node_name(const struct options *o, struct fact_result *r)
{
	_cleanup_buf_ struct buf hosts = {0};
	char name[256];

	(void)o;
	net_node_name(name, sizeof name);
	if (!io_read("/etc/hosts", &hosts, 1 << 20) && hosts.data && in_hosts(hosts.data, name)) return;
	obstacle(r, NULL, "/etc/hosts does not have the node's name, %.200s", name);
}

/* ---- registry ---- */

enum { REGISTRY_MS = 1500 };

static int try_registry(void *name)
{
	/* Several addresses, of both families perhaps: one that does not respond must not decide for the others. */
	_cleanup_close_ int fd = connect_host(name, "443", REGISTRY_MS / 2);
	return fd >= 0 ? 0 : fd == -EADDRNOTAVAIL ? EHOSTUNREACH : -fd;
}

static bool has_airgap_images(const struct options *o)
{
	char dir[PATH_MAX];
	struct dirent *e = NULL;

	if (io_join(dir, sizeof dir, o->data_dir, "agent/images") < 0) return false;
	_cleanup_closedir_ DIR *d = opendir(dir);
	while (d && (e = readdir(d)))
		if (strstr(e->d_name, "airgap")) break;
	return e;
}

/* Has somebody seen to it, who names mirrors, brings images or a proxy? (k3s hands CONTAINERD_… on to containerd.) */
bool registry_settled(const struct options *o)
{
	static const char *const variables[] = {
		"HTTPS_PROXY", "https_proxy", "CONTAINERD_HTTPS_PROXY", "K3S_SYSTEM_DEFAULT_REGISTRY",
	};

	for (size_t i = 0; i < sizeof variables / sizeof *variables; i++) {
		const char *v = getenv(variables[i]);
		if (v && *v) return true;
	}
	return user_says(o, "private-registry") || user_says(o, "system-default-registry") || has_airgap_images(o) ||
		io_exists("/etc/rancher/k3s/registries.yaml");
}

void probe_registry(const struct options *o, struct fact_result *r)
{
	static const char name[] = "registry-1.docker.io";

	if (registry_settled(o)) return;
	if (!has_default_route()) {
		obstacle(r, NULL, "no default route: images cannot be pulled");
		return;
	}
	int e = spawn_call(try_registry, (void *)name, REGISTRY_MS);
	if (e) obstacle(r, NULL, "%s cannot be reached (%s): images cannot be pulled", name, strerror(e < 0 ? -e : e));
}
