/* Answers health checks: one request a connection, without a body. */
#include "netd/health.h"

#include <errno.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/text.h"

enum { REQUEST = 4096, LOCAL_MAX = 256 };

/* ---- answers ---- */

bool health_is_checked(const struct service_object *o)
{
	return o->type == SERVICE_LOAD_BALANCER && o->external_local && o->health_port;
}

static bool has(const struct ip *v, unsigned n, const struct ip *a)
{
	while (n)
		if (ip_same(&v[--n], a)) return true;
	return false;
}

unsigned health_count_endpoints(const struct services *s, const struct service *svc)
{
	const char *node = services_node(s);
	const struct service_slice *sl;
	struct ip seen[LOCAL_MAX];
	unsigned n = 0;

	for (size_t i = 0; *node && (sl = service_slice(svc, i)); i++)
		for (uint32_t k = 0; n < LOCAL_MAX && k < sl->endpoint_n; k++) {
			const struct service_endpoint *e = &sl->endpoints[k];
			if (e->conditions & SERVICE_READY && !strcmp(e->node, node) &&
				!has(seen, n, &e->address))
				seen[n++] = e->address;
		}
	return n;
}

static const struct service *find_service(struct services *s, uint16_t port)
{
	const struct service_front *f;

	for (size_t i = 0; (f = services_front(s, i)); i++) {
		const struct service_object *o = service_object(f->service);
		if (o->health_port == port && health_is_checked(o)) return f->service;
	}
	return NULL;
}

static int answer_service(struct services *s, uint16_t port, struct buf *head, struct buf *body)
{
	const struct service *svc = find_service(s, port);

	if (!svc) return 404;   /* gone since the connection came in */
	const struct service_object *o = service_object(svc);
	unsigned n = health_count_endpoints(s, svc);
	buf_printf(head, "X-Load-Balancing-Endpoint-Weight: %u\r\n", n);
	buf_printf(body, "{\n\t\"service\": {\n\t\t\"namespace\": \"%s\",\n"
		"\t\t\"name\": \"%s\"\n\t},\n\t\"localEndpoints\": %u,\n"
		"\t\"serviceProxyHealthy\": true\n}", o->namespace_, o->name, n);
	return n ? 200 : 503;
}

/* netd has no queue of changes that could be stuck: it is healthy if it answers. */
static int answer_proxy(const struct services *s, const char *path, time_t now, struct buf *body)
{
	bool live = !strcmp(path, "/livez"), eligible = services_node_is_eligible(s);
	char t[TEXT_TIME_SIZE];

	if (!live && strcmp(path, "/healthz")) return 404;
	text_time(now, t);
	buf_printf(body, "{\"lastUpdated\":\"%s\",\"currentTime\":\"%s\",%s\"healthy\":true,"
		"\"status\":{\"IPv4\":{\"lastUpdated\":\"%s\",\"healthy\":true}}}", t, t,
		live ? "" : eligible ? "\"nodeEligible\":true," : "\"nodeEligible\":false,", t);
	return live || eligible ? 200 : 503;
}

void health_answer(struct services *s, uint16_t port, const char *request, size_t n, time_t now,
	struct buf *out)
{
	_cleanup_buf_ struct buf head = {0}, body = {0};
	const char *start = memchr(request, ' ', n);
	char path[16] = "";

	for (size_t i = 0; start && ++start < request + n && i < sizeof path - 1; i++) {
		if (strchr(" ?\r", *start)) break;
		path[i] = *start;
	}
	int status = port == HEALTH_PORT ? answer_proxy(s, path, now, &body)
		: answer_service(s, port, &head, &body);
	buf_printf(out, "HTTP/1.1 %d %s\r\nContent-Type: application/json\r\n"
		"X-Content-Type-Options: nosniff\r\n", status,
		status == 200 ? "OK" : status == 404 ? "Not Found" : "Service Unavailable");
	buf_add(out, head.data, head.len);
	buf_printf(out, "Content-Length: %zu\r\nConnection: close\r\n\r\n", body.len);
	if (n < 4 || memcmp(request, "HEAD", 4)) buf_add(out, body.data, body.len);
}

/* ---- clients ---- */

void health_init(struct health *h, int epoll, struct services *services)
{
	h->epoll = epoll;
	h->services = services;
	for (size_t i = 0; i < HEALTH_CLIENTS; i++) h->v[i].fd = -1;
}

int health_add(struct health *h, int fd, uint16_t port, int64_t now)
{
	size_t i = 0;

	while (i < HEALTH_CLIENTS && h->v[i].fd >= 0) i++;
	/* A request that has come in part stays in the kernel, so only news may wake. */
	struct epoll_event ev = { .events = EPOLLIN | EPOLLRDHUP | EPOLLET,
		.data.u64 = HEALTH_DATA(i) };
	if (i == HEALTH_CLIENTS) return -EBUSY;
	if (epoll_ctl(h->epoll, EPOLL_CTL_ADD, fd, &ev) < 0) return -errno;
	h->v[i] = (struct health_client){ fd, port, now + HEALTH_MS };
	h->used++;
	return 0;
}

static void forget(struct health *h, struct health_client *c)
{
	close(c->fd);
	c->fd = -1;
	h->used--;
}

void health_event(struct health *h, size_t i)
{
	struct health_client *c = &h->v[i];
	_cleanup_buf_ struct buf answer = {0};
	char request[REQUEST];

	if (c->fd < 0) return;   /* ended by an earlier event */
	ssize_t n = recv(c->fd, request, sizeof request, MSG_PEEK | MSG_DONTWAIT);
	if (n < 0 && (errno == EAGAIN || errno == EINTR)) return;
	if (n > 0 && n < REQUEST && !memmem(request, (size_t)n, "\r\n\r\n", 4)) return;
	/* What is not read when it is closed would have the kernel reset the connection. */
	if (n > 0) n = recv(c->fd, request, sizeof request, MSG_DONTWAIT);
	if (n > 0) {
		health_answer(h->services, c->port, request, (size_t)n, time(NULL), &answer);
		send(c->fd, answer.data, answer.len, MSG_DONTWAIT | MSG_NOSIGNAL);
	}
	forget(h, c);
}

int health_settle(struct health *h, int64_t now)
{
	int64_t next = -1;

	for (size_t i = 0, left = h->used; left && i < HEALTH_CLIENTS; i++) {
		struct health_client *c = &h->v[i];
		if (c->fd < 0) continue;
		left--;
		if (c->deadline <= now) forget(h, c);
		else if (next < 0 || c->deadline - now < next) next = c->deadline - now;
	}
	return (int)next;
}
