/* loopback, a CNI plugin: brings lo up in a pod's network namespace, as containernetworking's
 * plugin does (plugins/main/loopback/loopback.go). */
#include <errno.h>
#include <fcntl.h>
#include <net/if.h>
#include <sched.h>
#include <string.h>
#include <sys/statfs.h>
#include <unistd.h>

#include "app/applet.h"
#include "base/cleanup.h"
#include "cni/result.h"
#include "net/netlink.h"

enum { NSFS = 0x6e736673, PROCFS = 0x9fa0 };

static void close_nl(struct nl *nl)
{
	nl_close(nl);
}

/* GetNS of upstream's pkg/ns/ns_linux.go, but where a sandbox has no statfs(2) for the file,
 * entering the namespace is the test. 1: the file does not exist. */
static int check_path(struct cni *c)
{
	_cleanup_buf_ struct buf path = {0};
	struct statfs fs;
	char scratch[128];

	go_quote(&path, c->netns, strlen(c->netns));
	if (statfs(c->netns, &fs) < 0) {
		int err = errno;
		if (err == ENOSYS) return 0;
		cni_fail(c, CNI_INTERNAL, "failed to Statfs %s: %s", path.data,
			go_strerror(err, scratch, sizeof scratch));
		return err == ENOENT ? 1 : -1;
	}
	if (fs.f_type == NSFS || fs.f_type == PROCFS) return 0;
	/* gVisor has magic numbers of its own; setns(2) fails for a plain file. */
	_cleanup_close_ int fd = open(c->netns, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
	if (fd >= 0 && !setns(fd, CLONE_NEWNET)) return 0;
	return cni_fail(c, CNI_INTERNAL, "unknown FS magic on %s: %lx", path.data,
		(unsigned long)fs.f_type);
}

static int fail_errno(struct cni *c, const char *what, int r)
{
	char scratch[128];
	return cni_fail(c, CNI_INTERNAL, "%s%s", what, go_strerror(-r, scratch, sizeof scratch));
}

/* A socket in the namespace, and its lo. 1: the namespace does not exist (after cni_fail()). */
static int open_lo(struct cni *c, struct nl *nl, struct nl_link *lo)
{
	int r = check_path(c);

	if (r) return r;
	if ((r = nl_enter_netns(c->netns)) < 0) {
		_cleanup_buf_ struct buf what = {0};
		buf_printf(&what, "error switching to ns %s: ", c->netns);
		return fail_errno(c, what.data, r);
	}
	if ((r = nl_open(nl)) < 0) return fail_errno(c, "netlink socket: ", r);
	r = nl_link_get(nl, "lo", lo);
	if (r == -ENODEV) return cni_fail(c, CNI_INTERNAL, "Link not found");
	return r < 0 ? fail_errno(c, "netlink: ", r) : 0;
}

static bool is_loopback(const struct ip *a)
{
	static const uint8_t one[16] = { [15] = 1 };
	return a->len == 4 ? a->b[0] == 127 : !memcmp(a->b, one, 16);
}

/* The first address of a family goes into the result; each must be a loopback address. */
static int take_addresses(struct cni *c, const struct cidr *v, size_t n, size_t len,
	struct cni_result *r)
{
	static const int64_t zero;
	bool first = true;

	for (size_t i = 0; i < n; i++) {
		char text[IP_TEXT];
		if (v[i].addr.len != len) continue;
		ip_format(&v[i].addr, text);
		if (!is_loopback(&v[i].addr))
			return cni_fail(c, CNI_INTERNAL,
				"loopback interface found with non-loopback address \"%s\"", text);
		if (!first) continue;
		first = false;
		struct cni_ip *ip = cni_append(c, &r->ips, sizeof *ip);
		ip->address = v[i];
		ip->interface = (int64_t *)&zero;
	}
	return 0;
}

static int bring_up(struct cni *c, struct cni_result *r)
{
	__attribute__((cleanup(close_nl))) struct nl nl = { .fd = -1 };
	struct cidr *addresses = NULL;
	struct nl_link lo;
	size_t n = 16, room = 0;

	if (open_lo(c, &nl, &lo)) return -1;
	int e = nl_link_up(&nl, lo.index, true);
	while (!e && n > room) {   /* the count is known afterwards */
		addresses = arena_alloc(&c->arena, n * sizeof *addresses);
		room = n;
		e = nl_addresses(&nl, lo.index, addresses, room, &n);
	}
	if (e < 0) return fail_errno(c, "", e);
	if (take_addresses(c, addresses, n, 4, r) < 0) return -1;
	return take_addresses(c, addresses, n, 16, r);
}

/* types.PluginConf, as far as loopback reads it: the object prevResult. */
static const struct go_type conf_type = {
	.kind = GO_STRUCT, .name = "types.PluginConf", .bare = "PluginConf",
	.fields = (const struct go_field[]){ { .name = "prevResult", .type = &go_object }, { 0 } },
};

/* Reads prevResult. 1: there is one, in *r; 0: none. */
static int previous(struct cni *c, struct cni_result *r)
{
	const struct json_node *root = json_root(&c->conf), *prev = NULL;
	bool old = c->compat == CNI_111;
	struct str why;

	if (go_decode(&c->conf, root, &conf_type, &prev, &c->arena, old, &why) < 0)
		return cni_fail_str(c, CNI_INTERNAL, "failed to parse network config: ", why);
	if (!prev) return 0;
	if (cni_parse_result(c, &c->conf, prev, c->version, r, &why) == 0) return 1;
	return cni_fail_str(c, CNI_INTERNAL,
		"failed to parse prevResult: could not parse prevResult: ", why);
}

static int add(struct cni *c)
{
	struct cni_result prev = {0}, own = {0};

	int chained = previous(c, &prev);
	if (chained < 0 || bring_up(c, &own) < 0) return -1;
	struct cni_interface *i = cni_append(c, &own.interfaces, sizeof *i);
	i->name = go_str("lo");
	i->mac = go_str("00:00:00:00:00:00");
	i->sandbox = go_str(c->netns);
	if (chained) return cni_print_result(c, &prev, c->version, c->version);
	/* Upstream labels its own result with the configuration's version and therefore converts
	 * it only where that is empty. */
	const struct json_node *stated = json_get(&c->conf, json_root(&c->conf), "cniVersion");
	bool empty = !stated || !json_is(&c->conf, stated,
		arena_copy(&c->arena, c->version.s, c->version.n));
	return cni_print_result(c, &own, empty ? c->version : go_str("1.0.0"), c->version);
}

static int del(struct cni *c)
{
	__attribute__((cleanup(close_nl))) struct nl nl = { .fd = -1 };
	struct nl_link lo;

	if (!*c->netns) return 0;
	int r = open_lo(c, &nl, &lo);
	if (r > 0) cni_forgive(c);   /* the namespace ended with its pod */
	if (r) return r < 0 ? -1 : 0;
	int e = nl_link_up(&nl, lo.index, false);
	return e < 0 ? fail_errno(c, "", e) : 0;
}

static int check(struct cni *c)
{
	__attribute__((cleanup(close_nl))) struct nl nl = { .fd = -1 };
	struct nl_link lo;

	if (open_lo(c, &nl, &lo)) return -1;
	return lo.flags & IFF_UP ? 0 : cni_fail(c, CNI_INTERNAL, "loopback interface is down");
}

static const char help[] =
	"A CNI plugin that brings lo up in the pod's network namespace and reports its addresses,\n"
	"as containernetworking's loopback does. Versions 0.1.0 to 1.1.0.\n";

static int run(int argc, char **argv)
{
	static const struct cni_plugin plugin = {
		.name = "loopback", .help = help,
		.run = { [CNI_ADD] = add, [CNI_DEL] = del, [CNI_CHECK] = check },
	};
	return cni_main(&plugin, argc, argv);
}

const struct applet applet_loopback = {
	.name = "loopback",
	.group = GROUP_CNI,
	.link_dir = "/opt/cni/bin",
	.summary = "CNI plugin: brings lo up",
	.more = help,
	.flags = APPLET_RAW,
	.run_raw = run,
};
