/* Carries datagrams between ports and pods. A port that has many clients makes room by ending its
 * own oldest flow, not another port's. */
#include "netd/relay.h"

#include <errno.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

#include "netd/sockets.h"

enum { PACKETS_PER_EVENT = 32 };

static int watch(const struct relay *r, int fd, uint64_t data)
{
	struct epoll_event ev = { .events = EPOLLIN, .data.u64 = data };
	return epoll_ctl(r->epoll, EPOLL_CTL_ADD, fd, &ev) < 0 ? -errno : 0;
}

int relay_add(struct relay *r, const struct relay_port *port)
{
	size_t i = 0;

	while (i < r->port_n && r->ports[i].fd >= 0) i++;
	int e = i == RELAY_PORTS ? -ENOSPC : watch(r, port->fd, RELAY_DATA_PORT(i));
	if (e < 0) {
		close(port->fd);
		return e;
	}
	r->ports[i] = *port;
	if (i == r->port_n) r->port_n++;
	return (int)i;
}

static void forget(struct relay *r, struct relay_flow *w)
{
	close(w->fd);
	w->fd = -1;
	r->used--;
	r->ports[w->port].used--;
}

void relay_remove(struct relay *r, size_t port)
{
	for (uint32_t i = 0; r->ports[port].used && i < r->fresh; i++)
		if (r->v[i].fd >= 0 && r->v[i].port == port) forget(r, &r->v[i]);
	close(r->ports[port].fd);
	r->ports[port].fd = -1;
}

static struct relay_flow *find(struct relay *r, size_t port, const struct endpoint *client)
{
	for (uint32_t i = 0; i < r->fresh; i++) {
		struct relay_flow *w = &r->v[i];
		if (w->fd >= 0 && w->port == port && endpoint_same(&w->client, client)) return w;
	}
	return NULL;
}

static void make_room(struct relay *r, size_t port)
{
	struct relay_flow *oldest = NULL;

	if (r->ports[port].used < r->max - r->used) return;
	for (uint32_t i = 0; i < r->fresh; i++) {
		struct relay_flow *w = &r->v[i];
		if (w->fd < 0 || w->port != port) continue;
		if (!oldest || w->exchange.used_at < oldest->exchange.used_at) oldest = w;
	}
	if (oldest) forget(r, oldest);
}

static struct relay_flow *find_free(struct relay *r)
{
	for (uint32_t i = 0; r->used < r->fresh && i < r->fresh; i++)
		if (r->v[i].fd < 0) return &r->v[i];
	return r->fresh < r->max ? &r->v[r->fresh++] : NULL;
}

static int connect_to(const struct endpoint *to)
{
	int fd = sockets_open(endpoint_family(to), true);

	if (fd < 0 || !sockets_connect(fd, to)) return fd;
	close(fd);
	return -1;
}

/* Where a new client's datagrams go. */
static int choose(struct relay *r, const struct relay_port *port, const struct endpoint *client,
	int64_t now, struct endpoint *to)
{
	const struct pick_request q = { .at = port->to, .protocol = SERVICE_UDP,
		.outside = port->outside, .client = client->address };

	*to = port->to;
	return port->service ? pick_endpoint(r->picker, &q, now, to) : 0;
}

static struct relay_flow *open_flow(struct relay *r, size_t port, const struct endpoint *client,
	int64_t now)
{
	struct endpoint to;

	if (choose(r, &r->ports[port], client, now, &to) < 0) return NULL;
	make_room(r, port);
	struct relay_flow *w = find_free(r);
	if (!w) return NULL;
	*w = (struct relay_flow){ .fd = connect_to(&to), .port = (uint32_t)port, .to = to,
		.client = *client };
	if (w->fd < 0) return NULL;
	r->used++;
	r->ports[port].used++;
	if (!watch(r, w->fd, RELAY_DATA_FLOW(w - r->v))) return w;
	forget(r, w);
	return NULL;
}

static void carry(struct relay *r, size_t port, const struct endpoint *client, size_t n,
	int64_t now)
{
	struct relay_flow *w = find(r, port, client);

	if (!w) w = open_flow(r, port, client, now);
	if (!w || send(w->fd, r->packet, n, MSG_NOSIGNAL) < 0) {
		r->dropped++;   /* as any router may */
		return;
	}
	exchange_sent(&w->exchange, now);
	if (!r->look_at) r->look_at = now + EXCHANGE_LOOK_MS;
}

void relay_on_port(struct relay *r, size_t port, int64_t now)
{
	for (int k = 0; port < r->port_n && r->ports[port].fd >= 0 && k < PACKETS_PER_EVENT; k++) {
		struct sockaddr_storage a = {0};
		socklen_t len = sizeof a;
		ssize_t n = recvfrom(r->ports[port].fd, r->packet, sizeof r->packet, MSG_DONTWAIT,
			(struct sockaddr *)&a, &len);
		if (n < 0 && errno == EINTR) continue;
		if (n < 0) return;
		struct endpoint client = endpoint_from_sockaddr(&a);
		carry(r, port, &client, (size_t)n, now);
	}
}

static void send_back(struct relay *r, const struct relay_flow *w, size_t n)
{
	struct sockaddr_storage a;
	socklen_t len = endpoint_to_sockaddr(&w->client, &a);

	if (sendto(r->ports[w->port].fd, r->packet, n, MSG_DONTWAIT | MSG_NOSIGNAL,
		(struct sockaddr *)&a, len) < 0)
		r->dropped++;
}

void relay_on_answer(struct relay *r, size_t flow, int64_t now)
{
	for (int k = 0; flow < r->fresh && r->v[flow].fd >= 0 && k < PACKETS_PER_EVENT; k++) {
		struct relay_flow *w = &r->v[flow];
		ssize_t n = recv(w->fd, r->packet, sizeof r->packet, MSG_DONTWAIT);
		if (n < 0 && errno == EINTR) continue;
		if (n < 0) return;   /* nothing, or "refused", which the client is not told */
		exchange_received(&w->exchange, now);
		send_back(r, w, (size_t)n);
	}
}

void relay_check_services(struct relay *r)
{
	for (uint32_t i = 0; i < r->fresh; i++) {
		struct relay_flow *w = &r->v[i];
		const struct relay_port *p = &r->ports[w->port];
		if (w->fd >= 0 && p->service && !pick_may_go_on(r->picker, &p->to, &w->to))
			forget(r, w);
	}
}

int relay_settle(struct relay *r, int64_t now)
{
	if (!r->look_at) return -1;
	if (now < r->look_at) return (int)(r->look_at - now);
	for (uint32_t i = 0; i < r->fresh; i++)
		if (r->v[i].fd >= 0 && exchange_is_over(&r->v[i].exchange, now))
			forget(r, &r->v[i]);
	r->look_at = r->used ? now + EXCHANGE_LOOK_MS : 0;
	return r->used ? EXCHANGE_LOOK_MS : -1;
}
