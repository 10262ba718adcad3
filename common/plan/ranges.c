/* Chooses the cluster's address ranges from what the machine's routes and name servers leave free.
 * Not for its own links of an earlier run: cni0, flannel.1 and the like. */
#include "plan/ranges.h"

#include <arpa/inet.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>

#include "base/buf.h"
#include "base/die.h"
#include "base/io.h"
#include "base/text.h"
#include "net/ip.h"

struct in_use { struct ranges_net v[128]; size_t n; };

static void add(struct in_use *u, uint32_t net, uint32_t mask)
{
	if (u->n < sizeof u->v / sizeof *u->v) u->v[u->n++] = (struct ranges_net){ net, mask };
}

/* The links that k3s makes itself. */
static bool is_ours(const char *link)
{
	return !strncmp(link, "cni", 3) || !strncmp(link, "flannel", 7) ||
		!strncmp(link, "veth", 4);
}

/* Addresses have routes for their networks. */
static void add_routes(struct in_use *u)
{
	enum { LINK, DESTINATION, PRIORITY = 6, MASK };
	_cleanup_buf_ struct buf text = {0};
	char link[32], net[16], mask[16], priority[16];

	io_read("/proc/net/route", &text, 1 << 20);
	struct text_lines l = text_lines(text.data, text.len);
	while (text_line(&l))
		if (text_field(l.line, LINK, link, sizeof link) && !is_ours(link) &&
			text_field(l.line, DESTINATION, net, sizeof net) &&
			text_field(l.line, PRIORITY, priority, sizeof priority) &&
			text_field(l.line, MASK, mask, sizeof mask) &&
			atoi(priority) != RANGES_ROUTE_PRIORITY && strtoul(mask, NULL, 16))
			add(u, ntohl((uint32_t)strtoul(net, NULL, 16)),
				ntohl((uint32_t)strtoul(mask, NULL, 16)));
}

static void add_cidr(struct in_use *u, const char *s, size_t n)
{
	struct cidr c;
	uint32_t net;

	if (!cidr_parse(&c, s, n)) c.ones = ip_parse(&c.addr, s, n) ? 32 : 0;
	if (!c.ones || c.addr.len != 4) return;
	memcpy(&net, c.addr.b, sizeof net);
	add(u, ntohl(net), ~0U << (32 - c.ones));
}

static void add_servers(struct in_use *u)
{
	_cleanup_buf_ struct buf text = {0};
	char word[12], server[64];

	io_read("/etc/resolv.conf", &text, 1 << 20);
	struct text_lines l = text_lines(text.data, text.len);
	while (text_line(&l))
		if (text_field(l.line, 0, word, sizeof word) && !strcmp(word, "nameserver") &&
			text_field(l.line, 1, server, sizeof server))
			add_cidr(u, server, strlen(server));
}

static void add_list(struct in_use *u, const char *list)
{
	for (const char *s = list; s && *s; s += strcspn(s, ","), s += *s == ',')
		add_cidr(u, s, strcspn(s, ","));
}

unsigned ranges_free(unsigned second, const struct ranges_net *in_use, size_t n)
{
	for (unsigned k = second; k < 256; k += 2) {
		uint32_t net = 10U << 24 | k << 16;
		size_t i = 0;
		while (i < n && (net ^ in_use[i].net) & in_use[i].mask & 0xffff0000U) i++;
		if (i == n) return k;
	}
	return second;
}

static int kept_path(const struct plan_options *o, char *out, size_t size)
{
	return io_join(out, size, o->data_dir, "k3sbox/ranges");
}

/* What an earlier start has chosen, a flag a line. */
static bool read_kept(struct plan_options *o)
{
	_cleanup_buf_ struct buf text = {0};
	char path[PATH_MAX];

	if (kept_path(o, path, sizeof path) < 0 || io_read(path, &text, 4096) < 0) return false;
	struct text_lines l = text_lines(text.data, text.len);
	while (text_line(&l)) strv_addf(&o->args.chosen, "%.*s", (int)l.len, l.line);
	o->range_taken = "the data directory's cluster has ranges of its own";
	return true;
}

static void choose(struct plan_options *o, const char *flag, unsigned second,
	const struct in_use *u)
{
	unsigned k = ranges_free(second, u->v, u->n);
	char path[PATH_MAX];

	if (k == second) return;
	o->range_taken = xasprintf("this machine's network has addresses in 10.%u.0.0/16, k3s's %s",
		second, flag);
	/* A cluster's ranges cannot be changed. */
	if (io_join(path, sizeof path, o->data_dir, "server/db") < 0 || io_exists(path)) return;
	strv_addf(&o->args.chosen, "--%s=10.%u.0.0/16", flag, k);
}

void ranges_choose(struct plan_options *o)
{
	const char *pods = k3s_args_find(&o->args, "cluster-cidr");
	const char *services = k3s_args_find(&o->args, "service-cidr");
	struct in_use u = { .n = 0 };

	if (!services) services = k3s_args_find(&o->args, "cluster-dns");
	if ((pods && services) || read_kept(o)) return;
	add_list(&u, pods);
	add_list(&u, services);
	add_routes(&u);
	add_servers(&u);
	if (!pods) choose(o, "cluster-cidr", 42, &u);
	if (!services) choose(o, "service-cidr", 43, &u);
}

int ranges_keep(const struct plan_options *o)
{
	_cleanup_buf_ struct buf b = {0};
	char path[PATH_MAX];
	int r = kept_path(o, path, sizeof path);

	if (r < 0 || !o->args.chosen.n) return r;
	for (size_t i = 0; i < o->args.chosen.n; i++) buf_printf(&b, "%s\n", o->args.chosen.v[i]);
	r = io_mkparents(path, 0700);
	return r < 0 ? r : io_replace(path, 0600, b.data, b.len);
}
