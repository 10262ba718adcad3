/* Accepts connections, lets the policy decide where they go, and dials. Copying is flow.c's. */
#include "netd/listen.h"

#include <errno.h>
#include <stdlib.h>
#include <netinet/in.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/buf.h"
#include "base/die.h"
#include "net/redirect.h"
#include "netd/sockets.h"
#include "world/broker.h"

/* Few: who opens connections as fast as possible must not keep flows from copying. */
enum { ACCEPTS_PER_EVENT = 4 };

static int watch(struct gate *g, size_t i, uint32_t events)
{
	struct epoll_event ev = { .events = events, .data.u64 = LISTEN_DATA(i) };
	if (g->v[i].fd < 0) return 0;
	return epoll_ctl(g->epoll, EPOLL_CTL_MOD, g->v[i].fd, &ev) < 0 ? -errno : 0;
}

int gate_add(struct gate *g, const struct listener *l)
{
	size_t i = 0;

	while (i < g->n && g->v[i].fd >= 0) i++;
	struct epoll_event ev = { .events = g->paused_until ? 0 : EPOLLIN,
		.data.u64 = LISTEN_DATA(i) };
	int r = i == LISTENERS ? -ENOSPC : 0;
	if (!r && epoll_ctl(g->epoll, EPOLL_CTL_ADD, l->fd, &ev) < 0) r = -errno;
	if (r < 0) {
		close(l->fd);
		return r;
	}
	g->v[i] = *l;
	if (i == g->n) g->n++;
	return (int)i;
}

void gate_remove(struct gate *g, size_t i)
{
	close(g->v[i].fd);
	g->v[i].fd = -1;
}

static int make_socket(struct gate *g, enum policy_verdict verdict, int family)
{
	struct broker_request q = { .op = BROKER_TCP, .family = (uint8_t)family };

	return verdict == POLICY_OUTSIDE ? broker_ask(g->channel, &q) : sockets_open(family, false);
}

/* A socket that is connected or about to be; or -errno. */
static int dial(struct gate *g, enum policy_verdict verdict, const struct endpoint *to)
{
	int fd = make_socket(g, verdict, endpoint_family(to));
	int r = fd < 0 ? fd : sockets_connect(fd, to);

	if (r < 0 && fd >= 0) close(fd);
	return r < 0 ? r : fd;
}

int gate_dial_service(void *arg, const struct endpoint *to, const struct flow_client *client,
	int64_t now)
{
	struct gate *g = arg;
	struct pick_request q = { *to, SERVICE_TCP, client->outside, client->dialled > 0,
		client->address };
	struct endpoint endpoint;
	int fd = -ECONNREFUSED;

	/* Of some that cannot be reached connect(2) itself says so. */
	for (int i = client->dialled; fd < 0 && i < FLOW_TRIES; i++) {
		int r = pick_endpoint(g->picker, &q, now, &endpoint);
		if (r < 0) return r;
		fd = dial(g, POLICY_INSIDE, &endpoint);
		q.again = true;
	}
	return fd;
}

/* ---- by way of a proxy ---- */

int gate_dial_proxy(void *arg, const struct endpoint *to, const char *name, struct buf *request)
{
	struct gate *g = arg;
	const struct gate_proxy *p = g->proxy;

	if (!request) return dial(g, POLICY_OUTSIDE, to);
	if (proxy_is_excepted(p->exceptions, name, &to->address, to->port))
		return dial(g, POLICY_OUTSIDE, to);
	proxy_request(&p->url, name, &to->address, to->port, request);
	int fd = dial(g, POLICY_OUTSIDE, &p->at);
	if (fd < 0) gate_proxy_failed(g, fd);
	return fd;
}

static const char *explain_status(int status)
{
	switch (status) {
	case 407: return ": it does not accept the user and password of HTTPS_PROXY";
	case 403: return ": it does not allow this connection";
	case 502:
	case 503:
	case 504: return ": it cannot reach the server";
	case 0: return ": it is not an HTTP proxy";
	}
	return "";
}

static bool is_news(struct gate_proxy *p, int reason)
{
	size_t i = (size_t)abs(reason);

	if (i >= sizeof p->told / sizeof *p->told || p->told[i]) return false;
	return p->told[i] = true;
}

void gate_proxy_failed(void *arg, int reason)
{
	struct gate_proxy *p = ((struct gate *)arg)->proxy;

	if (!is_news(p, reason)) return;
	if (reason < 0) warn_errno(reason, "proxy %s:%u", p->url.host, p->url.port);
	else warn("proxy %s:%u answers with HTTP status %d%s", p->url.host, p->url.port, reason,
		explain_status(reason));
}

/* Go's client, and so containerd, shows the reason phrase of such an answer as the error. */
void gate_proxy_explain(void *arg, const struct endpoint *to, int reason, struct buf *answer)
{
	struct gate *g = arg;
	char address[IP_TEXT];

	ip_format(&to->address, address);
	buf_printf(answer, "HTTP/1.1 %s proxy %s port %u cannot be reached: %s\r\n"
		"Content-Length: 0\r\nConnection: close\r\n\r\n",
		reason == -ETIMEDOUT ? "504" : "502", address, to->port, strerror(-reason));
	if (is_news(g->proxy, reason)) warn_errno(reason, "proxy %s port %u", address, to->port);
}

/* The last byte of the address: each pod of a node has its own. */
static uint32_t source_of(const struct endpoint *e)
{
	return e->address.len ? e->address.b[e->address.len - 1] : 0;
}

/* Where an accepted connection goes. */
static enum policy_verdict decide(const struct gate *g, const struct listener *l, int fd,
	struct endpoint *to)
{
	*to = l->to;
	if (!l->redirected) return l->side;
	if (redirect_original(fd, to) < 0) return POLICY_REFUSE;
	return services_at(g->picker->services, to, SERVICE_TCP) ? POLICY_SERVICE
		: policy_decide(g->policy, to);
}

/* Programs that ask the proxy themselves are led to it as they are. */
static bool needs_proxy(const struct gate_proxy *p, const struct endpoint *to)
{
	return p->at.address.len &&
		(p->at.port != to->port || ip_cmp(&p->at.address, &to->address));
}

/* How long a client may take to name the server that it means. Of other ports it is not known that
 * the client speaks first. */
static int wait_for(uint16_t port)
{
	static const uint16_t ports[] = { 80, 443, 5000, 8080, 8443 };

	for (size_t i = 0; i < sizeof ports / sizeof *ports; i++)
		if (ports[i] == port) return GATE_NAME_MS;
	return 0;
}

/* Dials for an accepted connection; it becomes a flow. False if it does not, and fd is still the
 * caller's. */
static bool open_flow(struct gate *g, const struct listener *l, int fd,
	const struct endpoint *from, int64_t now)
{
	uint32_t source = source_of(from);
	struct endpoint to;
	enum policy_verdict verdict = decide(g, l, fd, &to);

	if (verdict == POLICY_SERVICE) {
		struct flow_client client = { from->address, l->outside, 0 };
		if (!flows_add_trying(g->flows, fd, &to, &client, source, now)) return true;
		/* Without an endpoint only the API's own address and DNS lead somewhere. */
		verdict = policy_decide(g->policy, &to);
		if (verdict != POLICY_INSIDE && verdict != POLICY_DNS) return false;
	}
	if (verdict == POLICY_REFUSE) return false;
	if (verdict == POLICY_DNS) return g->dns(g->dns_arg, fd, source, now) == 0;
	if (verdict == POLICY_HEALTH) return health_add(g->health, fd, to.port, now) == 0;
	if (l->to_proxy) {
		flows_add_to_proxy(g->flows, fd, &to, source, now + FLOW_DIAL_MS);
		return true;
	}
	if (verdict == POLICY_OUTSIDE && l->redirected && needs_proxy(g->proxy, &to)) {
		flows_add_waiting(g->flows, fd, &to, source, now + wait_for(to.port));
		return true;
	}
	int right = dial(g, verdict, &to);
	if (right < 0) return false;
	flows_add(g->flows, fd, right, source, now);
	return true;
}

void gate_pass_outside(struct gate *g, int fd, const struct endpoint *to, uint32_t source,
	int64_t now)
{
	int right = dial(g, POLICY_OUTSIDE, to);

	if (right >= 0) {
		flows_add(g->flows, fd, right, source, now);
		return;
	}
	flows_count_failure(g->flows, source);
	flow_reset_fd(fd);
}

static void welcome(struct gate *g, const struct listener *l, int fd,
	const struct endpoint *from, int64_t now)
{
	uint32_t source = source_of(from);

	if (!flows_admit(g->flows, source, now)) {
		flow_reset_fd(fd);
	} else if (!open_flow(g, l, fd, from, now)) {
		flows_count_failure(g->flows, source);
		flow_reset_fd(fd);   /* as if its own connect had failed, a moment late */
	}
}

/* Out of descriptors or memory: nothing is accepted for a while. The kernel keeps the rest waiting,
 * and what is accepted already goes on. */
static void pause_all(struct gate *g, int64_t now)
{
	for (size_t i = 0; i < g->n; i++) watch(g, i, 0);
	g->paused_until = now + GATE_PAUSE_MS;
	g->paused_used = g->flows->used;
}

static bool is_shortage(int e)
{
	return e == EMFILE || e == ENFILE || e == ENOBUFS || e == ENOMEM;
}

void gate_on_listener(struct gate *g, size_t i, int64_t now)
{
	for (int k = 0; k < ACCEPTS_PER_EVENT && i < g->n && g->v[i].fd >= 0 &&
		!g->paused_until; k++) {
		struct sockaddr_storage a = {0};
		socklen_t n = sizeof a;
		int fd = accept4(g->v[i].fd, (struct sockaddr *)&a, &n,
			SOCK_CLOEXEC | SOCK_NONBLOCK);
		struct endpoint from = endpoint_from_sockaddr(&a);
		if (fd >= 0) welcome(g, &g->v[i], fd, &from, now);
		else if (is_shortage(errno)) pause_all(g, now);
		else if (errno != EINTR && errno != ECONNABORTED) return;
	}
}

int gate_settle(struct gate *g, int64_t now)
{
	if (!g->paused_until) return -1;
	if (now < g->paused_until && g->flows->used >= g->paused_used)
		return (int)(g->paused_until - now);
	g->paused_until = 0;
	for (size_t i = 0; i < g->n; i++) watch(g, i, EPOLLIN);
	return -1;
}
