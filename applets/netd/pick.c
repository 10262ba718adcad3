/* Picks endpoints. */
#include "netd/pick.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/die.h"
#include "netd/names.h"

/* From inside the cluster external addresses are a short cut: the policy for traffic from outside
 * does not count (kube-proxy's chain KUBE-EXT). */
static enum balance_use use_for(const struct service_front *f, const struct pick_request *q)
{
	const struct service_object *o = service_object(f->service);

	bool local = f->kind == SERVICE_FRONT_CLUSTER ? o->internal_local
		: q->outside && o->external_local;
	return local ? BALANCE_LOCAL : BALANCE_CLUSTER;
}

/* ---- affinity ---- */

static uint32_t hash_service(const struct service_front *f)
{
	const struct service_object *o = service_object(f->service);
	uint32_t h = names_hash(NAMES_HASH, o->namespace_, strlen(o->namespace_) + 1);

	h = names_hash(names_hash(h, o->name, strlen(o->name)), &f->port, sizeof f->port);
	return h ? h : 1;
}

static bool same_ip(const struct ip *a, const struct ip *b)
{
	return a->len == b->len && !memcmp(a->b, b->b, sizeof a->b);
}

/* The client's entry, else a new one in place of the oldest of its set. */
static struct pick_affinity *find_affinity(struct picker *p, uint32_t service,
	const struct ip *client)
{
	uint32_t set = names_hash(service, client->b, client->len) % PICK_SETS;
	struct pick_affinity *oldest;

	if (!p->affinities) p->affinities = xcalloc(PICK_SETS * PICK_WAYS, sizeof *p->affinities);
	struct pick_affinity *v = oldest = &p->affinities[set * PICK_WAYS];
	for (int i = 0; i < PICK_WAYS; i++) {
		if (v[i].service == service && same_ip(&v[i].client, client)) return &v[i];
		if (v[i].used_at < oldest->used_at || !v[i].service) oldest = &v[i];
	}
	*oldest = (struct pick_affinity){ .service = service, .client = *client };
	return oldest;
}

static bool is_usable(const struct service_backends *b, const struct endpoint *to,
	enum balance_use use)
{
	for (uint32_t i = 0; i < b->n; i++)
		if (b->v[i].use & use && b->v[i].port == to->port &&
			same_ip(&b->v[i].endpoint->address, &to->address))
			return true;
	return false;
}

/* ---- picking ---- */

static bool take_turn(struct service_backends *b, enum balance_use use, struct endpoint *to)
{
	for (uint32_t i = 0; i < b->n; i++) {
		const struct balance_backend *v = &b->v[b->turn];
		b->turn = (b->turn + 1) % b->n;
		if (!(v->use & use)) continue;
		*to = (struct endpoint){ v->endpoint->address, v->port };
		return true;
	}
	return false;
}

/* Of the family of the front; a node port has none, and takes what there is. */
static struct service_backends *backends(struct picker *p, const struct service_front *f)
{
	if (f->at.address.len) return service_backends(p->services, f, f->at.address.len);
	struct service_backends *b = service_backends(p->services, f, 4);
	return b->n ? b : service_backends(p->services, f, 16);
}

int pick_endpoint(struct picker *p, const struct pick_request *q, int64_t now, struct endpoint *to)
{
	const struct service_front *f = services_at(p->services, &q->at, q->protocol);

	if (!f) return -ENOENT;
	struct service_backends *b = backends(p, f);
	enum balance_use use = use_for(f, q);
	uint32_t limit_s = service_object(f->service)->affinity_s;
	if (!limit_s) return take_turn(b, use, to) ? 0 : -ECONNREFUSED;
	struct pick_affinity *a = find_affinity(p, hash_service(f), &q->client);
	bool valid = !q->again && a->to.port && now - a->used_at <= limit_s * 1000ll &&
		is_usable(b, &a->to, use);
	if (!valid && !take_turn(b, use, &a->to)) return -ECONNREFUSED;
	a->used_at = now;
	*to = a->to;
	return 0;
}

bool pick_may_go_on(struct picker *p, const struct endpoint *at, const struct endpoint *to)
{
	const struct service_front *f = services_at(p->services, at, SERVICE_UDP);
	bool any = false;

	if (!f) return false;
	const struct service_backends *b = backends(p, f);
	for (uint32_t i = 0; i < b->n; i++) {
		if (!(b->v[i].endpoint->conditions & SERVICE_SERVING)) continue;
		any = true;
		if (b->v[i].port == to->port && same_ip(&b->v[i].endpoint->address, &to->address))
			return true;
	}
	return !any;
}
