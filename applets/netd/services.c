/* The store: Services and slices by name, and three indexes that are made again when they are asked
 * after a change: fronts, endpoints by address, and the endpoints of each port. */
#include "netd/services.h"

#include <stdlib.h>
#include <string.h>

#include "base/die.h"
#include "netd/names.h"

/* A Service, or slices that name one. It lives as long as it has either. */
struct service {
	struct names_entry entry;
	struct service_object *object;   /* NULL: not there */
	struct slice_entry **slices;
	size_t slice_n;
	struct service_backends **ports; /* two of each port, by family; NULL: not made yet */
	char *key;                 /* the names of the entry: namespace, NUL, name */
};

struct slice_entry {
	struct names_entry entry;
	struct service_slice *slice;
	struct service *service;   /* NULL: it names none */
};

/* Open addressing, linear probing; at most half full. */
struct service_index {
	uint32_t *v;               /* place in the list + 1 */
	uint32_t size;
};

struct located { const struct service_endpoint *endpoint; struct service *service; };

struct services {
	struct names_table services, slices;
	bool complete[SERVICE_KINDS];
	uint64_t version;
	char *node, *zone;
	bool eligible;
	bool fronts_stale, located_stale;
	struct service_front *fronts;
	size_t front_n, front_room;
	struct service_index by_address;   /* of fronts */
	struct located *located;
	size_t located_n, located_room;
	struct service_index by_endpoint;  /* of located */
};

/* ---- changes ---- */

static void drop_backends(struct service *svc)
{
	for (size_t i = 0; svc->ports && i < 2u * svc->object->port_n; i++) free(svc->ports[i]);
	free(svc->ports);
	svc->ports = NULL;
}

static void changed(struct services *s)
{
	s->fronts_stale = s->located_stale = true;
	s->version++;
}

static struct service *get_service(struct services *s, const char *namespace_, const char *name)
{
	size_t a = strlen(namespace_) + 1, b = strlen(name) + 1;
	struct service *svc = (struct service *)names_find(&s->services, namespace_, a - 1, name,
		b - 1);

	if (svc) return svc;
	svc = xcalloc(1, sizeof *svc);
	svc->key = xmalloc(a + b);
	svc->entry.namespace_ = memcpy(svc->key, namespace_, a);
	svc->entry.name = memcpy(svc->key + a, name, b);
	names_add(&s->services, &svc->entry);
	return svc;
}

static void free_if_empty(struct services *s, struct service *svc)
{
	if (svc->object || svc->slice_n) return;
	names_remove(&s->services, &svc->entry);
	free(svc->slices);
	free(svc->key);
	free(svc);
}

static void set_object(struct services *s, struct service *svc, struct service_object *o)
{
	if (svc->object) drop_backends(svc);
	free(svc->object);
	svc->object = o;
	changed(s);
}

void services_put_service(struct services *s, struct service_object *o)
{
	struct service *svc = get_service(s, o->namespace_, o->name);

	set_object(s, svc, o);
	svc->entry.seen = true;
}

/* Takes the slice away from its Service. */
static void detach(struct services *s, struct slice_entry *e)
{
	struct service *svc = e->service;
	size_t i = 0;

	if (!svc) return;
	while (svc->slices[i] != e) i++;
	svc->slices[i] = svc->slices[--svc->slice_n];
	if (svc->object) drop_backends(svc);
	e->service = NULL;
	free_if_empty(s, svc);
}

static void attach(struct services *s, struct slice_entry *e)
{
	if (!*e->slice->service) return;
	struct service *svc = get_service(s, e->slice->namespace_, e->slice->service);
	svc->slices = xrealloc(svc->slices, (svc->slice_n + 1) * sizeof(struct slice_entry *));
	svc->slices[svc->slice_n++] = e;
	if (svc->object) drop_backends(svc);
	e->service = svc;
}

void services_put_slice(struct services *s, struct service_slice *o)
{
	struct slice_entry *e = (struct slice_entry *)names_find(&s->slices, o->namespace_,
		strlen(o->namespace_), o->name, strlen(o->name));

	if (e) {
		detach(s, e);
		free(e->slice);
	} else {
		e = xcalloc(1, sizeof *e);
	}
	bool is_new = !e->slice;
	e->slice = o;
	e->entry.namespace_ = o->namespace_;
	e->entry.name = o->name;
	if (is_new) names_add(&s->slices, &e->entry);
	e->entry.seen = true;
	attach(s, e);
	changed(s);
}

static void remove_service(void *arg, struct names_entry *e)
{
	struct services *s = arg;
	struct service *svc = (struct service *)e;

	if (svc->object) set_object(s, svc, NULL);
	free_if_empty(s, svc);
}

static void remove_slice(void *arg, struct names_entry *entry)
{
	struct services *s = arg;
	struct slice_entry *e = (struct slice_entry *)entry;

	detach(s, e);
	names_remove(&s->slices, entry);
	free(e->slice);
	free(e);
	changed(s);
}

static const struct {
	void (*remove)(void *arg, struct names_entry *e);
	size_t table;
} kinds[SERVICE_KINDS] = {
	[SERVICE_KIND_SERVICE] = { remove_service, offsetof(struct services, services) },
	[SERVICE_KIND_SLICE] = { remove_slice, offsetof(struct services, slices) },
};

static struct names_table *table_of(struct services *s, enum service_kind kind)
{
	return (struct names_table *)((char *)s + kinds[kind].table);
}

void services_remove(struct services *s, enum service_kind kind, const char *namespace_,
	const char *name)
{
	struct names_entry *e = names_find(table_of(s, kind), namespace_, strlen(namespace_),
		name, strlen(name));

	if (e) kinds[kind].remove(s, e);
}

static void forget_seen(void *arg, struct names_entry *e)
{
	(void)arg;
	e->seen = false;
}

void services_begin(struct services *s, enum service_kind kind)
{
	names_each(table_of(s, kind), forget_seen, s);
}

static void remove_unseen_service(void *arg, struct names_entry *e)
{
	if (!e->seen && ((struct service *)e)->object) remove_service(arg, e);
}

static void remove_unseen_slice(void *arg, struct names_entry *e)
{
	if (!e->seen) remove_slice(arg, e);
}

void services_sweep(struct services *s, enum service_kind kind)
{
	names_each(table_of(s, kind), kind == SERVICE_KIND_SERVICE ? remove_unseen_service
		: remove_unseen_slice, s);
	s->complete[kind] = true;
	s->version++;
}

static void forget_backends(void *arg, struct names_entry *e)
{
	struct service *svc = (struct service *)e;

	(void)arg;
	if (svc->object) drop_backends(svc);
}

void services_set_node(struct services *s, const char *name, const char *zone, bool eligible)
{
	s->eligible = eligible;
	if (!strcmp(s->node, name) && !strcmp(s->zone, zone)) return;
	free(s->node);
	free(s->zone);
	s->node = xstrdup(name);
	s->zone = xstrdup(zone);
	names_each(&s->services, forget_backends, s);
	s->version++;
}

struct services *services_new(void)
{
	struct services *s = xcalloc(1, sizeof *s);

	s->node = xstrdup("");
	s->zone = xstrdup("");
	return s;
}

void services_free(struct services *s)
{
	names_each(&s->slices, remove_slice, s);
	names_each(&s->services, remove_service, s);
	free(s->services.v);
	free(s->slices.v);
	free(s->fronts);
	free(s->located);
	free(s->by_address.v);
	free(s->by_endpoint.v);
	free(s->node);
	free(s->zone);
	free(s);
}

const char *services_node(const struct services *s)
{
	return s->node;
}

bool services_node_is_eligible(const struct services *s)
{
	return s->eligible;
}

bool services_complete(const struct services *s)
{
	return s->complete[SERVICE_KIND_SERVICE] && s->complete[SERVICE_KIND_SLICE];
}

uint64_t services_version(const struct services *s)
{
	return s->version;
}

/* ---- by name ---- */

const struct service *services_find(const struct services *s, const char *namespace_,
	size_t namespace_n, const char *name, size_t name_n)
{
	const struct service *svc = (const struct service *)names_find(&s->services, namespace_,
		namespace_n, name, name_n);

	return svc && svc->object ? svc : NULL;
}

struct wanted_namespace { const char *name; size_t n; bool found; };

static void compare_namespace(void *arg, struct names_entry *e)
{
	struct wanted_namespace *w = arg;

	if (((struct service *)e)->object && names_is(e->namespace_, w->name, w->n))
		w->found = true;
}

bool services_has_namespace(const struct services *s, const char *namespace_, size_t n)
{
	struct wanted_namespace w = { namespace_, n, false };

	names_each((struct names_table *)&s->services, compare_namespace, &w);
	return w.found;
}

const struct service_object *service_object(const struct service *s)
{
	return s->object;
}

const struct service_slice *service_slice(const struct service *s, size_t i)
{
	return i < s->slice_n ? s->slices[i]->slice : NULL;
}

/* ---- indexes ---- */

static uint32_t hash_address(const struct ip *a, uint16_t port, uint8_t protocol)
{
	uint32_t h = names_hash(NAMES_HASH, a->b, a->len);

	h = names_hash(names_hash(h, &port, sizeof port), &protocol, 1);
	return h ^ h >> 15;
}

static void index_reset(struct service_index *x, size_t n)
{
	uint32_t size = 64;

	while (size < 2 * n) size *= 2;
	free(x->v);
	x->v = xcalloc(size, sizeof *x->v);
	x->size = size;
}

static void index_add(struct service_index *x, uint32_t hash, size_t place)
{
	uint32_t i = hash & (x->size - 1);

	while (x->v[i]) i = (i + 1) & (x->size - 1);
	x->v[i] = (uint32_t)place + 1;
}

/* Port 0: the address alone, for services_with_cluster_ip(). */
static const struct service_front *find_front(const struct services *s, const struct ip *address,
	uint16_t port, uint8_t protocol)
{
	const struct service_index *x = &s->by_address;
	uint32_t i = hash_address(address, port, protocol) & (x->size - 1);

	for (; x->v[i]; i = (i + 1) & (x->size - 1)) {
		const struct service_front *f = &s->fronts[x->v[i] - 1];
		if (ip_same(&f->at.address, address) && f->at.port == port &&
			f->protocol == protocol)
			return f;
	}
	return NULL;
}

static void add_front(struct services *s, const struct service_front *f)
{
	if (s->front_n == s->front_room) {
		s->front_room = s->front_room ? s->front_room * 2 : 64;
		s->fronts = xrealloc(s->fronts, s->front_room * sizeof *s->fronts);
	}
	s->fronts[s->front_n++] = *f;
}

static void add_port_fronts(struct services *s, struct service *svc, uint16_t i)
{
	const struct service_object *o = svc->object;
	const struct service_port *p = &o->ports[i];
	struct service_front f = { .at.port = p->port, .protocol = p->protocol, .port = i,
		.service = svc, .kind = SERVICE_FRONT_CLUSTER };

	for (size_t k = 0; k < 2 && o->cluster[k].len; k++) {
		f.at.address = o->cluster[k];
		add_front(s, &f);
	}
	f.kind = SERVICE_FRONT_EXTERNAL;
	for (size_t k = 0; k < o->external_n; k++) {
		f.at.address = o->external[k];
		add_front(s, &f);
	}
	for (size_t k = 0; k < o->ingress_n; k++) {
		f.at.address = o->ingress[k];
		add_front(s, &f);
	}
	if (!p->node_port) return;
	f.kind = SERVICE_FRONT_NODE;
	f.at = (struct endpoint){ .port = p->node_port };
	add_front(s, &f);
}

/* Is it for a proxy? (kubernetes pkg/proxy/util, ShouldSkipService) */
static bool has_fronts(const struct service_object *o)
{
	return o && !o->headless && !o->foreign && o->type != SERVICE_EXTERNAL_NAME &&
		o->cluster[0].len;
}

static void add_service_fronts(void *arg, struct names_entry *e)
{
	struct services *s = arg;
	struct service *svc = (struct service *)e;

	if (!has_fronts(svc->object)) return;
	for (uint16_t i = 0; i < svc->object->port_n; i++) add_port_fronts(s, svc, i);
	for (size_t k = 0; k < 2 && svc->object->cluster[k].len; k++) {
		struct service_front f = { .at.address = svc->object->cluster[k], .service = svc,
			.kind = SERVICE_FRONT_CLUSTER };
		add_front(s, &f);
	}
}

/* Of two Services with the same external address the first one in the table has it. */
static void make_fronts(struct services *s)
{
	if (!s->fronts_stale && s->by_address.v) return;
	s->front_n = 0;
	names_each(&s->services, add_service_fronts, s);
	index_reset(&s->by_address, s->front_n);
	for (size_t i = 0; i < s->front_n; i++) {
		const struct service_front *f = &s->fronts[i];
		if (find_front(s, &f->at.address, f->at.port, f->protocol)) continue;
		index_add(&s->by_address, hash_address(&f->at.address, f->at.port, f->protocol), i);
	}
	s->fronts_stale = false;
}

const struct service_front *services_at(struct services *s, const struct endpoint *at,
	enum service_protocol protocol)
{
	make_fronts(s);
	return at->port ? find_front(s, &at->address, at->port, protocol) : NULL;
}

const struct service_front *services_front(struct services *s, size_t i)
{
	make_fronts(s);
	return i < s->front_n ? &s->fronts[i] : NULL;
}

const struct service *services_with_cluster_ip(struct services *s, const struct ip *address)
{
	make_fronts(s);
	const struct service_front *f = find_front(s, address, 0, 0);
	return f ? f->service : NULL;
}

static void add_located(void *arg, struct names_entry *e)
{
	struct services *s = arg;
	const struct slice_entry *slice = (struct slice_entry *)e;

	if (!slice->service || !slice->service->object) return;
	for (uint32_t i = 0; i < slice->slice->endpoint_n; i++) {
		if (s->located_n == s->located_room) {
			s->located_room = s->located_room ? s->located_room * 2 : 64;
			s->located = xrealloc(s->located, s->located_room * sizeof *s->located);
		}
		s->located[s->located_n++] = (struct located){ &slice->slice->endpoints[i],
			slice->service };
	}
}

static void make_located(struct services *s)
{
	if (!s->located_stale && s->by_endpoint.v) return;
	s->located_n = 0;
	names_each(&s->slices, add_located, s);
	index_reset(&s->by_endpoint, s->located_n);
	for (size_t i = 0; i < s->located_n; i++)
		index_add(&s->by_endpoint, hash_address(&s->located[i].endpoint->address, 0, 0), i);
	s->located_stale = false;
}

const struct service *services_with_endpoint(struct services *s, const struct ip *address, size_t i,
	const struct service_endpoint **endpoint)
{
	make_located(s);
	const struct service_index *x = &s->by_endpoint;
	uint32_t at = hash_address(address, 0, 0) & (x->size - 1);

	for (; x->v[at]; at = (at + 1) & (x->size - 1)) {
		const struct located *l = &s->located[x->v[at] - 1];
		if (!ip_same(&l->endpoint->address, address) || i--) continue;
		*endpoint = l->endpoint;
		return l->service;
	}
	return NULL;
}

/* ---- endpoints of a port ---- */

/* Of two at the same address the one that does not terminate comes first. */
static int compare_backends(const void *a_, const void *b_)
{
	const struct balance_backend *a = a_, *b = b_;
	const struct ip *x = &a->endpoint->address, *y = &b->endpoint->address;
	int r = memcmp(x->b, y->b, sizeof x->b);

	if (!r) r = a->port - b->port;
	if (!r) r = (a->endpoint->conditions & SERVICE_TERMINATING) -
		(b->endpoint->conditions & SERVICE_TERMINATING);
	return r;
}

static const struct service_slice_port *slice_port(const struct service_slice *sl,
	const struct service_port *p, uint8_t family)
{
	for (uint32_t i = 0; sl->family == family && i < sl->port_n; i++) {
		const struct service_slice_port *q = &sl->ports[i];
		if (q->port && q->protocol == p->protocol && !strcmp(q->name, p->name)) return q;
	}
	return NULL;
}

static struct service_backends *join(const struct service *svc, const struct service_port *p,
	uint8_t family)
{
	size_t room = 0;
	uint32_t kept = 0;

	for (size_t i = 0; i < svc->slice_n; i++) room += svc->slices[i]->slice->endpoint_n;
	struct service_backends *b = xcalloc(1, sizeof *b + room * sizeof *b->v);
	for (size_t i = 0; i < svc->slice_n; i++) {
		const struct service_slice *sl = svc->slices[i]->slice;
		const struct service_slice_port *q = slice_port(sl, p, family);
		for (uint32_t k = 0; q && k < sl->endpoint_n; k++)
			b->v[b->n++] = (struct balance_backend){ &sl->endpoints[k], q->port, 0 };
	}
	qsort(b->v, b->n, sizeof *b->v, compare_backends);
	for (uint32_t i = 0; i < b->n; i++) {
		const struct balance_backend *last = kept ? &b->v[kept - 1] : NULL;
		if (last && last->port == b->v[i].port &&
			ip_same(&last->endpoint->address, &b->v[i].endpoint->address))
			continue;
		b->v[kept++] = b->v[i];
	}
	b->n = kept;
	return b;
}

static struct service_backends *make_backends(const struct services *s, const struct service *svc,
	const struct service_port *p, uint8_t family)
{
	const struct service_object *o = svc->object;
	const struct balance_policy policy = { o->internal_local, o->external_local,
		p->node_port || o->external_n || o->ingress_n, s->node, s->zone };
	struct service_backends *b = join(svc, p, family);

	b->any = balance_categorize(b->v, b->n, &policy);
	for (uint32_t i = 0; i < b->n; i++) {
		b->used[0] += (b->v[i].use & BALANCE_CLUSTER) != 0;
		b->used[1] += (b->v[i].use & BALANCE_LOCAL) != 0;
	}
	if (b->n) b->turn = (uint32_t)rand() % b->n;
	return b;
}

struct service_backends *service_backends(struct services *s, const struct service_front *front,
	uint8_t family)
{
	struct service *svc = front->service;
	const struct service_object *o = svc->object;

	if (!svc->ports) svc->ports = xcalloc(2u * o->port_n, sizeof(struct service_backends *));
	struct service_backends **b = &svc->ports[2 * front->port + (family == 16)];
	if (!*b) *b = make_backends(s, svc, &o->ports[front->port], family);
	return *b;
}
