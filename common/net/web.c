/* Puts connections, proxies, TLS and HTTP together. What is asked for, and what an answer means, is
 * the caller's business. */
#include "net/web.h"

#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/buf.h"
#include "base/io.h"
#include "net/connect.h"

static int fail(const struct web *w, int r, struct err *e)
{
	if (r == -EPROTO && w->tls)
		return err_set(e, r, "%s port %u: %s", w->url.host, w->url.port, tls_error(w->tls));
	return err_errno(e, r, "%s port %u", w->url.host, w->url.port);
}

static int reach(struct web *w, const char *host, uint16_t port, struct err *e)
{
	snprintf(w->step, sizeof w->step, "resolving %s, connecting to port %u", host, port);
	w->fd = connect_host(host, port, w->connect_ms);
	if (w->fd == -EADDRNOTAVAIL)
		return err_set(e, w->fd, "the name %s cannot be resolved", host);
	return w->fd < 0 ? err_errno(e, w->fd, "%s port %u", host, port) : 0;
}

/* ---- the answer ---- */

static ssize_t receive_plain(const struct web *w, char *to, size_t size)
{
	struct pollfd p = { .fd = w->fd, .events = POLLIN };

	if (poll(&p, 1, w->timeout_ms) <= 0) return -ETIMEDOUT;
	ssize_t n = recv(w->fd, to, size, 0);
	return n < 0 ? -errno : n;
}

/* Feeds what comes to the parser until it is in a state behind this one. */
static int receive(struct web *w, enum http_state last)
{
	char chunk[16384];
	ssize_t n = 0;

	while (n >= 0 && w->http.state <= last) {
		if (w->tls) tls_set_timeout(w->tls, w->timeout_ms);
		n = w->tls ? tls_read(w->tls, chunk, sizeof chunk)
			: receive_plain(w, chunk, sizeof chunk);
		if (n > 0) n = http_feed(&w->http, chunk, (size_t)n);
		else if (!n && http_end(&w->http) < 0) n = -ECONNRESET;
	}
	return n < 0 ? (int)n : 0;
}

int web_receive(struct web *w, bool whole, struct err *e)
{
	int r = receive(w, whole ? HTTP_TRAILERS : HTTP_HEADERS);

	return r < 0 ? fail(w, r, e) : 0;
}

static int refused(const struct web *w, const char *host, uint16_t port, int r, struct err *e)
{
	int status = w->http.status;

	return err_set(e, r, "%s port %u answers with HTTP status %d%s", host, port, status,
		status == 407 ? ": it does not accept the user and password of its URL" : "");
}

int web_refused(const struct web *w, int r, struct err *e)
{
	return refused(w, w->url.host, w->url.port, r, e);
}

/* ---- the connection ---- */

/* golang.org/x/net/http/httpproxy, useProxy(). */
static bool is_own(const struct web *w)
{
	return (w->address.len == 4 && w->address.b[0] == 127) || !strcmp(w->url.host, "::1") ||
		!strcasecmp(w->url.host, "localhost");
}

/* Asks the proxy for a connection to the server. */
static int tunnel(struct web *w, struct err *e)
{
	_cleanup_buf_ struct buf request = {0};
	const struct proxy_url *proxy = &w->proxy;

	proxy_request(proxy, w->address.len ? NULL : w->url.host, &w->address, w->url.port,
		&request);
	int r = io_write_fd(w->fd, request.data, request.len);
	if (!r) r = receive(w, HTTP_HEADERS);
	if (r < 0) return err_errno(e, r, "%s port %u", proxy->host, proxy->port);
	if (w->http.status / 100 != 2) return refused(w, proxy->host, proxy->port, -EACCES, e);
	http_free(&w->http);
	http_init(&w->http, NULL, NULL);
	return 0;
}

int web_connect(struct web *w, const char *proxy, const char *exceptions, struct err *e)
{
	const struct url *u = &w->url;

	w->fd = -1;
	w->tls = NULL;
	http_init(&w->http, NULL, NULL);
	ip_parse(&w->address, u->host, strlen(u->host));
	w->by_proxy = proxy && !is_own(w) && !proxy_is_excepted(exceptions,
		w->address.len ? NULL : u->host, &w->address, u->port);
	if (!w->by_proxy) return reach(w, u->host, u->port, e);
	int r = proxy_parse(proxy, &w->proxy, e);
	if (!r) r = reach(w, w->proxy.host, w->proxy.port, e);
	return r < 0 || u->plain ? r : tunnel(w, e);
}

void web_close(struct web *w)
{
	tls_free(w->tls);
	http_free(&w->http);
	if (w->fd >= 0) close(w->fd);
}

/* ---- the request ---- */

/* HOST[:PORT] */
static void put_server(const struct url *u, struct buf *b)
{
	buf_printf(b, strchr(u->host, ':') ? "[%s]" : "%s", u->host);
	if (u->port != (u->plain ? 80 : 443)) buf_printf(b, ":%u", u->port);
}

void web_put_request(const struct web *w, const char *headers, struct buf *out)
{
	bool to_proxy = w->by_proxy && w->url.plain;
	const char *path = w->url.path;

	buf_puts(out, to_proxy ? "GET http://" : "GET ");
	if (to_proxy) put_server(&w->url, out);
	if (*path != '/') buf_putc(out, '/');
	buf_add(out, path, strcspn(path, "#"));
	buf_puts(out, " HTTP/1.1\r\nHost: ");
	put_server(&w->url, out);
	buf_printf(out, "\r\nUser-Agent: k3sbox\r\nConnection: close\r\n%s", headers);
	if (to_proxy && *w->proxy.authorization)
		buf_printf(out, "Proxy-Authorization: %s\r\n", w->proxy.authorization);
	buf_puts(out, "\r\n");
}

/* An authority that is not known, such as that of a proxy that inspects TLS, can be made known. */
static int refuse_certificate(const struct web *w, int r, struct err *e)
{
	char issuer[64];

	tls_unknown_issuer(w->tls, issuer, sizeof issuer);
	if (!w->setting || !*issuer) return fail(w, r, e);
	return err_set(e, r, "%s port %u: %s, but by \"%s\": name a file with that one's "
		"certificate by %s", w->url.host, w->url.port, tls_error(w->tls), issuer,
		w->setting);
}

static int send_tls(struct web *w, const struct tls_config *c, const struct buf *request,
	struct err *e)
{
	if (w->setting && !*c->ca_pem)
		return err_set(e, -ENOENT, "no certificate authorities were found: install "
			"ca-certificates, or name a file of them by %s", w->setting);
	w->tls = tls_new(w->fd, c, w->timeout_ms, e);
	if (!w->tls) return -EINVAL;
	int r = tls_write(w->tls, request->data, request->len);
	if (r < 0) r = refuse_certificate(w, r, e);
	return r < 0 && tls_needs_newer(w->tls) ? -EPROTONOSUPPORT : r;
}

int web_send(struct web *w, const struct tls_config *c, const struct buf *request, struct err *e)
{
	if (request->failed) return fail(w, -ENOMEM, e);
	snprintf(w->step, sizeof w->step, "%s port %u", w->url.host, w->url.port);
	if (!w->url.plain) return send_tls(w, c, request, e);
	int r = io_write_fd(w->fd, request->data, request->len);
	return r < 0 ? fail(w, r, e) : 0;
}
