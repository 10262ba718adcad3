/* Works out which ports lead where, and asks netd for them. */
#include "bridge/hostport.h"

#include <dirent.h>
#include <errno.h>
#include <string.h>

#include "base/cleanup.h"
#include "base/io.h"
#include "bridge/name.h"
#include "world/ports.h"

/* Upstream's checks, and its words. SCTP has no sockets here. */
static int check_mapping(struct cni *c, const struct bridge_mapping *m)
{
	if (m->container_port <= 0 || m->container_port > UINT16_MAX)
		return cni_fail(c, CNI_BAD_CONFIG, "Invalid container port number: %lld",
			(long long)m->container_port);
	if (m->host_port < 0 || m->host_port > UINT16_MAX)
		return cni_fail(c, CNI_BAD_CONFIG, "Invalid host port number: %lld",
			(long long)m->host_port);
	if (!m->protocol.n || go_str_is(m->protocol, "tcp") || go_str_is(m->protocol, "udp"))
		return 0;
	return cni_fail(c, CNI_UNSUPPORTED_FIELD,
		"hostPort %lld: protocol %.*s is unsupported: only tcp and udp",
		(long long)m->host_port, (int)m->protocol.n, m->protocol.s);
}

/* The port for one of the pod's addresses; without a host address, on all of that family. False if
 * the host address is of the other one. */
static bool make_port(const struct bridge_mapping *m, const struct ip *pod, struct port *out)
{
	struct ip host = m->host_ip;

	if (!host.len) host = (struct ip){ .len = pod->len };
	if (host.len != pod->len) return false;
	out->udp = go_str_is(m->protocol, "udp");
	out->host = (struct endpoint){ host, (uint16_t)m->host_port };
	out->pod = (struct endpoint){ *pod, (uint16_t)m->container_port };
	return true;
}

/* The first address of each family. */
static const struct ip *pod_address(const struct cni_result *r, size_t len)
{
	for (size_t i = 0; i < r->ips.n; i++) {
		const struct cni_ip *ip = ((struct cni_ip **)r->ips.v)[i];
		if (ip->address.addr.len == len) return &ip->address.addr;
	}
	return NULL;
}

static int add_mapping(struct cni *c, const struct bridge_mapping *m, const struct cni_result *r,
	struct port *v, size_t *n)
{
	static const size_t families[] = { 4, 16 };
	size_t before = *n;

	if (check_mapping(c, m) < 0) return -1;
	if (!m->host_port) return 0;   /* it has no port on the node */
	for (size_t i = 0; i < sizeof families / sizeof *families; i++) {
		const struct ip *pod = pod_address(r, families[i]);
		if (!pod || !make_port(m, pod, &v[*n])) continue;
		if (++*n == PORTS_MAX)
			return cni_fail(c, CNI_BAD_CONFIG, "more than %d host ports",
				PORTS_MAX - 1);
	}
	if (*n > before || !m->host_ip.len) return 0;
	return cni_fail(c, CNI_BAD_CONFIG,
		"hostPort %lld: the pod has no address of the family of its hostIP",
		(long long)m->host_port);
}

int bridge_open_ports(struct cni *c, const struct bridge_conf *conf, const struct bridge_place *p,
	const struct cni_result *r)
{
	static struct port v[PORTS_MAX];
	const struct bridge_mapping *m = conf->mappings.v;
	struct err e = {0};
	size_t n = 0;

	for (size_t i = 0; i < conf->mappings.n; i++)
		if (add_mapping(c, &m[i], r, v, &n) < 0) return -1;
	if (!n) return 0;
	if (!io_exists(PORTS_DIR))
		return cni_fail(c, CNI_UNSUPPORTED_FIELD,
			"host ports are unsupported: nothing listens on them here, because no "
			"gateway of k3sbox runs");
	if (!ports_open(p->port, v, n, &e)) return 0;
	return cni_fail(c, CNI_INTERNAL, "%s", e.text);
}

int bridge_collect_ports(struct cni *c, bool (*keep)(void *arg, const char *name), void *arg)
{
	_cleanup_closedir_ DIR *d = opendir(PORTS_DIR);

	if (!d) return 0;   /* no world, no ports */
	for (struct dirent *f; (f = readdir(d));) {
		if (!bridge_name_is_of(c->name, f->d_name) || keep(arg, f->d_name)) continue;
		int r = ports_close(f->d_name);
		if (r < 0) return cni_fail_errno(c, r, "host ports of %s", f->d_name);
	}
	return 0;
}
