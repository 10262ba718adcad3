/* The connections to the API server. What is asked and what answers mean is reflector.c's. */
#include "netd/watch.h"

#include <errno.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/die.h"
#include "base/err.h"
#include "base/json.h"
#include "cluster/kube.h"
#include "cluster/kubeconfig.h"
#include "net/tls.h"
#include "net/url.h"
#include "netd/sockets.h"

enum { BUFFER = 32768, READS_PER_EVENT = 16 };

/* ---- targets ---- */

/* noun: with its article, for the log */
static int remove_named(struct watch *w, enum service_kind kind, const char *noun,
	const struct json *j, const struct json_node *object, struct err *e)
{
	char namespace_[SERVICE_NAMESPACE], name[SERVICE_NAME];
	int r = service_parse_name(j, object, namespace_, name);

	if (r < 0) return err_set(e, r, "%s without a name was removed", noun);
	services_remove(w->services, kind, namespace_, name);
	return 0;
}

static int change_service(void *arg, enum reflector_change what, const struct json *j,
	const struct json_node *object, struct err *e)
{
	struct watch *w = arg;

	if (what == REFLECTOR_REMOVE)
		return remove_named(w, SERVICE_KIND_SERVICE, "a Service", j, object, e);
	struct service_object *o = service_parse(j, object, e);
	if (o) services_put_service(w->services, o);
	return o ? 0 : -EBADMSG;
}

static int change_slice(void *arg, enum reflector_change what, const struct json *j,
	const struct json_node *object, struct err *e)
{
	struct watch *w = arg;

	if (what == REFLECTOR_REMOVE)
		return remove_named(w, SERVICE_KIND_SLICE, "an EndpointSlice", j, object, e);
	struct service_slice *o = service_slice_parse(j, object, e);
	if (o) services_put_slice(w->services, o);
	return o ? 0 : -EBADMSG;
}

/* Is this node ours? It has our address. */
static bool has_address(const struct json *j, const struct json_node *node,
	const struct ip *address)
{
	const struct json_node *list = json_path(j, node, "status.addresses"), *n;
	char text[IP_TEXT];
	struct ip a;

	for (n = json_first(j, list); n; n = json_next(j, n))
		if (!json_string(j, json_get(j, n, "address"), text, sizeof text, NULL) &&
			ip_parse(&a, text, strlen(text)) && !ip_cmp(&a, address))
			return true;
	return false;
}

/* Does a load balancer keep sending to this node? Not if the cluster's autoscaler is about to
 * remove it, or somebody has. */
static bool is_eligible(const struct json *j, const struct json_node *node)
{
	const struct json_node *n = json_first(j, json_path(j, node, "spec.taints"));

	for (; n; n = json_next(j, n))
		if (json_is(j, json_get(j, n, "key"), "ToBeDeletedByClusterAutoscaler"))
			return false;
	return !json_path(j, node, "metadata.deletionTimestamp");
}

static int change_node(void *arg, enum reflector_change what, const struct json *j,
	const struct json_node *object, struct err *e)
{
	struct watch *w = arg;
	char namespace_[SERVICE_NAMESPACE], name[SERVICE_NAME], zone[SERVICE_NAME] = "";
	const struct json_node *labels = json_path(j, object, "metadata.labels");

	if (what == REFLECTOR_REMOVE || !has_address(j, object, &w->address)) return 0;
	int r = service_parse_name(j, object, namespace_, name);
	if (r < 0) return err_set(e, r, "a Node without a name");
	/* Without this label a node is in no zone. */
	if (json_string(j, json_get(j, labels, "topology.kubernetes.io/zone"), zone, sizeof zone,
		NULL) < 0)
		*zone = 0;
	services_set_node(w->services, name, zone, is_eligible(j, object));
	return 0;
}

static void begin_services(void *arg)
{
	services_begin(((struct watch *)arg)->services, SERVICE_KIND_SERVICE);
}

static void begin_slices(void *arg)
{
	services_begin(((struct watch *)arg)->services, SERVICE_KIND_SLICE);
}

static void sweep_services(void *arg)
{
	services_sweep(((struct watch *)arg)->services, SERVICE_KIND_SERVICE);
}

static void sweep_slices(void *arg)
{
	services_sweep(((struct watch *)arg)->services, SERVICE_KIND_SLICE);
}

static void nothing(void *arg)
{
	(void)arg;   /* of nodes only our own is kept */
}

static void log_line(void *arg, const char *path, const char *text)
{
	(void)arg;
	warn("%s: %s", path, text);
}

static const struct reflector_target targets[WATCH_KINDS] = {
	[WATCH_SERVICES] = { "/api/v1/services", change_service, begin_services, sweep_services,
		log_line, NULL },
	[WATCH_SLICES] = { "/apis/discovery.k8s.io/v1/endpointslices", change_slice, begin_slices,
		sweep_slices, log_line, NULL },
	[WATCH_NODES] = { "/api/v1/nodes", change_node, nothing, nothing, log_line, NULL },
};

/* ---- connections ---- */

static int watch_for(struct watch *w, struct watch_connection *c, uint32_t events)
{
	struct epoll_event ev = { .events = events, .data.u64 = WATCH_DATA(c - w->v) };
	int op = c->events ? EPOLL_CTL_MOD : EPOLL_CTL_ADD;

	if (events == c->events) return 0;
	c->events = events;
	return epoll_ctl(w->epoll, op, c->fd, &ev) < 0 ? -errno : 0;
}

static void disconnect(struct watch_connection *c)
{
	tls_free(c->tls);
	if (c->fd >= 0) close(c->fd);
	if (c->request.data) explicit_bzero(c->request.data, c->request.len);   /* a token */
	buf_free(&c->request);
	c->tls = NULL;
	c->fd = -1;
	c->sent = c->events = 0;
}

static void end(struct watch_connection *c, int reason, int64_t now)
{
	bool told = c->reflector.told;

	c->state = WATCH_WAITING;
	c->at = now + reflector_ended(&c->reflector, reason, (unsigned)rand(), now);
	if (c->tls && c->reflector.told && !told && !c->reflector.http.status)
		warn("API server: %s", tls_error(c->tls));
	disconnect(c);
}

/* Host of a kubeconfig's URL; names are not resolved here, but for the one that needs no asking. */
static bool to_endpoint(const struct url *u, struct endpoint *out)
{
	const char *host = strcmp(u->host, "localhost") ? u->host : "127.0.0.1";

	out->port = u->port;
	return ip_parse(&out->address, host, strlen(host));
}

static void write_request(struct watch_connection *c, const char *host, const char *token,
	int64_t now)
{
	buf_puts(&c->request, "GET ");
	reflector_request(&c->reflector, (unsigned)rand(), now, &c->request);
	kube_put_headers(host, token, &c->request);
	buf_puts(&c->request, "\r\n");
}

static int connect_to(struct watch *w, struct watch_connection *c, const struct kubeconfig *k,
	int64_t now)
{
	struct url u;
	struct endpoint api;
	int on = 1;
	struct err e = {0};

	if (!url_parse(k->server, &u) || u.plain || !k->ca) return -EINVAL;
	if (!to_endpoint(&u, &api)) return -EADDRNOTAVAIL;
	c->fd = sockets_open(endpoint_family(&api), false);
	if (c->fd < 0) return c->fd;
	/* A server that vanishes is noticed by the kernel; without the option a little later. */
	setsockopt(c->fd, SOL_SOCKET, SO_KEEPALIVE, &on, sizeof on);
	int r = sockets_connect(c->fd, &api);
	if (r < 0) return r;
	struct tls_config t = { k->ca, k->cert, k->key, k->tls_name ? k->tls_name : u.host };
	c->tls = tls_new(c->fd, &t, WATCH_CONNECT_MS, &e);
	if (!c->tls) return -EINVAL;
	write_request(c, u.host, k->token, now);
	if (c->request.failed) return -ENOMEM;
	c->state = WATCH_CONNECTING;
	c->at = now + WATCH_CONNECT_MS;
	return watch_for(w, c, EPOLLOUT);
}

/* The file is read each time: k3s renews what is in it. */
static void begin(struct watch *w, struct watch_connection *c, int64_t now)
{
	_cleanup_kubeconfig_ struct kubeconfig k;
	struct err e = {0};
	int r = kubeconfig_load(&k, w->kubeconfig, &e);

	if (r == -ENOENT) {   /* k3s has not written it yet */
		c->at = now + WATCH_FILE_MS;
		return;
	}
	if (!r) r = connect_to(w, c, &k, now);
	if (r < 0) end(c, r, now);
}

static int send_request(struct watch_connection *c)
{
	while (c->sent < c->request.len) {
		ssize_t n = tls_put(c->tls, c->request.data + c->sent, c->request.len - c->sent);
		if (n < 0) return (int)n;
		c->sent += (size_t)n;
	}
	return 0;
}

/* The response is complete; the next request goes out on the same connection. */
static int ask_next(struct watch_connection *c, int64_t now)
{
	const char *host = strstr(c->request.data, " HTTP/1.1\r\n");
	_cleanup_buf_ struct buf rest = {0};

	buf_puts(&rest, host);
	buf_reset(&c->request);
	buf_puts(&c->request, "GET ");
	reflector_request(&c->reflector, (unsigned)rand(), now, &c->request);
	buf_add(&c->request, rest.data, rest.len);
	c->sent = 0;
	return c->request.failed || rest.failed ? -ENOMEM : 0;
}

/* A watch may be silent until it ends by its own time limit; a list may not. */
static void extend(struct watch_connection *c, int64_t now)
{
	c->at = now + (c->reflector.watching ? WATCH_MOST_MS : WATCH_SILENCE_MS);
}

/* 0: nothing more for now; -errno: it is over. */
static int talk(struct watch *w, struct watch_connection *c, int64_t now)
{
	int r = send_request(c);

	for (int i = 0; !r && i < READS_PER_EVENT; i++) {
		ssize_t n = tls_take(c->tls, w->buffer, BUFFER);
		if (n <= 0) return n ? (int)n : -EPIPE;
		r = reflector_feed(&c->reflector, w->buffer, (size_t)n);
		extend(c, now);
		if (r > 0) r = ask_next(c, now);
		if (!r) r = send_request(c);
	}
	return r;
}

void watch_on_event(struct watch *w, size_t i, int64_t now)
{
	struct watch_connection *c = i < WATCH_KINDS ? &w->v[i] : NULL;
	int error = 0;
	socklen_t n = sizeof error;

	if (!c || c->state == WATCH_WAITING) return;   /* ended by an earlier event */
	if (c->state == WATCH_CONNECTING) {
		if (getsockopt(c->fd, SOL_SOCKET, SO_ERROR, &error, &n) < 0) error = errno;
		c->state = WATCH_TALKING;
	}
	int r = error ? -error : talk(w, c, now);
	if (r == -EAGAIN) r = 0;
	if (!r) {
		short e = tls_events(c->tls);
		/* With neither there is decrypted data left, which the next round takes. */
		r = watch_for(w, c, (e & POLLIN ? EPOLLIN : 0u) |
			(e & POLLOUT || !e ? EPOLLOUT : 0u));
	}
	if (r < 0) end(c, r, now);
}

int watch_settle(struct watch *w, int64_t now)
{
	int64_t next = INT64_MAX;

	for (size_t i = 0; w->kubeconfig && i < WATCH_KINDS; i++) {
		struct watch_connection *c = &w->v[i];
		if (c->at <= now && c->state != WATCH_WAITING) end(c, -ETIMEDOUT, now);
		if (c->at <= now) begin(w, c, now);
		if (c->at < next) next = c->at;
	}
	return next == INT64_MAX ? -1 : next <= now ? 0 : (int)(next - now);
}

void watch_init(struct watch *w, int epoll, const char *kubeconfig, struct services *services,
	const struct ip *address)
{
	*w = (struct watch){ .epoll = epoll, .kubeconfig = kubeconfig, .services = services,
		.address = *address, .buffer = xmalloc(BUFFER) };
	for (size_t i = 0; i < WATCH_KINDS; i++) {
		struct watch_connection *c = &w->v[i];
		c->fd = -1;
		c->target = targets[i];
		c->target.arg = w;
		reflector_init(&c->reflector, &c->target);
	}
}
