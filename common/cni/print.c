/* Prints results as encoding/json prints upstream's: first compact, in the order of upstream's
 * structs, then indented, with sorted keys where upstream goes through a map. */
#include <string.h>

#include "cni/result.h"

struct result_writer {
	struct buf b;
	bool more;       /* the next value needs a comma */
};

static void key(struct result_writer *w, const char *k)
{
	if (w->more) buf_putc(&w->b, ',');
	w->more = true;
	if (!k) return;
	buf_json(&w->b, k);
	buf_putc(&w->b, ':');
}

static void begin(struct result_writer *w, const char *k, char bracket)
{
	key(w, k);
	buf_putc(&w->b, bracket);
	w->more = false;
}

static void end(struct result_writer *w, char bracket)
{
	buf_putc(&w->b, bracket);
	w->more = true;
}

static void put_text(struct result_writer *w, const char *k, const char *s)
{
	key(w, k);
	buf_json(&w->b, s);
}

static void put_str(struct result_writer *w, const char *k, struct str s)
{
	if (!s.n) return;
	key(w, k);
	buf_json_n(&w->b, s.s, s.n);
}

static void put_number(struct result_writer *w, const char *k, int64_t v)
{
	key(w, k);
	buf_printf(&w->b, "%lld", (long long)v);
}

static void put_number_if(struct result_writer *w, const char *k, int64_t v)
{
	if (v) put_number(w, k, v);
}

static void put_cidr(struct result_writer *w, const char *k, const struct cidr *c)
{
	char text[CIDR_TEXT];
	cidr_format(c, text);
	put_text(w, k, text);
}

static void put_ip(struct result_writer *w, const char *k, const struct ip *a)
{
	char text[IP_TEXT];
	if (!a->len) return;
	ip_format(a, text);
	put_text(w, k, text);
}

static void put_strings(struct result_writer *w, const char *k, const struct slice *l)
{
	if (!l->n) return;
	begin(w, k, '[');
	for (size_t i = 0; i < l->n; i++) {
		key(w, NULL);
		buf_json_n(&w->b, ((struct str *)l->v)[i].s, ((struct str *)l->v)[i].n);
	}
	end(w, ']');
}

static bool dns_empty(const struct cni_dns *d)
{
	return !d->nameservers.n && !d->domain.n && !d->search.n && !d->options.n;
}

static void put_dns(struct result_writer *w, const struct cni_dns *d)
{
	begin(w, "dns", '{');
	put_strings(w, "nameservers", &d->nameservers);
	put_str(w, "domain", d->domain);
	put_strings(w, "search", &d->search);
	put_strings(w, "options", &d->options);
	end(w, '}');
}

/* The layout of a version. */
struct result_layout {
	bool ip_version;     /* ips[].version */
	bool extras;         /* members of the newest library: mtu and others */
	bool sorted;
	bool empty_dns;
};

static void put_null(struct result_writer *w)
{
	key(w, NULL);
	buf_puts(&w->b, "null");
}

static void put_route(struct result_writer *w, const struct cni_route *r, bool extras)
{
	if (!r) {
		put_null(w);
		return;
	}
	begin(w, NULL, '{');
	put_cidr(w, "dst", &r->dst);
	put_ip(w, "gw", &r->gw);
	if (extras) {
		put_number_if(w, "mtu", r->mtu);
		put_number_if(w, "advmss", r->advmss);
		put_number_if(w, "priority", r->priority);
		if (r->table) put_number(w, "table", *r->table);
		if (r->scope) put_number(w, "scope", *r->scope);
	}
	end(w, '}');
}

static void put_interface(struct result_writer *w, const struct cni_interface *i, bool extras)
{
	if (!i) {
		put_null(w);
		return;
	}
	begin(w, NULL, '{');
	key(w, "name");
	buf_json_n(&w->b, i->name.s ? i->name.s : "", i->name.n);
	put_str(w, "mac", i->mac);
	if (extras) put_number_if(w, "mtu", i->mtu);
	put_str(w, "sandbox", i->sandbox);
	if (extras) put_str(w, "socketPath", i->socket_path);
	if (extras) put_str(w, "pciID", i->pci_id);
	end(w, '}');
}

/* kept: with the ips[].version that the result was read with. */
static void put_address(struct result_writer *w, const struct cni_ip *ip, bool version, bool kept)
{
	if (!ip) {
		put_null(w);
		return;
	}
	begin(w, NULL, '{');
	if (version && kept) {
		key(w, "version");
		buf_json_n(&w->b, ip->version.s ? ip->version.s : "", ip->version.n);
	} else if (version) {
		put_text(w, "version", ip->address.addr.len == 4 ? "4" : "6");
	}
	if (ip->interface) put_number(w, "interface", *ip->interface);
	put_cidr(w, "address", &ip->address);
	put_ip(w, "gateway", &ip->gateway);
	end(w, '}');
}

static void put_result(struct result_writer *w, const struct cni_result *r, struct str version,
	const struct result_layout *l)
{
	/* Interfaces lose their extras in the conversion to 0.4.0. */
	bool extras = l->extras && !l->ip_version;

	begin(w, NULL, '{');
	put_str(w, "cniVersion", version);
	if (r->interfaces.n) begin(w, "interfaces", '[');
	for (size_t i = 0; i < r->interfaces.n; i++)
		put_interface(w, ((struct cni_interface **)r->interfaces.v)[i], extras);
	if (r->interfaces.n) end(w, ']');
	if (r->ips.n) begin(w, "ips", '[');
	for (size_t i = 0; i < r->ips.n; i++)
		put_address(w, ((struct cni_ip **)r->ips.v)[i], l->ip_version,
			r->read_as == CNI_RESULT_040);
	if (r->ips.n) end(w, ']');
	if (r->routes.n) begin(w, "routes", '[');
	for (size_t i = 0; i < r->routes.n; i++)
		put_route(w, ((struct cni_route **)r->routes.v)[i], l->extras);
	if (r->routes.n) end(w, ']');
	if (l->empty_dns || !dns_empty(&r->dns)) put_dns(w, &r->dns);
	end(w, '}');
}

/* 0.2.0: the first address of a family, with the family's routes. False if there is none. */
static bool put_family(struct result_writer *w, const struct cni_result *r, const char *k,
	bool four)
{
	const struct cni_ip *ip = NULL;
	bool any = false;

	for (size_t i = r->ips.n; i-- > 0;) {
		const struct cni_ip *a = ((struct cni_ip **)r->ips.v)[i];
		if (a && (a->address.addr.len == 4) == four) ip = a;
	}
	if (!ip) return false;
	begin(w, k, '{');
	put_cidr(w, "ip", &ip->address);
	put_ip(w, "gateway", &ip->gateway);
	for (size_t i = 0; i < r->routes.n; i++) {
		const struct cni_route *route = ((struct cni_route **)r->routes.v)[i];
		if (!route || (route->dst.addr.len == 4) != four) continue;
		if (!any) begin(w, "routes", '[');
		any = true;
		put_route(w, route, false);
	}
	if (any) end(w, ']');
	end(w, '}');
	return true;
}

static void put_ip02(struct result_writer *w, const char *k, const struct cni_ip02 *ip, bool extras)
{
	if (!ip) return;
	begin(w, k, '{');
	put_cidr(w, "ip", &ip->ip);
	put_ip(w, "gateway", &ip->gateway);
	if (ip->routes.n) begin(w, "routes", '[');
	for (size_t i = 0; i < ip->routes.n; i++)
		put_route(w, ((struct cni_route **)ip->routes.v)[i], extras);
	if (ip->routes.n) end(w, ']');
	end(w, '}');
}

static int put_result_02(struct cni *c, struct result_writer *w, const struct cni_result *r,
	struct str version, bool extras)
{
	begin(w, NULL, '{');
	put_str(w, "cniVersion", version);
	if (r->read_as == CNI_RESULT_020) {
		put_ip02(w, "ip4", r->ip4, extras);
		put_ip02(w, "ip6", r->ip6, extras);
		put_dns(w, &r->dns);
		end(w, '}');
		return 0;
	}
	bool four = put_family(w, r, "ip4", true), six = put_family(w, r, "ip6", false);
	if (!four && !six)
		return cni_fail(c, CNI_INTERNAL, "cannot convert: no valid IP addresses");
	put_dns(w, &r->dns);
	end(w, '}');
	return 0;
}

/* ---- indenting ---- */

struct result_indenter {
	struct arena *arena;
	const struct json *j;
	struct buf *out;
	bool sorted;
};

static int by_key(const struct json *j, const struct json_node *a, const struct json_node *b)
{
	size_t an = a->key_end - a->key, bn = b->key_end - b->key;
	/* The closing quote sorts before every letter: a shorter key comes first. */
	return memcmp(j->text + a->key, j->text + b->key, an < bn ? an : bn);
}

static void sort(const struct json_node **v, size_t n, const struct json *j)
{
	for (size_t i = 1; i < n; i++)
		for (size_t k = i; k > 0 && by_key(j, v[k - 1], v[k]) > 0; k--) {
			const struct json_node *t = v[k];
			v[k] = v[k - 1];
			v[k - 1] = t;
		}
}

static void indent(struct result_indenter *p, const struct json_node *n, int depth)
{
	bool object = n->type == JSON_OBJECT;
	size_t count = 0;

	if (!n->count) {
		buf_add(p->out, p->j->text + n->start, n->end - n->start);
		return;
	}
	const struct json_node **v = arena_alloc(p->arena, n->count * sizeof *v);
	for (const struct json_node *m = json_first(p->j, n); m; m = json_next(p->j, m))
		v[count++] = m;
	if (object && p->sorted) sort(v, count, p->j);
	buf_putc(p->out, object ? '{' : '[');
	for (size_t i = 0; i < count; i++) {
		buf_printf(p->out, "%s\n%*s", i ? "," : "", (depth + 1) * 4, "");
		buf_add(p->out, p->j->text + v[i]->key, v[i]->key_end - v[i]->key);
		if (object) buf_puts(p->out, ": ");
		indent(p, v[i], depth + 1);
	}
	buf_printf(p->out, "\n%*s%c", depth * 4, "", object ? '}' : ']');
}

int cni_print_result(struct cni *c, const struct cni_result *r, struct str version,
	struct str label)
{
	struct result_writer w = { .b.arena = &c->arena };
	struct json j = {0};
	bool one = cni_version_at_least(version, "1.0.0"), newer = c->compat != CNI_111;
	struct result_layout layout = {
		.ip_version = !one, .extras = newer, .sorted = one && newer,
		.empty_dns = !(one && newer),
	};
	int status = 0;

	if (cni_version_at_least(version, "0.3.0")) put_result(&w, r, label, &layout);
	else status = put_result_02(c, &w, r, label, layout.extras);
	if (!status && (w.b.failed || json_parse_in(&j, w.b.data, w.b.len, &c->arena) < 0))
		status = cni_fail(c, CNI_INTERNAL, "out of memory");
	if (!status)
		indent(&(struct result_indenter){ &c->arena, &j, &c->out, layout.sorted },
			json_root(&j), 0);
	return status;
}
