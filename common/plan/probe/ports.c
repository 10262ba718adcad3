/* Probe of the ports that k3s and its parts listen on: binds each of them as Go does, and names the
 * process that has it. */
#include <arpa/inet.h>
#include <dirent.h>
#include <errno.h>
#include <limits.h>
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/buf.h"
#include "base/cleanup.h"
#include "base/io.h"
#include "base/process.h"
#include "base/text.h"
#include "plan/probe/probe.h"

/* Without pointers, each of which would need a relocation. */
struct ports_row {
	char who[25];
	uint8_t fact;              /* enum fact_id */
	uint16_t port;
	bool loopback, udp;
	char off[25];              /* the switch of k3s that leaves this part out, or "" */
};

/* k3s pkg/cli/server/server.go, pkg/daemons and pkg/agent; 0: --https-listen-port, 1: the one
 * behind it. */
static const struct ports_row rows[] = {
	{ .who = "the API", FACT_PORTS, 0 },
	{ .who = "kube-apiserver", FACT_PORTS, 1, true },
	{ .who = "kube-controller-manager", FACT_PORTS, 10257, true },
	{ .who = "kube-cloud-controller", FACT_PORTS, 10258, true,
		.off = "disable-cloud-controller" },
	{ .who = "kube-scheduler", FACT_PORTS, 10259, true, .off = "disable-scheduler" },
	{ .who = "etcd", FACT_PORTS, 2379, true },
	{ .who = "etcd", FACT_PORTS, 2380, true },
	{ .who = "kubelet", FACT_NODE_PORTS, 10250 },
	{ .who = "kubelet", FACT_NODE_PORTS, 10248, true },
	{ .who = "containerd", FACT_NODE_PORTS, 10010, true },
	{ .who = "flannel", FACT_NODE_PORTS, 8472, .udp = true },
	{ .who = "kube-proxy", FACT_PROXY_PORTS, 10249, true, .off = "disable-kube-proxy" },
	{ .who = "kube-proxy", FACT_PROXY_PORTS, 10256, .off = "disable-kube-proxy" },
};

static bool has_etcd(const struct plan_options *o)
{
	char path[PATH_MAX];
	const char *join = k3s_args_find(&o->args, "server");

	return k3s_args_is_on(&o->args, "cluster-init") || (join && *join) ||
		(!io_join(path, sizeof path, o->data_dir, "server/db/etcd") && io_exists(path));
}

/* Has the user moved a port of this part, by --WHO-arg? Then which is not looked at. */
static bool is_moved(const struct plan_options *o, const struct ports_row *row)
{
	static const char keys[][24] = { "port", "secure-port", "healthz-port",
		"healthz-bind-address", "metrics-bind-address" };
	char list[40];

	snprintf(list, sizeof list, "%.24s%s-arg", row->who,
		row->port == 10258 ? "-manager" : "");
	for (size_t i = 0; i < sizeof keys / sizeof *keys; i++)
		if (k3s_args_item(&o->args, list, keys[i], strlen(keys[i]))) return true;
	return false;
}

static bool is_used(const struct plan_options *o, const struct ports_row *row)
{
	const char *backend = k3s_args_find(&o->args, "flannel-backend");

	if (row->port == 2379 || row->port == 2380) return has_etcd(o);
	/* The kernel holds the port for flannel's link, which stays after k3s's end and is used
	 * again. */
	if (row->udp && ((backend && *backend && strcmp(backend, "vxlan")) ||
		io_exists("/sys/class/net/flannel.1"))) return false;
	return !(*row->off && k3s_args_is_on(&o->args, row->off)) && !is_moved(o, row);
}

static unsigned port_of(const struct plan_options *o, const struct ports_row *row)
{
	return row->port > 1 ? row->port
		: (unsigned)atoi(k3s_args_value(&o->args, "https-listen-port")) + row->port;
}

/* Only EADDRINUSE counts. */
static bool is_free(const struct ports_row *row, unsigned port, int family)
{
	_cleanup_close_ int fd = socket(family, (row->udp ? SOCK_DGRAM : SOCK_STREAM) |
		SOCK_CLOEXEC, 0);
	struct sockaddr_in v4 = { .sin_family = AF_INET, .sin_port = htons((uint16_t)port),
		.sin_addr.s_addr = htonl(row->loopback ? INADDR_LOOPBACK : INADDR_ANY) };
	struct sockaddr_in6 v6 = { .sin6_family = AF_INET6, .sin6_port = v4.sin_port };
	int on = 1;

	if (fd < 0) return true;
	/* For datagrams it would mean to share the port. */
	if (!row->udp) setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on);
	if (family == AF_INET) return !bind(fd, (struct sockaddr *)&v4, sizeof v4) ||
		errno != EADDRINUSE;
	setsockopt(fd, IPPROTO_IPV6, IPV6_V6ONLY, &on, sizeof on);
	return !bind(fd, (struct sockaddr *)&v6, sizeof v6) || errno != EADDRINUSE;
}

/* ---- the process that listens on a port ---- */

/* The inode of the socket that listens there, as text; false if there is none in this file. */
static bool find_socket(const char *file, unsigned port, bool udp, char *inode, size_t size)
{
	enum { LOCAL = 1, STATE = 3, INODE = 9 };
	_cleanup_buf_ struct buf text = {0};
	char local[48], state[4];

	io_read(file, &text, 16 << 20);
	struct text_lines l = text_lines(text.data, text.len);
	while (text_line(&l)) {
		if (!text_field(l.line, LOCAL, local, sizeof local) ||
			!text_field(l.line, STATE, state, sizeof state)) continue;
		const char *colon = strchr(local, ':');
		if (colon && strtoul(colon + 1, NULL, 16) == port &&
			(udp || !strcmp(state, "0A")) &&
			text_field(l.line, INODE, inode, size)) return true;
	}
	return false;
}

static bool has_socket(pid_t pid, const char *link)
{
	char path[300], to[64];
	struct dirent *f = NULL;

	snprintf(path, sizeof path, "/proc/%d/fd", (int)pid);
	_cleanup_closedir_ DIR *d = opendir(path);
	while (d && (f = readdir(d))) {
		snprintf(path, sizeof path, "/proc/%d/fd/%s", (int)pid, f->d_name);
		ssize_t n = readlink(path, to, sizeof to - 1);
		if (n > 0 && (size_t)n == strlen(link) && !memcmp(to, link, (size_t)n)) break;
	}
	return f;
}

/* The process that listens on the port; 0 if it cannot be found (another PID namespace). */
static pid_t find_holder(unsigned port, bool udp)
{
	static const char files[][16] =
		{ "/proc/net/tcp", "/proc/net/tcp6", "/proc/net/udp", "/proc/net/udp6" };
	_cleanup_procs_ struct procs all = {0};
	char inode[24], link[40];
	bool found = false;

	for (size_t i = udp * 2; i < udp * 2 + 2U && !found; i++)
		found = find_socket(files[i], port, udp, inode, sizeof inode);
	if (!found || procs_read(&all) < 0) return 0;
	snprintf(link, sizeof link, "socket:[%s]", inode);
	for (size_t i = 0; i < all.n; i++)
		if (has_socket(all.v[i].id.pid, link)) return all.v[i].id.pid;
	return 0;
}

static bool is_mark(const char *assignment, const void *arg)
{
	(void)arg;
	return !strncmp(assignment, PROCESS_MARK "=", sizeof PROCESS_MARK);
}

/* Nothing listens on them in a world's network namespace. init may be called beside a k3s that
 * runs. */
static void look(const struct plan_options *o, enum fact_id fact, struct fact_result *r)
{
	if (!o->trust_init && !o->for_doctor) return;
	for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
		const struct ports_row *row = &rows[i];
		unsigned port = port_of(o, row);
		char name[40] = "", path[32];
		if (row->fact != fact || !port || !is_used(o, row) ||
			(is_free(row, port, AF_INET) &&
			(row->loopback || is_free(row, port, AF_INET6)))) continue;
		pid_t pid = find_holder(port, row->udp);
		/* Part of a k3s that k3sbox runs. */
		if (o->for_doctor && pid && process_environment(pid, is_mark, NULL)) continue;
		snprintf(path, sizeof path, "/proc/%d/comm", (int)pid);
		if (!pid || io_read_line(path, name, sizeof name) < 0)
			snprintf(name, sizeof name, "a program that is not visible here");
		probe_obstacle(r, KIND_NONE, "port %u%s, on which %s listens, is taken: %s%s%.0d",
			port, row->udp ? "/udp" : "", row->who, name, pid ? ", pid " : "",
			(int)pid);
		return;
	}
}

void probe_ports(const struct plan_options *o, struct fact_result *r)
{
	look(o, FACT_PORTS, r);
}

void probe_node_ports(const struct plan_options *o, struct fact_result *r)
{
	if (!k3s_args_is_on(&o->args, "disable-agent")) look(o, FACT_NODE_PORTS, r);
}

void probe_proxy_ports(const struct plan_options *o, struct fact_result *r)
{
	if (!k3s_args_is_on(&o->args, "disable-agent")) look(o, FACT_PROXY_PORTS, r);
}
