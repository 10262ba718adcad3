/* netd: the gateway of a world. Connections that pods and the node's own processes open to
 * addresses outside are redirected to it; it dials them out there by sockets of the broker, and
 * copies. DNS questions go the same way. Single-threaded, one epoll instance. */
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
#include "net/proxy.h"
#include "netd/dns.h"
#include "netd/echo.h"
#include "netd/dns_stream.h"
#include "netd/flow.h"
#include "netd/fronts.h"
#include "netd/health.h"
#include "netd/listen.h"
#include "netd/pick.h"
#include "netd/policy.h"
#include "netd/ports.h"
#include "netd/publish.h"
#include "netd/relay.h"
#include "netd/retry.h"
#include "netd/rules.h"
#include "netd/sockets.h"
#include "netd/services.h"
#include "netd/udp.h"
#include "netd/watch.h"
#include "world/broker.h"
#include "world/switch.h"

enum { OPEN_EXPOSED, OPEN_PROXY, OPEN_DNS_STREAMS, OPEN_CLUSTER_DNS, OPEN_HEALTH };
enum { PORT = 15001, RANGES = 16, MAPS = 64, FLOWS_MAX = 65536, EVENTS = 256 };

struct config {
	unsigned channel, port;
	struct strv inside, allowed, maps, exposed, proxies, servers;
	const char *pods, *proxy, *kubeconfig, *admin, *address,
		*domain, *cluster_dns;
};

struct netd {
	int epoll;
	struct policy policy;
	struct switch_node node;
	struct cidr inside[RANGES + 2], allowed[RANGES], pods;   /* pods: of IPv4 */
	struct policy_map maps[MAPS];
	struct retries retries;
	struct flows flows;
	struct gate gate;
	struct gate_proxy proxy;
	struct picker picker;
	struct watch watch;
	struct fronts fronts;
	struct health health;
	struct publisher publisher;
	struct rules rules[REDIRECT_FAMILIES];
	struct dns dns;
	struct dns_streams streams;
	struct udp udp;
	struct echo echo;
	struct relay relay;
	struct ports ports;
};

static const struct config defaults = { .port = PORT, .domain = "cluster.local" };

#define AT(field) offsetof(struct config, field)

static const struct opt opts[] = {
	{ OPT_UINT, 0, "channel", AT(channel), "FD", .help = "the socket broker's channel" },
	{ OPT_UINT, 0, "port", AT(port), "PORT",
		.help = "where redirected connections arrive (15001)" },
	{ OPT_STR, 0, "pods", AT(pods), "ADDRESS/BITS[,ADDRESS/BITS]",
		.help = "the node's addresses, with the prefixes of its pods' networks" },
	{ OPT_LIST, 0, "inside", AT(inside), "CIDR",
		.help = "a network of the cluster: never dialled outside" },
	{ OPT_LIST, 0, "allow", AT(allowed), "CIDR",
		.help = "a network that pods may reach although it is refused by default" },
	{ OPT_LIST, 0, "map", AT(maps), "IP:PORT=IP:PORT",
		.help = "an address inside that stands for another one inside" },
	{ OPT_LIST, 0, "expose", AT(exposed), "IP:PORT=IP:PORT",
		.help = "listen outside, connect to an address inside" },
	{ OPT_STR, 0, "proxy", AT(proxy), "IP:PORT",
		.help = "the HTTP proxy that HTTPS_PROXY of the environment names; connections to\n"
			"addresses that NO_PROXY does not list go through it" },
	{ OPT_LIST, 0, "proxy-at", AT(proxies), "IP:PORT=IP:PORT",
		.help = "listen inside, connect to an HTTP proxy outside; clients are told by an\n"
			"HTTP answer if it cannot be reached" },
	{ OPT_STR, 0, "kubeconfig", AT(kubeconfig), "FILE",
		.help = "the API server whose Services are served; the file need not exist yet" },
	{ OPT_STR, 0, "address", AT(address), "IP",
		.help = "the address outside that Services of type LoadBalancer get" },
	{ OPT_STR, 0, "admin", AT(admin), "FILE",
		.help = "the kubeconfig with which they get it" },
	{ OPT_LIST, 0, "dns", AT(servers), "IP", .help = "a DNS server outside" },
	{ OPT_STR, 0, "domain", AT(domain), "DOMAIN",
		.help = "the cluster's domain, whose names are answered here (cluster.local)" },
	{ OPT_STR, 0, "cluster-dns", AT(cluster_dns), "IP",
		.help = "the Service address at which pods ask, where no Service does it" },
	{ OPT_END },
};

/* ---- options ---- */

static bool parse_map(const char *s, struct policy_map *out)
{
	const char *equals = strchr(s, '=');

	return equals && endpoint_parse(&out->from, s, (size_t)(equals - s)) &&
		endpoint_parse(&out->to, equals + 1, strlen(equals + 1));
}

/* out NULL: checks only */
static size_t parse_maps(const struct strv *list, const char *option, struct policy_map *out)
{
	struct policy_map m;

	if (list->n > MAPS) die_usage("--%s: more than %d", option, MAPS);
	for (size_t i = 0; i < list->n; i++)
		if (!parse_map(list->v[i], out ? &out[i] : &m))
			die_usage("--%s: '%s' is not IP:PORT=IP:PORT", option, list->v[i]);
	return list->n;
}

static size_t parse_ranges(const struct strv *list, const char *option, struct cidr *out)
{
	if (list->n > RANGES) die_usage("--%s: more than %d", option, RANGES);
	for (size_t i = 0; i < list->n; i++)
		if (!cidr_parse(&out[i], list->v[i], strlen(list->v[i])))
			die_usage("--%s: '%s' is not a network", option, list->v[i]);
	return list->n;
}

static void parse_dns(const struct config *cfg, struct netd *d)
{
	struct dns_zone *z = &d->dns.zone;

	for (size_t i = 0; i < cfg->servers.n && d->dns.server_n < DNS_SERVERS; i++) {
		const char *s = cfg->servers.v[i];
		if (!ip_parse(&d->dns.servers[d->dns.server_n++], s, strlen(s)))
			die_usage("--dns: '%s' is not an IP address", s);
	}
	z->domain = cfg->domain;
	if (!dns_name_parse(&z->name, z->domain, strlen(z->domain)))
		die_usage("--domain: '%s' is not a domain", z->domain);
	z->networks = d->inside;
	z->network_n = d->policy.inside_n;
	if (!cfg->cluster_dns) return;
	if (!ip_parse(&z->server, cfg->cluster_dns, strlen(cfg->cluster_dns)) || z->server.len != 4)
		die_usage("--cluster-dns: '%s' is not an IPv4 address", cfg->cluster_dns);
	d->policy.dns = (struct endpoint){ z->server, DNS_PORT };
}

static void parse(const struct config *cfg, struct netd *d)
{
	d->policy = (struct policy){ .maps = d->maps, .inside = d->inside, .allowed = d->allowed };
	d->policy.map_n = parse_maps(&cfg->maps, "map", d->maps);
	d->policy.inside_n = parse_ranges(&cfg->inside, "inside", d->inside);
	d->policy.allowed_n = parse_ranges(&cfg->allowed, "allow", d->allowed);
	parse_maps(&cfg->exposed, "expose", NULL);
	parse_maps(&cfg->proxies, "proxy-at", NULL);
	if (!cfg->pods || !switch_parse_node(&d->node, cfg->pods))
		die_usage("--pods: an IPv4 address with a prefix length is needed");
	d->pods = d->node.v[0];
	for (size_t i = 0; i < d->node.n; i++) d->inside[d->policy.inside_n++] = d->node.v[i];
	parse_dns(cfg, d);
}

/* Credentials come by the environment: a command line shows in /proc to everybody. */
static void parse_proxy(const struct config *cfg, struct netd *d)
{
	const char *url = proxy_from_environment();
	struct err e = {0};

	if (!cfg->proxy) return;
	if (!endpoint_parse(&d->proxy.at, cfg->proxy, strlen(cfg->proxy)))
		die_usage("--proxy: '%s' is not IP:PORT", cfg->proxy);
	if (proxy_parse(url ? url : cfg->proxy, &d->proxy.url, &e) < 0) die(EX_USE, "%s", e.text);
	d->proxy.exceptions = proxy_exceptions_from_environment();
}

/* ---- setting up ---- */

/* 30 % of what may be open, two descriptors each. */
static uint32_t flow_limit(void)
{
	struct rlimit l;

	if (getrlimit(RLIMIT_NOFILE, &l) < 0) return 256;
	l.rlim_cur = l.rlim_max;
	if (setrlimit(RLIMIT_NOFILE, &l) < 0 && getrlimit(RLIMIT_NOFILE, &l) < 0) return 256;
	rlim_t n = l.rlim_cur / 10 * 3;
	return n > FLOWS_MAX ? FLOWS_MAX : n < 16 ? 16 : (uint32_t)n;
}

static int add_listener(struct netd *d, const struct listener *l)
{
	int r = l->fd < 0 ? l->fd : gate_add(&d->gate, l);

	return r < 0 ? r : 0;
}

/* For struct retry_kind. The cluster works without what these open; messages tell which. */
static int open_exposed(void *arg, const char *name, struct err *e)
{
	struct netd *d = arg;
	struct policy_map m;

	(void)e;
	parse_map(name, &m);   /* by parse() it has been checked */
	int fd = sockets_outside(d->gate.channel, &m.from, false);
	return add_listener(d, &(struct listener){ .fd = fd, .side = POLICY_INSIDE, .to = m.to });
}

/* Images cannot be pulled without it; the error of each pull names this address. */
static int open_proxy(void *arg, const char *name, struct err *e)
{
	struct policy_map m;

	(void)e;
	parse_map(name, &m);
	int fd = sockets_inside(&m.from, false);
	return add_listener(arg, &(struct listener){ .fd = fd, .side = POLICY_OUTSIDE, .to = m.to,
		.to_proxy = true });
}

/* Few answers are that long. */
static int open_dns_streams(void *arg, const char *name, struct err *e)
{
	struct endpoint at = { .port = DNS_PORT };

	(void)e;
	ip_parse(&at.address, name, strlen(name));
	int fd = sockets_inside(&at, false);
	return add_listener(arg, &(struct listener){ .fd = fd, .side = POLICY_DNS });
}

static int listen_dns(struct netd *d, const struct ip *address)
{
	const struct endpoint at = { *address, DNS_PORT };
	int fd = sockets_inside(&at, true);

	return fd < 0 ? fd : dns_listen(&d->dns, fd);
}

/* The Service address becomes one of the node's own: so the node's processes reach it, too. */
static int open_cluster_dns(void *arg, const char *name, struct err *e)
{
	struct ip address;

	(void)e;
	ip_parse(&address, name, strlen(name));
	int r = sockets_claim(&address, true);
	return r < 0 ? r : listen_dns(arg, &address);
}

/* Load balancers outside cannot ask there, nor can they ask k3s's kube-proxy. */
static int open_health(void *arg, const char *name, struct err *e)
{
	const struct endpoint at = { { 4, { 127, 0, 0, 1 } }, HEALTH_PORT };
	int fd = sockets_inside(&at, false);

	(void)name, (void)e;
	return add_listener(arg, &(struct listener){ .fd = fd, .side = POLICY_HEALTH, .to = at });
}

static const struct retry_kind kinds[] = {
	[OPEN_EXPOSED] = { "--expose", open_exposed },
	[OPEN_PROXY] = { "--proxy-at", open_proxy },
	[OPEN_DNS_STREAMS] = { "DNS over TCP at", open_dns_streams },
	[OPEN_CLUSTER_DNS] = { "DNS at", open_cluster_dns },
	[OPEN_HEALTH] = { "health checks of", open_health },
};

static void open_or_retry(struct netd *d, size_t kind, const char *name)
{
	retries_open(&d->retries, &kinds[kind], name, clock_ms());
}

/* For struct dns_streams: to the server that is asked over UDP, too. */
static void pass_question(void *arg, int fd, uint32_t source, int64_t now)
{
	struct netd *d = arg;
	const struct endpoint to = { d->dns.servers[d->dns.server], DNS_PORT };

	if (d->dns.server_n) gate_pass_outside(&d->gate, fd, &to, source, now);
	else flow_reset_fd(fd);
}

static int take_dns_stream(void *arg, int fd, uint32_t source, int64_t now)
{
	return dns_stream_add(arg, fd, source, now);
}

static void open_dns(const struct config *cfg, struct netd *d)
{
	char own[IP_TEXT];

	dns_init(&d->dns, d->epoll, (int)cfg->channel);
	dns_streams_init(&d->streams, &d->dns);
	d->streams.give_away = pass_question;
	d->streams.arg = d;
	d->gate.dns = take_dns_stream;
	d->gate.dns_arg = &d->streams;
	int r = listen_dns(d, &d->pods.addr);
	if (r < 0) die_errno(EX_SYS, r, "port 53 for DNS");
	if (cfg->cluster_dns) open_or_retry(d, OPEN_CLUSTER_DNS, cfg->cluster_dns);
	ip_format(&d->pods.addr, own);
	open_or_retry(d, OPEN_DNS_STREAMS, own);
}

static int listen_redirected(struct netd *d, uint8_t len, uint16_t port)
{
	const struct endpoint any = { { .len = len }, port };
	int fd = sockets_inside(&any, false);

	return add_listener(d, &(struct listener){ .fd = fd, .redirected = true });
}

static void open_listeners(const struct config *cfg, struct netd *d)
{
	int r = listen_redirected(d, 4, (uint16_t)cfg->port);

	if (r < 0) die_errno(EX_SYS, r, "port %u", cfg->port);
	for (size_t i = 0; i < cfg->exposed.n; i++)
		open_or_retry(d, OPEN_EXPOSED, cfg->exposed.v[i]);
	for (size_t i = 0; i < cfg->proxies.n; i++)
		open_or_retry(d, OPEN_PROXY, cfg->proxies.v[i]);
	open_dns(cfg, d);
	if (cfg->kubeconfig) open_or_retry(d, OPEN_HEALTH, "the proxy");
}

static void open_udp(const struct config *cfg, struct netd *d)
{
	uint32_t share = d->flows.max / 8;

	d->udp.epoll = d->epoll;
	d->udp.channel = (int)cfg->channel;
	d->udp.policy = &d->policy;
	d->udp.picker = &d->picker;
	d->udp.pods = d->pods;
	d->udp.max = share < UDP_FLOWS ? share : UDP_FLOWS;
	int r = udp_init(&d->udp);
	/* Most pods need no UDP but DNS, which has a socket of its own. */
	if (r < 0) warn_errno(r, "datagrams of pods to addresses outside are not carried");
}

static void open_echo(const struct config *cfg, struct netd *d)
{
	d->echo.epoll = d->epoll;
	d->echo.channel = (int)cfg->channel;
	d->echo.policy = &d->policy;
	d->echo.pods = d->pods;
	int r = echo_init(&d->echo);
	if (r < 0) warn_errno(r, "echo requests to addresses outside are not carried");
}

static void open_ports(const struct config *cfg, struct netd *d)
{
	uint32_t share = d->flows.max / 8;

	d->relay.epoll = d->epoll;
	d->relay.picker = &d->picker;
	d->relay.max = share < RELAY_FLOWS ? share : RELAY_FLOWS;
	d->ports.epoll = d->epoll;
	d->ports.channel = (int)cfg->channel;
	d->ports.gate = &d->gate;
	d->ports.relay = &d->relay;
	/* Pods without host ports need nothing of this. */
	int r = ports_init(&d->ports, clock_ms());
	if (r < 0) warn_errno(r, "host ports: " PORTS_DIR);
	d->fronts = (struct fronts){ .channel = (int)cfg->channel, .gate = &d->gate,
		.services = d->picker.services, .relay = &d->relay };
	d->publisher = (struct publisher){ .services = d->picker.services,
		.address = cfg->address, .kubeconfig = cfg->admin };
}

/* A port that nothing else can listen on: bound, so that it is not free, and not listening. The
 * socket stays open for ever. */
static uint16_t close_port(uint8_t len, uint16_t port)
{
	const struct endpoint any = { { .len = len }, port };
	struct sockaddr_storage a;
	socklen_t n = endpoint_to_sockaddr(&any, &a);
	int on = 1, fd = socket(a.ss_family, SOCK_STREAM | SOCK_CLOEXEC, 0);

	/* Where this fails, bind(2) fails, too. */
	if (len == 16) setsockopt(fd, IPPROTO_IPV6, IPV6_V6ONLY, &on, sizeof on);
	return bind(fd, (struct sockaddr *)&a, n) < 0 ? 0 : port;
}

static int load_rules(const struct config *cfg, struct netd *d, enum redirect_family family,
	struct err *e)
{
	uint8_t len = family == REDIRECT_IPV4 ? 4 : 16;
	struct rules *r = &d->rules[family];

	*r = (struct rules){
		.link = SWITCH_NODE_LINK, .pods = d->node.v, .pod_n = d->node.n,
		.policy = &d->policy, .port = (uint16_t)cfg->port,
		.closed = close_port(len, (uint16_t)(cfg->port + 1)),
	};
	return rules_load(r, family, e);
}

static void load_all_rules(const struct config *cfg, struct netd *d)
{
	struct err e = {0};

	if (load_rules(cfg, d, REDIRECT_IPV4, &e) < 0) die(EX_SYS, "%s", e.text);
	if (d->node.n < 2) return;
	int r = listen_redirected(d, 16, (uint16_t)cfg->port);
	if (r >= 0) r = load_rules(cfg, d, REDIRECT_IPV6, NULL);
	/* A kernel may lack this table; within the cluster nothing depends on it. */
	if (r < 0) warn_errno(r, "connections to IPv6 addresses outside are not carried");
}

/* What depends on Services, where they have changed. */
static void follow_services(struct netd *d)
{
	struct ip v[RULES_UNSERVED];
	struct rules *r = &d->rules[REDIRECT_IPV4];
	struct err e = {0};

	if (!fronts_follow(&d->fronts)) return;
	udp_check_services(&d->udp);
	relay_check_services(&d->relay);
	size_t n = fronts_unserved(d->picker.services, 4, v, RULES_UNSERVED);
	if (n == r->unserved_n && !memcmp(v, r->unserved, n * sizeof *v)) return;
	memcpy(r->unserved, v, n * sizeof *v);
	r->unserved_n = n;
	if (rules_load(r, REDIRECT_IPV4, &e) < 0) warn("%s", e.text);   /* the old ones stay */
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
	uint32_t index = data & 0xffffffff;

	if (data & DNS_DATA_CLIENTS(0)) dns_on_clients(&d->dns, index, now);
	else if (data & DNS_DATA_QUERY(0)) dns_on_answer(&d->dns, index);
	else if (data & UDP_DATA_PACKETS) udp_on_packets(&d->udp, index, now);
	else if (data & UDP_DATA_FLOW(0)) udp_on_answer(&d->udp, index, now);
	else if (data & ECHO_DATA_PACKETS) echo_on_packets(&d->echo, index, now);
	else if (data & ECHO_DATA_FLOW(0)) echo_on_answer(&d->echo, index);
	else if (data & RELAY_DATA_PORT(0)) relay_on_port(&d->relay, index, now);
	else if (data & RELAY_DATA_FLOW(0)) relay_on_answer(&d->relay, index, now);
	else if (data == PORTS_DATA) ports_on_call(&d->ports);
	else if (data & WATCH_DATA(0)) watch_on_event(&d->watch, index, now);
	else if (data & DNS_DATA_STREAM(0)) dns_stream_event(&d->streams, index, now);
	else if (data & HEALTH_DATA(0)) health_event(&d->health, index);
	else if (data & LISTEN_DATA(0)) gate_on_listener(&d->gate, index, now);
	else flows_event(&d->flows, (uint32_t)(data >> 1), (int)(data & 1), ev->events,
		now);
}

static int sooner(int a, int b)
{
	return a < 0 ? b : b < 0 || a < b ? a : b;
}

/* Without end: when the broker ends, so does the world. */
static _Noreturn void loop(struct netd *d)
{
	struct epoll_event events[EVENTS];
	int timeout = 0;   /* the first round is for what waits for no event: the API is asked */

	for (;;) {
		int n = epoll_wait(d->epoll, events, EVENTS, timeout);
		if (n < 0 && errno != EINTR) die_errno(EX_SYS, -errno, "epoll_wait");
		int64_t now = clock_ms();
		for (int i = 0; i < n; i++) dispatch(d, &events[i], now);
		follow_services(d);
		timeout = sooner(flows_settle(&d->flows, now), dns_settle(&d->dns, now));
		timeout = sooner(timeout, fronts_settle(&d->fronts, now));
		timeout = sooner(timeout, retries_settle(&d->retries, now));
		timeout = sooner(timeout, retries_settle(&d->ports.retries, now));
		timeout = sooner(timeout, health_settle(&d->health, now));
		timeout = sooner(timeout, gate_settle(&d->gate, now));
		timeout = sooner(timeout, udp_settle(&d->udp, now));
		timeout = sooner(timeout, watch_settle(&d->watch, now));
		timeout = sooner(timeout, publisher_settle(&d->publisher, now));
		timeout = sooner(timeout, relay_settle(&d->relay, now));
		timeout = sooner(timeout, echo_settle(&d->echo, now));
		timeout = sooner(timeout, dns_streams_settle(&d->streams, now));
	}
}

static int run(void *cfg_, const struct args *args)
{
	const struct config *cfg = cfg_;
	/* Not static: gVisor counts that in each process of this program. */
	struct netd *d = xcalloc(1, sizeof *d);

	(void)args;
	signal(SIGPIPE, SIG_IGN);
	parse(cfg, d);
	d->epoll = epoll_create1(EPOLL_CLOEXEC);
	if (d->epoll < 0) die_errno(EX_SYS, -errno, "epoll_create1");
	d->retries.arg = d;
	int r = flows_init(&d->flows, d->epoll, flow_limit());
	if (r < 0) die_errno(EX_SYS, r, "the table of flows");
	d->gate = (struct gate){ .epoll = d->epoll, .channel = (int)cfg->channel,
		.policy = &d->policy, .flows = &d->flows, .proxy = &d->proxy,
		.picker = &d->picker, .health = &d->health };
	d->picker.services = d->dns.zone.services = services_new();
	d->dns.picker = &d->picker;
	health_init(&d->health, d->epoll, d->picker.services);
	watch_init(&d->watch, d->epoll, cfg->kubeconfig, d->picker.services, &d->pods.addr);
	d->flows.service = (struct flow_service){ &d->gate, gate_dial_service };
	parse_proxy(cfg, d);
	d->flows.proxy = (struct flow_proxy){ &d->gate, gate_dial_proxy, gate_proxy_failed,
		gate_proxy_explain };
	open_listeners(cfg, d);
	open_udp(cfg, d);
	open_echo(cfg, d);
	open_ports(cfg, d);
	load_all_rules(cfg, d);
	tell_ready();
	loop(d);
}

const struct applet applet_netd = {
	.name = "netd",
	.group = GROUP_TOOL,
	.summary = "gateway of a world: carries its connections and DNS questions out",
	.usage = "--channel FD --pods ADDRESS/BITS [OPTION…]",
	.opts = opts,
	.defaults = &defaults,
	.cfg_size = sizeof(struct config),
	.run = run,
};
