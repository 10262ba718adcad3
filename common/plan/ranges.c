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

struct in_use { struct cidr v[256]; size_t n; };

static void add(struct in_use *u, const struct cidr *c)
{
	/* A default route, and what every link has: fe80::/10, ff00::/8. */
	if (!c->ones || (c->addr.len == 16 && c->addr.b[0] >= 0xfe)) return;
	if (u->n < sizeof u->v / sizeof *u->v) u->v[u->n++] = *c;
}

/* The links that k3s makes itself, and loopback. */
static bool is_ours(const char *link)
{
	return !strncmp(link, "cni", 3) || !strncmp(link, "flannel", 7) ||
		!strncmp(link, "veth", 4) || !strcmp(link, "lo");
}

/* Where a line of /proc/net/route or ipv6_route has what, and how many words an address has. */
struct columns { unsigned link, destination, priority, mask, words; };
static const struct columns v4 = { 0, 1, 6, 7, 1 }, v6 = { 9, 0, 5, 1, 4 };

/* Addresses have routes for their networks. */
static void add_route(struct in_use *u, const char *line, const struct columns *at)
{
	struct cidr c = { .addr.len = (uint8_t)(at->words * 4) };
	char link[32], net[40], mask[16], priority[16];

	if (!text_field(line, at->link, link, sizeof link) || is_ours(link) ||
		!text_field(line, at->destination, net, sizeof net) ||
		!text_field(line, at->priority, priority, sizeof priority) ||
		!text_field(line, at->mask, mask, sizeof mask) ||
		strlen(net) != at->words * 8 || atoi(priority) == RANGES_ROUTE_PRIORITY) return;
	uint32_t m = (uint32_t)strtoul(mask, NULL, 16);
	for (size_t i = at->words; i--; net[i * 8] = 0) {
		uint32_t word = (uint32_t)strtoul(net + i * 8, NULL, 16);
		if (at == &v6) word = htonl(word);   /* the others are in the kernel's order */
		memcpy(c.addr.b + i * 4, &word, sizeof word);
	}
	if (at == &v6) c.ones = (uint8_t)m;
	else for (m = ntohl(m); m; m <<= 1) c.ones++;
	add(u, &c);
}

static void add_cidr(struct in_use *u, const char *s, size_t n)
{
	struct cidr c;

	if (!cidr_parse(&c, s, n)) c.ones = ip_parse(&c.addr, s, n) ? c.addr.len * 8 : 0;
	add(u, &c);
}

static void add_server(struct in_use *u, const char *line)
{
	char word[12], server[64];

	if (text_field(line, 0, word, sizeof word) && !strcmp(word, "nameserver") &&
		text_field(line, 1, server, sizeof server))
		add_cidr(u, server, strlen(server));
}

/* at: NULL for resolv.conf */
static void add_lines(struct in_use *u, const char *path, const struct columns *at)
{
	_cleanup_buf_ struct buf text = {0};

	io_read(path, &text, 1 << 20);
	struct text_lines l = text_lines(text.data, text.len);
	while (text_line(&l))
		if (at) add_route(u, l.line, at);
		else add_server(u, l.line);
}

static void add_list(struct in_use *u, const char *list)
{
	for (const char *s = list; s && *s; s += strcspn(s, ","), s += *s == ',')
		add_cidr(u, s, strcspn(s, ","));
}

static bool overlap(const struct cidr *a, const struct cidr *b)
{
	return cidr_contains(a, &b->addr) || cidr_contains(b, &a->addr);
}

static bool is_free(const struct cidr *c, const struct cidr *in_use, size_t n)
{
	for (size_t i = 0; i < n; i++)
		if (overlap(c, &in_use[i])) return false;
	return true;
}

unsigned ranges_free(unsigned second, const struct cidr *in_use, size_t n)
{
	for (unsigned k = second; k < 256; k += 2) {
		const struct cidr c = { { 4, { 10, (uint8_t)k } }, 16, 32 };
		if (is_free(&c, in_use, n)) return k;
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

/* The user's own ranges stay, and the user is told. */
static void check(struct plan_options *o, const char *list, const struct in_use *u)
{
	struct in_use named = { .n = 0 };
	char text[CIDR_TEXT];

	add_list(&named, list);
	for (size_t i = 0; i < named.n && !o->range_taken; i++) {
		if (is_free(&named.v[i], u->v, u->n)) continue;
		cidr_format(&named.v[i], text);
		o->range_taken = xasprintf("this machine's network has addresses in %s, which the "
			"cluster is given", text);
	}
}

void ranges_choose(struct plan_options *o)
{
	const char *pods = k3s_args_find(&o->args, "cluster-cidr");
	const char *services = k3s_args_find(&o->args, "service-cidr");
	struct in_use u = { .n = 0 };

	if (!services) services = k3s_args_find(&o->args, "cluster-dns");
	if (!(pods && services) && read_kept(o)) return;
	add_lines(&u, "/proc/net/route", &v4);
	add_lines(&u, "/proc/net/ipv6_route", &v6);
	add_lines(&u, "/etc/resolv.conf", NULL);
	check(o, pods, &u);
	check(o, services, &u);
	add_list(&u, pods);
	add_list(&u, services);
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
