/* Opens and closes listeners as Services come and go. */
#include "netd/fronts.h"

#include <stdio.h>
#include <string.h>

#include "base/die.h"
#include "netd/sockets.h"

/* ---- one listener ---- */

static int open_listener(struct fronts *f, const struct fronts_listener *l)
{
	const struct endpoint any = { .address.len = 4, .port = l->port };
	int fd = l->outside ? sockets_outside(f->channel, &any, l->udp)
		: sockets_inside(&any, l->udp);
	const struct listener tcp = { .fd = fd, .side = POLICY_SERVICE, .to = l->to,
		.outside = l->outside };
	const struct relay_port udp = { .fd = fd, .to = l->to, .service = true,
		.outside = l->outside };

	return fd < 0 ? fd : l->udp ? relay_add(f->relay, &udp) : gate_add(f->gate, &tcp);
}

static void close_listener(struct fronts *f, struct fronts_listener *l)
{
	if (l->place < 0) return;
	if (l->udp) relay_remove(f->relay, (size_t)l->place);
	else gate_remove(f->gate, (size_t)l->place);
	l->place = -1;
}

static void report(struct fronts *f, const struct fronts_listener *l, int r)
{
	const struct service_front *front = services_at(f->services, &l->to,
		l->udp ? SERVICE_UDP : SERVICE_TCP);
	const struct service_object *o = service_object(front->service);
	char port[64];

	snprintf(port, sizeof port, "port %u/%s%s", l->port, l->udp ? "udp" : "tcp",
		l->outside ? " outside of the cluster" : "");
	if (r < 0) warn_errno(r, "Service %s/%s: %s", o->namespace_, o->name, port);
	else warn("Service %s/%s: %s is open now", o->namespace_, o->name, port);
}

/* Only a listener of a Service that is still there is opened: see fronts_follow(). */
static void try_to_open(struct fronts *f, struct fronts_listener *l, int64_t now)
{
	int r = open_listener(f, l);

	if (r >= 0) l->place = r;
	else retry_failed(&l->time, now);
	if (l->told != (r < 0)) report(f, l, r);
	l->told = r < 0;
}

/* ---- all of them ---- */

static struct fronts_listener *find(struct fronts *f, const struct fronts_listener *l)
{
	for (size_t i = 0; i < f->n; i++)
		if (f->v[i].port == l->port && f->v[i].udp == l->udp &&
			f->v[i].outside == l->outside)
			return &f->v[i];
	return NULL;
}

/* Of two Services with the same port the first has it. One that could not listen is tried again
 * with each change: the port may be free now. */
static void want(struct fronts *f, const struct fronts_listener *l)
{
	struct fronts_listener *old = find(f, l);

	if (old && old->seen) return;
	if (!old && f->n == f->room) {
		f->room = f->room ? f->room * 2 : 16;
		f->v = xrealloc(f->v, f->room * sizeof *f->v);
	}
	if (!old) {
		old = &f->v[f->n++];
		*old = *l;
		old->place = -1;
	}
	if (!endpoint_same(&old->to, &l->to)) close_listener(f, old);
	old->to = l->to;
	old->seen = true;
	old->time.at = 0;
	if (old->place < 0) f->open_at = 0;
}

static void want_for_front(struct fronts *f, const struct service_front *front)
{
	const struct service_object *o = service_object(front->service);
	const struct service_port *p = &o->ports[front->port];
	struct fronts_listener l = { .to = front->at, .port = p->node_port,
		.udp = front->protocol == SERVICE_UDP };

	if (!front->at.port || front->protocol == SERVICE_SCTP) return;
	if (front->kind == SERVICE_FRONT_NODE) {
		want(f, &l);
		l.outside = true;
		want(f, &l);
	} else if (front->kind == SERVICE_FRONT_CLUSTER && o->type == SERVICE_LOAD_BALANCER) {
		l.port = p->port;
		l.outside = true;
		if (p->node_port) l.to = (struct endpoint){ .port = p->node_port };
		want(f, &l);
	}
}

static void remove_unseen(struct fronts *f)
{
	size_t kept = 0;

	for (size_t i = 0; i < f->n; i++) {
		if (f->v[i].seen) f->v[kept++] = f->v[i];
		else close_listener(f, &f->v[i]);
	}
	f->n = kept;
}

bool fronts_follow(struct fronts *f)
{
	const struct service_front *front;

	if (f->version == services_version(f->services)) return false;
	f->version = services_version(f->services);
	for (size_t i = 0; i < f->n; i++) f->v[i].seen = false;
	for (size_t i = 0; (front = services_front(f->services, i)); i++) want_for_front(f, front);
	/* A store that is being filled does not know yet what is gone. */
	if (services_complete(f->services)) remove_unseen(f);
	return true;
}

int fronts_settle(struct fronts *f, int64_t now)
{
	int64_t next = INT64_MAX;

	if (now < f->open_at) return f->open_at == INT64_MAX ? -1 : (int)(f->open_at - now);
	for (size_t i = 0; i < f->n; i++) {
		struct fronts_listener *l = &f->v[i];
		if (l->place >= 0 || !l->seen) continue;
		if (l->time.at <= now) try_to_open(f, l, now);
		if (l->place < 0 && l->time.at < next) next = l->time.at;
	}
	f->open_at = next;
	return next == INT64_MAX ? -1 : (int)(next - now);
}

static bool is_served(struct services *s, const struct service_front *front)
{
	return front->protocol == SERVICE_TCP && front->at.port &&
		service_backends(s, front, front->at.address.len)->any;
}

static bool has_address(const struct ip *v, size_t n, const struct ip *a)
{
	for (size_t i = 0; i < n; i++)
		if (!ip_cmp(&v[i], a)) return true;
	return false;
}

static bool is_port_of_unserved(struct services *s, const struct service_front *front)
{
	const struct service_object *o = service_object(front->service);
	struct service_front other = *front;

	for (uint16_t i = 0; i < o->port_n; i++) {
		other.port = i;
		other.protocol = o->ports[i].protocol;
		if (is_served(s, &other)) return false;
	}
	return true;
}

size_t fronts_unserved(struct services *s, uint8_t len, struct ip *out, size_t max)
{
	const struct service_front *f;
	size_t n = 0;

	for (size_t i = 0; n < max && (f = services_front(s, i)); i++)
		if (f->kind == SERVICE_FRONT_CLUSTER && f->at.address.len == len && f->at.port &&
			!has_address(out, n, &f->at.address) && is_port_of_unserved(s, f))
			out[n++] = f->at.address;
	return n;
}
