/* Answers the questions about a cluster's names. */
#include "netd/dns_answer.h"

#include <stdlib.h>
#include <string.h>

enum { ENDPOINTS_MAX = 1024, POINTERS_MAX = 64, CHAIN_MAX = 8, OCTETS = 4, NIBBLES = 32 };

/* An answer under way. */
struct dns_lookup {
	const struct dns_zone *z;
	const struct dns_asked *q;
	struct dns_writer w;
	struct dns_name owner;     /* the name that is looked up: the question's, or an alias's */
	struct dns_name target;    /* what it is an alias of; .n 0: of nothing */
	struct dns_name apex;      /* of the zone that it lies in */
	bool found;                /* at least one record */
};

/* ---- records ---- */

static void add_address(struct dns_lookup *a, const struct ip *ip)
{
	if (!ip->len || a->q->type != (ip->len == 4 ? DNS_A : DNS_AAAA)) return;
	dns_writer_address(&a->w, &a->owner, ip);
	a->found = true;
}

static void add_pointer(struct dns_lookup *a, const char *left, const struct service_object *s)
{
	struct dns_name name;

	if (a->q->type != DNS_PTR) return;
	if (!dns_name_make(&name, "%s%s%s.%s.svc.%s", left, *left ? "." : "", s->name,
		s->namespace_, a->z->domain))
		return;
	dns_writer_name(&a->w, &a->owner, DNS_PTR, &name);
	a->found = true;
}

static void add_soa(struct dns_lookup *a)
{
	struct dns_name server;

	if (dns_name_make(&server, "ns.dns.%s", a->z->domain))
		dns_writer_soa(&a->w, &a->apex, &server, 1);
}

static enum dns_rcode find_apex(struct dns_lookup *a)
{
	struct dns_name server;

	if (!dns_name_make(&server, "ns.dns.%s", a->z->domain)) return DNS_SERVFAIL;
	if (a->q->type == DNS_SOA) {
		add_soa(a);
		a->found = true;
	} else if (a->q->type == DNS_NS) {
		dns_writer_name(&a->w, &a->owner, DNS_NS, &server);
		a->found = true;
		a->w.section = DNS_ADDITIONAL;
		if (a->z->server.len) dns_writer_address(&a->w, &server, &a->z->server);
	}
	return DNS_NOERROR;
}

/* ---- endpoints ---- */

/* An endpoint; with its port where one was asked for. */
struct found { const struct service_endpoint *e; uint16_t port; };

struct found_list {
	size_t n;
	struct found v[ENDPOINTS_MAX];
};

static void set_dashed(const struct ip *ip, char out[IP_TEXT])
{
	ip_format(ip, out);
	for (char *c = out; *c; c++)
		if (*c == '.' || *c == ':') *c = '-';
}

/* What an endpoint is called below its Service: its hostname, else its address. */
static const char *endpoint_name(const struct service_endpoint *e, char dashed[IP_TEXT])
{
	if (*e->hostname) return e->hostname;
	set_dashed(&e->address, dashed);
	return dashed;
}

static bool is_called(const struct service_endpoint *e, const struct dns_label *name)
{
	char dashed[IP_TEXT];

	if (!name || dns_label_is(name, e->hostname)) return true;
	set_dashed(&e->address, dashed);
	return dns_label_is(name, dashed);
}

static int compare_found(const void *a_, const void *b_)
{
	const struct found *a = a_, *b = b_;
	int r = (int)a->e->address.len - (int)b->e->address.len;

	if (!r) r = memcmp(a->e->address.b, b->e->address.b, sizeof a->e->address.b);
	return r ? r : (int)a->port - (int)b->port;
}

/* Sorted, so that an endpoint of two slices is there once. */
static void drop_doubles(struct found_list *l)
{
	size_t n = 0;

	qsort(l->v, l->n, sizeof *l->v, compare_found);
	for (size_t i = 0; i < l->n; i++)
		if (!n || compare_found(&l->v[n - 1], &l->v[i])) l->v[n++] = l->v[i];
	l->n = n;
}

static void collect(struct found_list *l, const struct service_slice *slice, uint16_t port,
	const struct dns_label *name)
{
	for (uint32_t i = 0; i < slice->endpoint_n && l->n < ENDPOINTS_MAX; i++) {
		const struct service_endpoint *e = &slice->endpoints[i];
		if (!(e->conditions & SERVICE_READY) || !is_called(e, name)) continue;
		l->v[l->n++] = (struct found){ e, port };
	}
}

/* name: only those that are called so; NULL: all. Of a Service without an end, the first ones. */
static void find_endpoints(const struct service *s, const struct dns_label *name,
	struct found_list *l)
{
	const struct service_slice *slice;

	l->n = 0;
	for (size_t i = 0; (slice = service_slice(s, i)); i++) collect(l, slice, 0, name);
	drop_doubles(l);
}

/* Each question gets another one first, as many clients take the first. */
static const struct found *rotated(const struct dns_lookup *a, const struct found_list *l, size_t i)
{
	return &l->v[(i + a->q->id) % l->n];
}

static enum dns_rcode add_endpoints(struct dns_lookup *a, const struct service *s,
	const struct dns_label *name)
{
	struct found_list l;

	find_endpoints(s, name, &l);
	for (size_t i = 0; i < l.n; i++) add_address(a, &rotated(a, &l, i)->e->address);
	return l.n ? DNS_NOERROR : DNS_NXDOMAIN;
}

/* ---- ports ---- */

struct port_name { const struct dns_label *name, *protocol; };

static bool is_port(const struct port_name *p, const char *name, uint8_t protocol)
{
	static const char *const protocols[SERVICE_PROTOCOLS] = {
		[SERVICE_TCP] = "_tcp", [SERVICE_UDP] = "_udp", [SERVICE_SCTP] = "_sctp",
	};
	struct dns_label bare = { p->name->s + 1, p->name->n - 1 };

	return *name && *p->name->s == '_' && dns_label_is(&bare, name) &&
		protocol < SERVICE_PROTOCOLS && dns_label_is(p->protocol, protocols[protocol]);
}

/* Addresses of targets are a courtesy, for which SRV itself must have been asked. */
static void add_endpoint_ports(struct dns_lookup *a, const struct service_object *o,
	const struct found_list *l)
{
	struct dns_name target;
	char dashed[IP_TEXT];

	for (int glue = 0; glue < 2; glue++) {
		a->w.section = glue ? DNS_ADDITIONAL : DNS_ANSWER;
		for (size_t i = 0; i < l->n; i++) {
			const struct found *f = rotated(a, l, i);
			if (!dns_name_make(&target, "%s.%s.%s.svc.%s", endpoint_name(f->e, dashed),
				o->name, o->namespace_, a->z->domain))
				continue;
			if (glue) dns_writer_address(&a->w, &target, &f->e->address);
			else dns_writer_srv(&a->w, &a->owner, f->port, &target);
		}
	}
	a->found = l->n;
}

static enum dns_rcode find_endpoint_ports(struct dns_lookup *a, const struct service *s,
	const struct port_name *p)
{
	const struct service_slice *slice;
	struct found_list l = { .n = 0 };

	for (size_t i = 0; (slice = service_slice(s, i)); i++)
		for (uint32_t k = 0; k < slice->port_n; k++)
			if (is_port(p, slice->ports[k].name, slice->ports[k].protocol))
				collect(&l, slice, slice->ports[k].port, NULL);
	drop_doubles(&l);
	if (a->q->type == DNS_SRV && l.n) add_endpoint_ports(a, service_object(s), &l);
	return l.n ? DNS_NOERROR : DNS_NXDOMAIN;
}

static enum dns_rcode find_ports(struct dns_lookup *a, const struct service *s,
	const struct port_name *p)
{
	const struct service_object *o = service_object(s);
	enum dns_rcode rcode = DNS_NXDOMAIN;
	struct dns_name target;

	if (o->headless) return find_endpoint_ports(a, s, p);
	dns_name_make(&target, "%s.%s.svc.%s", o->name, o->namespace_, a->z->domain);
	for (unsigned i = 0; i < o->port_n; i++) {
		if (!is_port(p, o->ports[i].name, o->ports[i].protocol)) continue;
		rcode = DNS_NOERROR;
		if (a->q->type != DNS_SRV || !target.n) continue;
		dns_writer_srv(&a->w, &a->owner, o->ports[i].port, &target);
		a->found = true;
	}
	a->w.section = DNS_ADDITIONAL;
	for (int i = 0; a->found && i < 2; i++)
		if (o->cluster[i].len) dns_writer_address(&a->w, &target, &o->cluster[i]);
	return rcode;
}

/* ---- names of Services ---- */

static enum dns_rcode find_service_itself(struct dns_lookup *a, const struct service *s)
{
	const struct service_object *o = service_object(s);

	if (o->type == SERVICE_EXTERNAL_NAME)
		return dns_name_parse(&a->target, o->external_name, strlen(o->external_name))
			? DNS_NOERROR : DNS_SERVFAIL;
	if (o->headless) return add_endpoints(a, s, NULL);
	for (int i = 0; i < 2; i++) add_address(a, &o->cluster[i]);
	return DNS_NOERROR;
}

static bool is_protocol(const struct dns_label *l)
{
	return dns_label_is(l, "_tcp") || dns_label_is(l, "_udp") || dns_label_is(l, "_sctp");
}

/* […].SERVICE.NAMESPACE.svc: v are n labels, "svc" not among them. */
static enum dns_rcode find_service(struct dns_lookup *a, const struct dns_label *v, unsigned n)
{
	if (!n) return DNS_NOERROR;
	const struct dns_label *ns = &v[n - 1];
	if (n == 1)
		return services_has_namespace(a->z->services, ns->s, ns->n) ? DNS_NOERROR
			: DNS_NXDOMAIN;
	const struct dns_label *name = &v[n - 2];
	const struct service *s = services_find(a->z->services, ns->s, ns->n, name->s, name->n);
	if (!s || n > 4) return DNS_NXDOMAIN;
	if (n == 2) return find_service_itself(a, s);
	if (n == 4) return find_ports(a, s, &(struct port_name){ &v[0], &v[1] });
	return is_protocol(&v[0]) ? DNS_NOERROR : add_endpoints(a, s, &v[0]);
}

/* ADDRESS.NAMESPACE.pod, with '-' for '.' or ':'. Whether there is such a pod is not looked at. */
static enum dns_rcode find_pod(struct dns_lookup *a, const struct dns_label *v, unsigned n)
{
	struct ip ip;
	char text[IP_TEXT];

	if (n < 2) return DNS_NOERROR;   /* something may lie below it */
	if (n > 2 || v[0].n >= sizeof text) return DNS_NXDOMAIN;
	for (const char *separator = ".:"; *separator; separator++) {
		for (size_t i = 0; i < v[0].n; i++)
			text[i] = v[0].s[i] == '-' ? *separator : v[0].s[i];
		if (!ip_parse(&ip, text, v[0].n)) continue;
		add_address(a, &ip);
		return DNS_NOERROR;
	}
	return DNS_NXDOMAIN;
}

static enum dns_rcode find_version(struct dns_lookup *a)
{
	if (a->q->type == DNS_TXT) {
		dns_writer_txt(&a->w, &a->owner, "1.1.0");
		a->found = true;
	}
	return DNS_NOERROR;
}

/* The name a->owner, which lies in the cluster's domain. */
static enum dns_rcode find_name(struct dns_lookup *a)
{
	struct dns_labels own, domain;

	dns_name_split(&a->z->name, &domain);
	dns_name_split(&a->owner, &own);
	a->apex = a->z->name;
	unsigned n = own.n - domain.n;
	if (!n) return find_apex(a);
	const struct dns_label *last = &own.v[n - 1];
	if (dns_label_is(last, "svc")) return find_service(a, own.v, n - 1);
	if (dns_label_is(last, "pod")) return find_pod(a, own.v, n - 1);
	if (dns_label_is(last, "dns-version") && n == 1) return find_version(a);
	if (!dns_label_is(last, "dns")) return DNS_NXDOMAIN;
	if (n == 2 && dns_label_is(&own.v[0], "ns")) add_address(a, &a->z->server);
	return n == 1 || (n == 2 && dns_label_is(&own.v[0], "ns")) ? DNS_NOERROR : DNS_NXDOMAIN;
}

/* ---- addresses ---- */

/* The address that a name below in-addr.arpa or ip6.arpa begins with. */
struct reverse {
	struct ip ip;
	unsigned known, all;       /* units (octets or hexadecimal digits); all of an address */
	bool more;                 /* something that is no unit stands left of them */
};

static int read_unit(const struct dns_label *l, bool hex)
{
	unsigned v = 0;

	if (l->n > (hex ? 1 : 3) || (l->n > 1 && *l->s == '0')) return -1;
	for (size_t i = 0; i < l->n; i++) {
		char c = l->s[i];
		if (c >= '0' && c <= '9') v = v * 10 + (unsigned)(c - '0');
		else if (hex && c >= 'a' && c <= 'f') v = (unsigned)(c - 'a') + 10;
		else return -1;
	}
	return v > 255 ? -1 : (int)v;
}

static bool read_reverse(const struct dns_name *name, struct reverse *out)
{
	struct dns_labels l;

	*out = (struct reverse){0};
	dns_name_split(name, &l);
	if (l.n < 2 || !dns_label_is(&l.v[l.n - 1], "arpa")) return false;
	bool six = dns_label_is(&l.v[l.n - 2], "ip6");
	if (!six && !dns_label_is(&l.v[l.n - 2], "in-addr")) return false;
	out->all = six ? NIBBLES : OCTETS;
	out->ip.len = six ? 16 : 4;
	for (unsigned i = l.n - 2; i--; out->known++) {
		int unit = out->known < out->all ? read_unit(&l.v[i], six) : -1;
		if (unit < 0) out->more = true;
		if (unit < 0) break;
		if (six) out->ip.b[out->known / 2] |= (uint8_t)(out->known % 2 ? unit : unit << 4);
		else out->ip.b[out->known] = (uint8_t)unit;
	}
	return true;
}

/* Units that name a network, as far as whole ones do. */
static unsigned network_units(const struct cidr *c)
{
	return c->ones / (c->addr.len == 4 ? 8u : 4u);
}

static const struct cidr *network_of(const struct dns_zone *z, const struct reverse *r)
{
	for (size_t i = 0; i < z->network_n; i++) {
		struct cidr c = z->networks[i];
		unsigned units = network_units(&c);
		if (c.addr.len != r->ip.len || !units || r->known < units) continue;
		/* Of a part of an address, only the part can be compared. */
		if (r->known < r->all) c.ones = (uint8_t)(units * (c.addr.len == 4 ? 8 : 4));
		if (cidr_contains(&c, &r->ip)) return &z->networks[i];
	}
	return NULL;
}

struct pointer { const struct service *s; const struct service_endpoint *e; };

/* In two slices of one Service? */
static bool is_known(const struct pointer *v, size_t n, const struct pointer *p)
{
	for (size_t i = 0; i < n; i++)
		if (v[i].s == p->s && !strcmp(v[i].e->hostname, p->e->hostname)) return true;
	return false;
}

static void add_endpoint_pointers(struct dns_lookup *a, const struct ip *ip)
{
	struct pointer known[POINTERS_MAX], p;
	size_t n = 0;
	char dashed[IP_TEXT];

	for (size_t i = 0; n < POINTERS_MAX &&
		(p.s = services_with_endpoint(a->z->services, ip, i, &p.e)); i++) {
		const struct service_object *o = service_object(p.s);
		if (!(p.e->conditions & SERVICE_READY)) continue;
		if (!o->headless && !*p.e->hostname) continue;
		if (is_known(known, n, &p)) continue;
		known[n++] = p;
		add_pointer(a, endpoint_name(p.e, dashed), o);
	}
}

static enum dns_rcode find_address(struct dns_lookup *a)
{
	struct reverse r;
	struct dns_labels l;
	const struct cidr *network;

	if (!read_reverse(&a->owner, &r) || !(network = network_of(a->z, &r))) return DNS_REFUSED;
	/* The zone is named by the last labels. */
	dns_name_split(&a->owner, &l);
	size_t at = (size_t)(l.v[l.n - 2 - network_units(network)].s - l.text) - 1;
	a->apex.n = (uint8_t)(a->owner.n - at);
	memcpy(a->apex.b, a->owner.b + at, a->apex.n);
	if (r.more) return DNS_NXDOMAIN;
	if (r.known < r.all) return DNS_NOERROR;
	const struct service *s = services_with_cluster_ip(a->z->services, &r.ip);
	if (s) add_pointer(a, "", service_object(s));
	else add_endpoint_pointers(a, &r.ip);
	return a->found || s ? DNS_NOERROR : DNS_NXDOMAIN;
}

/* ---- names outside ---- */

static bool same_name(const struct dns_name *a, const struct dns_name *b)
{
	return a->n == b->n && !dns_name_below(a, b);
}

/* Takes over the records that lead from a->owner to addresses. What else the answer contains may
 * be true, but was not asked for. */
static void add_chain(struct dns_lookup *a, const struct dns_outside *o)
{
	struct dns_reader reader;
	struct dns_record r;
	struct dns_name to;

	dns_reader_begin(&reader, o->m, o->n);
	while (dns_reader_next(&reader, &r)) {
		struct ip ip = { .len = r.type == DNS_A ? 4 : 16 };
		size_t at = r.data;
		if (r.class != DNS_CLASS_IN || !same_name(&r.owner, &a->owner)) continue;
		a->w.ttl = r.ttl;
		if (r.type == DNS_CNAME && dns_message_name(o->m, o->n, &at, &to)) {
			dns_writer_name(&a->w, &a->owner, DNS_CNAME, &to);
			a->owner = to;
		} else if (r.type == a->q->type && r.data_n == ip.len) {
			memcpy(ip.b, o->m + r.data, ip.len);
			add_address(a, &ip);
		}
	}
	a->w.ttl = DNS_TTL;
}

/* Does that answer tell of a->owner? The Service may have changed since. */
static enum dns_rcode read_outside(struct dns_lookup *a, const struct dns_outside *o)
{
	struct dns_name asked;
	size_t at = DNS_HEADER;

	if (o->n < DNS_HEADER || !dns_message_name(o->m, o->n, &at, &asked)) return DNS_SERVFAIL;
	if (!same_name(&asked, &a->owner)) return DNS_SERVFAIL;
	add_chain(a, o);
	enum dns_rcode rcode = o->m[3] & 15;
	return rcode == DNS_NOERROR || rcode == DNS_NXDOMAIN ? rcode : DNS_SERVFAIL;
}

/* ---- the whole ---- */

bool dns_answer_is_ours(const struct dns_zone *z, const struct dns_asked *q)
{
	struct reverse r;

	if (dns_name_below(&q->name, &z->name) >= 0) return true;
	return read_reverse(&q->name, &r) && network_of(z, &r);
}

/* What is wrong with the question, whatever its name. */
static enum dns_rcode judge(const struct dns_lookup *a)
{
	const struct dns_asked *q = a->q;

	if (q->opcode) return DNS_NOTIMP;
	if (q->malformed) return DNS_FORMERR;
	if (q->edns && q->edns_version) return DNS_BADVERS;
	if (q->class != DNS_CLASS_IN || q->type == DNS_AXFR || q->type == DNS_IXFR)
		return DNS_REFUSED;
	return services_complete(a->z->services) ? DNS_NOERROR : DNS_SERVFAIL;
}

/* From alias to alias. True: *rcode is the answer's; false: a->owner is to be asked for outside. */
static bool follow(struct dns_lookup *a, const struct dns_outside *outside, enum dns_rcode *rcode)
{
	for (int i = 0; i < CHAIN_MAX; i++) {
		a->target.n = 0;
		*rcode = dns_name_below(&a->owner, &a->z->name) >= 0 ? find_name(a)
			: find_address(a);
		if (*rcode || !a->target.n) return true;
		dns_writer_name(&a->w, &a->owner, DNS_CNAME, &a->target);
		a->found = true;
		a->owner = a->target;
		if (a->q->type == DNS_CNAME) return true;
		if (dns_name_below(&a->owner, &a->z->name) >= 0) continue;
		if (a->q->type != DNS_A && a->q->type != DNS_AAAA) return true;
		if (outside) *rcode = read_outside(a, outside);
		return outside;
	}
	*rcode = DNS_SERVFAIL;   /* aliases that lead in a circle */
	return true;
}

size_t dns_answer(const struct dns_zone *z, const struct dns_asked *q,
	const struct dns_outside *outside, unsigned char *m, size_t size, struct dns_name *external)
{
	struct dns_lookup a = { .z = z, .q = q, .owner = q->name };

	dns_writer_begin(&a.w, q, m, size);
	a.w.ttl = DNS_TTL;
	enum dns_rcode rcode = judge(&a);
	if (!rcode && !follow(&a, outside, &rcode)) {
		*external = a.owner;
		return 0;
	}
	if (a.apex.n && !a.target.n && (rcode == DNS_NXDOMAIN || (!rcode && !a.found))) {
		a.w.section = DNS_AUTHORITY;
		add_soa(&a);
	}
	return dns_writer_end(&a.w, rcode, !rcode || rcode == DNS_NXDOMAIN);
}
