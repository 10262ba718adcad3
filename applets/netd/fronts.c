/* Opens and closes listeners as Services come and go. */
#include "netd/fronts.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "base/die.h"
#include "netd/sockets.h"

/* ---- one listener ---- */

/* Of a Service, an address that has to become one of the node's own. */
static bool is_claimed(const struct fronts_listener *l)
{
	return l->at.address.len == 16;
}

static int open_socket(struct fronts *f, const struct fronts_listener *l)
{
	bool udp = l->protocol == SERVICE_UDP;

	if (l->protocol == SERVICE_SCTP) return -EPROTONOSUPPORT;
	int r = is_claimed(l) ? sockets_claim(&l->at.address, true) : 0;
	return r < 0 ? r : l->outside ? sockets_outside(f->channel, &l->at, udp)
		: sockets_inside(&l->at, udp);
}

static int open_listener(struct fronts *f, const struct fronts_listener *l)
{
	int fd = open_socket(f, l);
	const struct listener tcp = { .fd = fd, .side = l->health ? POLICY_HEALTH : POLICY_SERVICE,
		.to = l->to, .outside = l->outside };
	const struct relay_port udp = { .fd = fd, .to = l->to, .service = true,
		.outside = l->outside };

	return fd < 0 ? fd : l->protocol == SERVICE_UDP ? relay_add(f->relay, &udp)
		: gate_add(f->gate, &tcp);
}

static bool is_address_used(const struct fronts *f, const struct ip *a)
{
	for (size_t i = 0; i < f->n; i++)
		if (f->v[i].place >= 0 && ip_same(&f->v[i].at.address, a)) return true;
	return false;
}

static void close_listener(struct fronts *f, struct fronts_listener *l)
{
	if (l->place < 0) return;
	if (l->protocol == SERVICE_UDP) relay_remove(f->relay, (size_t)l->place);
	else gate_remove(f->gate, (size_t)l->place);
	l->place = -1;
	/* One that stays does no harm: its ports are closed. */
	if (is_claimed(l) && !is_address_used(f, &l->at.address))
		sockets_claim(&l->at.address, false);
}

static void report(const struct fronts_listener *l, int r)
{
	static const char *const names[] = { [SERVICE_TCP] = "tcp", [SERVICE_UDP] = "udp" };
	const struct service_object *o = service_object(l->service);
	char port[64];

	if (l->protocol == SERVICE_SCTP) {
		warn("Service %s/%s: SCTP is unsupported, its ports are not served",
			o->namespace_, o->name);
		return;
	}
	snprintf(port, sizeof port, "port %u/%s%s", l->at.port, names[l->protocol],
		l->outside ? " outside of the cluster" : "");
	if (r < 0) warn_errno(r, "Service %s/%s: %s", o->namespace_, o->name, port);
	else warn("Service %s/%s: %s is open now", o->namespace_, o->name, port);
}

/* Only a listener of a Service that is still there is opened: see fronts_follow(). */
static void try_to_open(struct fronts *f, struct fronts_listener *l, int64_t now)
{
	int r = open_listener(f, l);

	if (r >= 0) l->place = r;
	else if (r == -EPROTONOSUPPORT) l->time.at = INT64_MAX;
	else retry_failed(&l->time, now);
	if (l->told != (r < 0)) report(l, r);
	l->told = r < 0;
}

/* ---- all of them ---- */

static struct fronts_listener *find(struct fronts *f, const struct fronts_listener *l)
{
	for (size_t i = 0; i < f->n; i++)
		if (endpoint_same(&f->v[i].at, &l->at) && f->v[i].protocol == l->protocol &&
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
	if (!endpoint_same(&old->to, &l->to) || old->health != l->health) close_listener(f, old);
	old->health = l->health;
	old->to = l->to;
	old->service = l->service;
	old->seen = true;
	old->time.at = 0;
	if (old->place < 0) f->open_at = 0;
}

/* Changes *l. */
static void want_everywhere(struct fronts *f, struct fronts_listener *l)
{
	want(f, l);
	l->outside = true;
	want(f, l);
}

/* What a Service needs once, whatever its ports. */
static void want_for_service(struct fronts *f, const struct service_front *front)
{
	const struct service_object *o = service_object(front->service);
	struct fronts_listener l = { .at = { { .len = 4 }, o->health_port },
		.to.port = o->health_port, .health = true, .service = front->service };

	if (health_is_checked(o)) want_everywhere(f, &l);
	l = (struct fronts_listener){ .at = front->at, .protocol = SERVICE_SCTP,
		.service = front->service };
	for (uint16_t i = 0; i < o->port_n; i++)
		if (o->ports[i].protocol == SERVICE_SCTP) want(f, &l);
}

/* Without an endpoint a port is closed, so that the kernel refuses. */
static bool has_endpoint(struct services *s, const struct service_front *front)
{
	return service_backends(s, front, 4)->any || service_backends(s, front, 16)->any;
}

static void want_for_front(struct fronts *f, const struct service_front *front)
{
	const struct service_object *o = service_object(front->service);
	const struct service_port *p = &o->ports[front->port];
	struct fronts_listener l = { .at = { { .len = 4 }, p->node_port }, .to = front->at,
		.protocol = front->protocol, .service = front->service };

	if (!front->at.port) want_for_service(f, front);
	if (!front->at.port || front->protocol == SERVICE_SCTP || !has_endpoint(f->services, front))
		return;
	if (front->kind == SERVICE_FRONT_NODE) want_everywhere(f, &l);
	if (front->kind != SERVICE_FRONT_CLUSTER) return;
	if (front->protocol == SERVICE_UDP && front->at.address.len == 16) {
		l.at = front->at;
		want(f, &l);
	}
	if (o->type == SERVICE_LOAD_BALANCER) {
		l.at = (struct endpoint){ { .len = 4 }, p->port };
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
