/* The two halves of a `run` with own namespaces: what stays outside, and what process 1 does before
 * k3s is prepared. */
#include "run/inside.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <netinet/in.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/die.h"
#include "base/err.h"
#include "base/io.h"
#include "base/spawn.h"
#include "base/text.h"
#include "cluster/leftovers.h"
#include "net/endpoint.h"
#include "net/proxy.h"
#include "plan/node.h"
#include "world/broker.h"
#include "world/enter.h"
#include "world/switch.h"
#include "world/world.h"

/* ---- outside ---- */

static volatile sig_atomic_t caught[NSIG];

static void catch_signal(int sig)
{
	caught[sig] = 1;
}

static const int passed_on[] = { SIGTERM, SIGINT, SIGQUIT, SIGHUP, SIGUSR1, SIGUSR2 };

/* Blocked but while waiting, so that none comes between a look at `caught` and the wait. */
static void catch_signals(sigset_t *while_waiting)
{
	struct sigaction action = { .sa_handler = catch_signal }, old;
	sigset_t set;

	sigemptyset(&set);
	sigaddset(&set, SIGCHLD);
	sigaction(SIGCHLD, &action, NULL);
	for (size_t i = 0; i < sizeof passed_on / sizeof *passed_on; i++) {
		if (passed_on[i] == SIGHUP && !sigaction(SIGHUP, NULL, &old) &&
		    old.sa_handler == SIG_IGN)
			continue;
		sigaction(passed_on[i], &action, NULL);
		sigaddset(&set, passed_on[i]);
	}
	signal(SIGPIPE, SIG_IGN);
	sigprocmask(SIG_BLOCK, &set, while_waiting);
}

static void pass_signals_on(pid_t init)
{
	for (size_t i = 0; i < sizeof passed_on / sizeof *passed_on; i++) {
		if (!caught[passed_on[i]]) continue;
		caught[passed_on[i]] = 0;
		kill(init, passed_on[i]);
	}
}

/* Serves until process 1 has ended. Its wait status. */
static int serve(const struct world *w, const sigset_t *while_waiting)
{
	struct pollfd p = { .fd = w->channel, .events = POLLIN };
	int status;

	for (;;) {
		pid_t pid;
		/* The others are probes that were started ahead. */
		while ((pid = waitpid(-1, &status, WNOHANG)) > 0)
			if (pid == w->init) return status;
		pass_signals_on(w->init);
		int n = ppoll(&p, 1, NULL, while_waiting);
		if (n <= 0) continue;
		int r = broker_serve(p.fd);
		/* The other end is closed: process 1 is about to end. */
		if (r < 0 && r != -EAGAIN) p.fd = -1;
	}
}

/* A proxy of the environment. containerd, which must not depend on names that only the outside
 * knows, finds it at the node's address, where netd passes connections on. Looked for before there
 * is a world, in which names are not resolved yet. */
static struct inside_proxy {
	const char *variable;
	uint16_t port;             /* at the node's address */
	const char *url;           /* NULL: not set */
	/* IP:PORT; empty: there is none, or none that can be spoken to */
	char at[ENDPOINT_TEXT];
} proxies[] = {
	{ .variable = "HTTPS_PROXY", .port = 15012 }, { .variable = "HTTP_PROXY", .port = 15013 },
};
enum { PROXY_HTTPS, PROXY_HTTP, PROXIES };

static void resolve_proxy(struct inside_proxy *p)
{
	struct proxy_url parsed;
	struct err e = {0};
	struct endpoint at;

	if (!p->url) return;
	if (proxy_parse(p->url, &parsed, &e) < 0) {
		warn("%s: %s: pods do not use it, containerd tries to", p->variable, e.text);
	} else if (proxy_resolve(&parsed, &at.address) < 0) {
		warn("%s: the name %s cannot be resolved", p->variable, parsed.host);
	} else {
		at.port = parsed.port;
		endpoint_format(&at, p->at);
	}
}

static void find_proxies(void)
{
	proxies[PROXY_HTTPS].url = proxy_from_environment();
	proxies[PROXY_HTTP].url = proxy_plain_from_environment();
	for (size_t i = 0; i < PROXIES; i++) resolve_proxy(&proxies[i]);
}

/* ---- inside ---- */

struct inside {
	struct run *cfg;
	inside_main *main;
	void *arg;
};

static int node_network(const struct run *cfg, struct switch_node *node, struct err *e)
{
	const char *all = k3s_args_value(&cfg->o.args, "cluster-cidr");

	switch_first_node(node, all);
	return node->n && node->v[0].addr.len == 4 ? 0 : err_set(e, -EINVAL,
		"--cluster-cidr %s has no IPv4 network, which pods need "
		"here: name one as well, such as 10.42.0.0/16,%s", all, all);
}

/* Sorts the lines of resolv.conf: servers become options of netd, all others (search, options) are
 * copied. Without the file netd has no servers to ask. */
static void sort_resolv_conf(struct strv *netd, struct buf *others)
{
	_cleanup_buf_ struct buf text = {0};

	io_read("/etc/resolv.conf", &text, 1 << 20);
	struct text_lines l = text_lines(text.data, text.len);
	while (text_line(&l)) {
		bool server = l.len >= 10 && !memcmp(l.line, "nameserver", 10);
		const char *a = l.line + 10 + (server ? strspn(l.line + 10, " \t") : 0);
		size_t n = server ? strcspn(a, " \t\r\n%") : 0;
		struct ip ip;
		if (n && ip_parse(&ip, a, n)) strv_addf(netd, "--dns=%.*s", (int)n, a);
		if (!server) buf_printf(others, "%.*s\n", (int)l.len, l.line);
	}
}

/* Names are resolved by netd, which asks the servers outside. others: the lines that stay. */
static int write_resolv_conf(const struct switch_node *node, const struct buf *others,
	struct err *e)
{
	_cleanup_buf_ struct buf text = {0};
	char address[IP_TEXT];

	ip_format(&node->v[0].addr, address);
	buf_printf(&text, "nameserver %s\n", address);
	buf_add(&text, others->data, others->len);
	if (text.failed || others->failed) return err_errno(e, -ENOMEM, "/etc/resolv.conf");
	return world_replace_file("/etc/resolv.conf", text.data, text.len, e);
}

/* A line for the node's name must not be seen outside, where its address is nothing. */
static int copy_hosts(struct err *e)
{
	_cleanup_buf_ struct buf text = {0};

	io_read("/etc/hosts", &text, 1 << 20);
	return world_replace_file("/etc/hosts", text.data ? text.data : "", text.len, e);
}

/* For netd, and for k3s the URLs by which containerd gets to them. */
static void add_proxies(struct run *cfg, struct strv *argv)
{
	const char **urls[PROXIES] = { &cfg->egress.https, &cfg->egress.http };
	const char *network = cfg->o.node_network;
	char here[IP_TEXT + sizeof ":65535"];

	if (*proxies[PROXY_HTTPS].at) strv_addf(argv, "--proxy=%s", proxies[PROXY_HTTPS].at);
	for (size_t i = 0; i < PROXIES; i++) {
		const struct inside_proxy *p = &proxies[i];
		struct buf url = {0};
		if (!*p->at) continue;
		snprintf(here, sizeof here, "%.*s:%u", (int)strcspn(network, "/"), network,
			p->port);
		strv_addf(argv, "--proxy-at=%s=%s", here, p->at);
		proxy_put_url(p->url, here, &url);
		if (!url.failed) *urls[i] = url.data;   /* as long as this process lives */
	}
}

/* Of both families, where two are given. */
static void add_inside(struct strv *argv, const char *ranges)
{
	for (const char *s = ranges; *s; s += strcspn(s, ","), s += *s == ',')
		strv_addf(argv, "--inside=%.*s", (int)strcspn(s, ","), s);
}

/* Where pods ask: k3s's --cluster-dns, else the tenth address of the Services' network
 * (pkg/cli/server/server.go). */
static void add_cluster_dns(const struct run *cfg, const struct cidr *services, struct strv *argv)
{
	enum { TENTH = 10 };
	const char *s = k3s_args_value(&cfg->o.args, "cluster-dns");
	struct ip at = cidr_network(services), given;
	char text[IP_TEXT];

	for (int i = 0; i < TENTH; i++) at = ip_next(&at);
	for (; *s; s += strcspn(s, ","), s += *s == ',') {
		if (!ip_parse(&given, s, strcspn(s, ",")) || given.len != 4) continue;
		at = given;
		break;
	}
	ip_format(&at, text);
	if (at.len == 4) strv_addf(argv, "--cluster-dns=%s", text);
	strv_addf(argv, "--domain=%s", k3s_args_value(&cfg->o.args, "cluster-domain"));
}

/* netd's command line. The API can be reached from outside by its port, and from pods by the first
 * address of the Services' network. */
static int make_netd_argv(struct run *cfg, const char *self, struct strv *argv)
{
	const char *port = k3s_args_value(&cfg->o.args, "https-listen-port");
	const char *services = k3s_args_value(&cfg->o.args, "service-cidr");
	const char *pods = k3s_args_value(&cfg->o.args, "cluster-cidr");
	struct cidr range;
	char api[IP_TEXT];

	if (!cidr_parse(&range, services, strcspn(services, ","))) return -EINVAL;
	struct ip network = cidr_network(&range), first = ip_next(&network);
	ip_format(&first, api);
	strv_add(argv, self);
	strv_add(argv, "netd");
	strv_add(argv, "--channel=0");
	strv_addf(argv, "--pods=%s", cfg->o.node_network);
	add_inside(argv, services);
	add_inside(argv, pods);
	strv_addf(argv, "--map=%s:443=127.0.0.1:%s", api, port);
	/* doctor's world has no API server, and beside it there may be one that has the port. */
	if (!cfg->o.for_doctor)
		strv_addf(argv, "--expose=0.0.0.0:%s=127.0.0.1:%s", port, port);
	strv_addf(argv, "--kubeconfig=%s/agent/kubeproxy.kubeconfig", cfg->o.data_dir);
	strv_addf(argv, "--admin=%s/server/cred/admin.kubeconfig", cfg->o.data_dir);
	if (*cfg->address) strv_addf(argv, "--address=%s", cfg->address);
	add_proxies(cfg, argv);
	add_cluster_dns(cfg, &range, argv);
	return 0;
}

pid_t inside_start_netd(struct run *cfg)
{
	struct spawn s = {
		.path = cfg->netd.v[0], .argv = cfg->netd.v,
		.in = cfg->channel, .out = -1, .err = -1,
		.die_with_parent = SIGKILL,
	};
	int ready[2];
	char c;

	if (pipe2(ready, O_CLOEXEC) < 0) return -errno;
	s.out = ready[1];
	pid_t pid = spawn(&s);
	close(ready[1]);
	/* Its first output means that its rules are in force; an end of file without one, that it
	 * has failed. */
	if (pid > 0 && read(ready[0], &c, 1) != 1) pid = -EIO;
	close(ready[0]);
	return pid;
}

pid_t inside_start_enter(struct run *cfg)
{
	(void)cfg;
	return enter_start_server();
}

static int make_network(struct run *cfg, struct err *e)
{
	static char network[SWITCH_NODE_TEXT];
	_cleanup_buf_ struct buf others = {0};
	char self[PATH_MAX];
	struct switch_node node;
	int r = node_network(cfg, &node, e);

	if (r < 0) return r;
	switch_format_node(&node, network);
	cfg->o.node_network = network;
	r = switch_make(&node, e);
	if (r < 0) return r;
	r = io_self_path(self, sizeof self);
	if (!r) r = make_netd_argv(cfg, self, &cfg->netd);
	if (r < 0) return err_errno(e, r, "netd's command line");
	sort_resolv_conf(&cfg->netd, &others);
	cfg->netd_pid = inside_start_netd(cfg);
	if (cfg->netd_pid < 0) return err_errno(e, cfg->netd_pid, "netd does not start");
	r = write_resolv_conf(&node, &others, e);
	return r < 0 ? r : copy_hosts(e);
}

static int main_inside(void *arg, int channel)
{
	const struct inside *in = arg;
	struct run *cfg = in->cfg;
	struct err e = {0};

	cfg->channel = channel;
	cfg->o.isolated = true;
	/* Seen by others as the world's, not as a second supervisor. */
	int r = world_settle(&e);
	if (!r) r = make_network(cfg, &e);
	if (r < 0) {
		warn("own namespaces: %s", e.text);
		return EX_FAIL;
	}
	cfg->enter_pid = cfg->o.for_doctor ? 0 : enter_start_server();
	if (cfg->enter_pid < 0) warn("'k3sbox enter' will not work here");
	return in->main(cfg, in->arg);
}

int inside_run(struct run *cfg, bool user, inside_main *main, void *arg)
{
	struct inside in = { cfg, main, arg };
	struct err e = {0};
	struct world w;
	sigset_t while_waiting;

	cfg->outside = process_identify(getpid());
	if (!node_first_address(cfg->address, sizeof cfg->address)) *cfg->address = 0;
	find_proxies();
	int r = world_start(user, main_inside, &in, &w, &e);
	if (r < 0) {
		warn("own namespaces: %s", e.text);
		return EX_FAIL;
	}
	prctl(PR_SET_NAME, LEFTOVERS_SUPERVISOR);
	catch_signals(&while_waiting);
	if (cfg->detach) {   /* whoever reads what `run -d` prints must not wait for this process */
		int null = open("/dev/null", O_RDWR | O_CLOEXEC);
		if (null >= 0) dup2(null, STDERR_FILENO);
		if (null > STDERR_FILENO) close(null);
	}
	process_trim_stack();
	int status = spawn_status(serve(&w, &while_waiting));
	close(w.channel);
	/* It is of no use any more, and the next world makes its own. */
	if (!cfg->o.for_doctor) io_unlink(ENTER_SOCKET);
	world_clean_up();
	return status;
}
