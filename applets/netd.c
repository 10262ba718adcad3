/* netd: the gateway of a world. Connections that pods and the node's own processes open to addresses outside are redirected to it; it dials
 * them out there by sockets of the broker, and copies. DNS questions go the same way. Single-threaded, one epoll instance. */
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <signal.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <unistd.h>

#include "app/applet.h"
#include "base/buf.h"
#include "base/cleanup.h"
#include "base/clock.h"
#include "base/die.h"
#include "base/err.h"
#include "base/io.h"
#include "net/redirect.h"
#include "netd/dns.h"
#include "netd/flow.h"
#include "netd/listen.h"
#include "netd/policy.h"
#include "world/broker.h"
#include "world/switch.h"

enum { PORT = 15001, RANGES = 16, MAPS = 64, FLOWS_MAX = 65536, EVENTS = 256 };

struct config {
	unsigned channel, port;
	struct strv inside, allowed, maps, exposed, servers;
	const char *pods;
};

struct netd {
	int epoll;
	struct policy policy;
	struct cidr inside[RANGES], allowed[RANGES], pods;
	struct policy_map maps[MAPS], exposed[MAPS];
	size_t exposed_n;
	struct flows flows;
	struct gate gate;
	struct dns dns;
};

static const struct config defaults = { .port = PORT };

static const struct opt opts[] = {
	{ OPT_UINT, 0, "channel", offsetof(struct config, channel), "FD", .help = "the socket broker's channel" },
	{ OPT_UINT, 0, "port", offsetof(struct config, port), "PORT", .help = "where redirected connections arrive (15001)" },
	{ OPT_STR, 0, "pods", offsetof(struct config, pods), "ADDRESS/BITS", .help = "the node's address, with the prefix of its pods' network" },
	{ OPT_LIST, 0, "inside", offsetof(struct config, inside), "CIDR", .help = "a network of the cluster: never dialled outside" },
	{ OPT_LIST, 0, "allow", offsetof(struct config, allowed), "CIDR", .help = "a network that pods may reach although it is refused by default" },
	{ OPT_LIST, 0, "map", offsetof(struct config, maps), "IP:PORT=IP:PORT", .help = "an address inside that stands for another one inside" },
	{ OPT_LIST, 0, "expose", offsetof(struct config, exposed), "IP:PORT=IP:PORT", .help = "listen outside, connect to an address inside" },
	{ OPT_LIST, 0, "dns", offsetof(struct config, servers), "IP", .help = "a DNS server outside" },
	{ OPT_END },
};

/* ---- options ---- */

static bool parse_endpoint(const char *s, size_t n, struct endpoint *out)
{
	const char *colon = memrchr(s, ':', n);
	char *end;

	if (!colon || colon + 1 == s + n) return false;
	unsigned long port = strtoul(colon + 1, &end, 10);
	if (end != s + n || !port || port > 65535) return false;
	out->port = (uint16_t)port;
	bool brackets = colon - s > 2 && *s == '[' && colon[-1] == ']';
	return ip_parse(&out->address, s + brackets, (size_t)(colon - s) - 2u * brackets);
}

static size_t parse_maps(const struct strv *list, const char *option, struct policy_map *out)
{
	if (list->n > MAPS) die_usage("--%s: more than %d", option, MAPS);
	for (size_t i = 0; i < list->n; i++) {
		const char *s = list->v[i], *equals = strchr(s, '=');
		if (!equals || !parse_endpoint(s, (size_t)(equals - s), &out[i].from) || !parse_endpoint(equals + 1, strlen(equals + 1), &out[i].to))
			die_usage("--%s: '%s' is not IP:PORT=IP:PORT", option, s);
	}
	return list->n;
}

static size_t parse_ranges(const struct strv *list, const char *option, struct cidr *out)
{
	if (list->n > RANGES) die_usage("--%s: more than %d", option, RANGES);
	for (size_t i = 0; i < list->n; i++)
		if (!cidr_parse(&out[i], list->v[i], strlen(list->v[i]))) die_usage("--%s: '%s' is no network", option, list->v[i]);
	return list->n;
}

static void parse(const struct config *cfg, struct netd *d)
{
	d->policy = (struct policy){ .maps = d->maps, .inside = d->inside, .allowed = d->allowed };
	d->policy.map_n = parse_maps(&cfg->maps, "map", d->maps);
	d->policy.inside_n = parse_ranges(&cfg->inside, "inside", d->inside);
	d->policy.allowed_n = parse_ranges(&cfg->allowed, "allow", d->allowed);
	d->exposed_n = parse_maps(&cfg->exposed, "expose", d->exposed);
	if (!cfg->pods || !cidr_parse(&d->pods, cfg->pods, strlen(cfg->pods)) || d->pods.addr.len != 4)
		die_usage("--pods: an IPv4 address with a prefix length is needed");
	for (size_t i = 0; i < cfg->servers.n && d->dns.server_n < DNS_SERVERS; i++)
		if (!ip_parse(&d->dns.servers[d->dns.server_n++], cfg->servers.v[i], strlen(cfg->servers.v[i])))
			die_usage("--dns: '%s' is no address", cfg->servers.v[i]);
}

/* ---- setting up ---- */

static int listen_inside(int type, const struct ip *address, uint16_t port)
{
	struct sockaddr_in a = { .sin_family = AF_INET, .sin_port = htons(port) };
	int on = 1, fd = socket(AF_INET, type | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);

	if (fd < 0) return -errno;
	if (address) memcpy(&a.sin_addr, address->b, sizeof a.sin_addr);
	setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on);   /* binding fails without it, and says so */
	if (bind(fd, (struct sockaddr *)&a, sizeof a) < 0 || (type == SOCK_STREAM && listen(fd, SOMAXCONN) < 0)) {
		int r = -errno;
		close(fd);
		return r;
	}
	return fd;
}

static int listen_outside(int channel, const struct endpoint *at)
{
	struct broker_request q = { .op = BROKER_LISTEN_TCP, .family = at->address.len == 4 ? AF_INET : AF_INET6, .port = at->port };

	memcpy(q.address, at->address.b, sizeof q.address);
	return broker_ask(channel, &q);
}

/* A third of what may be open, two descriptors each. */
static uint32_t flow_limit(void)
{
	struct rlimit l;

	if (getrlimit(RLIMIT_NOFILE, &l) < 0) return 256;
	l.rlim_cur = l.rlim_max;
	if (setrlimit(RLIMIT_NOFILE, &l) < 0 && getrlimit(RLIMIT_NOFILE, &l) < 0) return 256;
	rlim_t n = l.rlim_cur / 10 * 3;
	return n > FLOWS_MAX ? FLOWS_MAX : n < 16 ? 16 : (uint32_t)n;
}

static void open_listeners(const struct config *cfg, struct netd *d)
{
	int fd = listen_inside(SOCK_STREAM, NULL, (uint16_t)cfg->port), r = fd;

	if (fd >= 0) r = gate_add(&d->gate, fd, NULL);
	if (r < 0) die_errno(EX_SYS, r, "port %u", cfg->port);
	for (size_t i = 0; i < d->exposed_n; i++) {
		fd = r = listen_outside((int)cfg->channel, &d->exposed[i].from);
		if (fd >= 0) r = gate_add(&d->gate, fd, &d->exposed[i].to);
		/* The cluster works without it, and who needs the port is told. */
		if (r < 0) warn_errno(r, "--expose %s", cfg->exposed.v[i]);
	}
	fd = r = listen_inside(SOCK_DGRAM, &d->pods.addr, 53);
	if (fd >= 0) r = dns_init(&d->dns, d->epoll, (int)cfg->channel, fd);
	if (r < 0) die_errno(EX_SYS, r, "port 53 for DNS");
}

/* What goes to the pods' network, or to the node's own loopback, goes there; every other TCP connection comes here. */
static void load_rules(const struct config *cfg, const struct netd *d)
{
	static const struct cidr loopback = { .addr = { 4, { 127 } }, .ones = 8, .bits = 32 };
	const struct redirect_rule rules[] = {
		{ REDIRECT_PREROUTING, SWITCH_NODE_LINK, d->pods, 0 },
		{ REDIRECT_PREROUTING, SWITCH_NODE_LINK, {{0}, 0, 0}, (uint16_t)cfg->port },
		{ REDIRECT_OUTPUT, NULL, d->pods, 0 },
		{ REDIRECT_OUTPUT, NULL, loopback, 0 },
		{ REDIRECT_OUTPUT, NULL, {{0}, 0, 0}, (uint16_t)cfg->port },
	};
	struct err e = {0};
	int r = redirect_load(rules, sizeof rules / sizeof *rules, &e);

	if (r < 0) die(EX_SYS, "%s", e.text);
}

/* Whoever started it waits for this on its standard output, which then ends. */
static void tell_ready(void)
{
	int null = open("/dev/null", O_RDWR | O_CLOEXEC);

	if (io_write_fd(STDOUT_FILENO, "ready\n", 6) < 0 || null < 0) return;
	dup2(null, STDOUT_FILENO);
	close(null);
}

/* ---- the loop ---- */

static void dispatch(struct netd *d, const struct epoll_event *ev, int64_t now)
{
	uint64_t data = ev->data.u64;

	if (data == DNS_DATA_CLIENTS) dns_on_clients(&d->dns, now);
	else if (data & DNS_DATA_QUERY(0)) dns_on_answer(&d->dns, (size_t)(data & 0xffffffff));
	else if (data & LISTEN_DATA(0)) gate_on_listener(&d->gate, (size_t)(data & 0xffffffff), now);
	else flows_event(&d->flows, (uint32_t)(data >> 1), (int)(data & 1), ev->events);
}

static int sooner(int a, int b)
{
	return a < 0 ? b : b < 0 || a < b ? a : b;
}

/* Until the broker ends: then nothing can be reached any more, and the world ends too. */
static int loop(struct netd *d)
{
	struct epoll_event events[EVENTS];
	int timeout = -1;

	for (;;) {
		int n = epoll_wait(d->epoll, events, EVENTS, timeout);
		if (n < 0 && errno != EINTR) die_errno(EX_SYS, -errno, "epoll_wait");
		int64_t now = clock_ms();
		for (int i = 0; i < n; i++) dispatch(d, &events[i], now);
		timeout = sooner(flows_settle(&d->flows, now), dns_settle(&d->dns, now));
		gate_settle(&d->gate);
	}
}

static int run(void *cfg_, const struct args *args)
{
	static struct netd d;
	const struct config *cfg = cfg_;

	(void)args;
	signal(SIGPIPE, SIG_IGN);
	parse(cfg, &d);
	d.epoll = epoll_create1(EPOLL_CLOEXEC);
	if (d.epoll < 0) die_errno(EX_SYS, -errno, "epoll_create1");
	int r = flows_init(&d.flows, d.epoll, flow_limit());
	if (r < 0) die_errno(EX_SYS, r, "the table of flows");
	d.gate = (struct gate){ .epoll = d.epoll, .channel = (int)cfg->channel, .policy = &d.policy, .flows = &d.flows };
	open_listeners(cfg, &d);
	load_rules(cfg, &d);
	tell_ready();
	return loop(&d);
}

const struct applet applet_netd = {
	.name = "netd",
	.group = GROUP_TOOL,
	.summary = "gateway of a cluster in namespaces of its own: carries connections and DNS questions out",
	.usage = "--channel FD --pods ADDRESS/BITS [OPTION…]",
	.opts = opts,
	.defaults = &defaults,
	.cfg_size = sizeof(struct config),
	.run = run,
};
