/* Requests to servers: by way of a proxy or directly, with TLS or without, one a connection. */
#ifndef K3SBOX_WEB_H
#define K3SBOX_WEB_H

#include <stdbool.h>

#include "base/err.h"
#include "net/http.h"
#include "net/ip.h"
#include "net/proxy.h"
#include "net/tls.h"
#include "net/url.h"

struct web {
	struct url url;            /* of what is asked for */
	int connect_ms;            /* for each address that is tried */
	int timeout_ms;            /* for each wait after that */
	/* What names certificate authorities, for messages ("SSL_CERT_FILE"); or NULL. */
	const char *setting;
	/* The answer. Its sink and header functions can be set once there is a connection. */
	struct http http;
	/* What is being done, for a caller that another process stops. */
	char step[URL_HOST + 80];

	bool by_proxy;
	struct proxy_url proxy;
	struct ip address;         /* of the server, if its URL has one */
	int fd;
	struct tls *tls;
};

/* Connects to the server of w->url. proxy: the URL of a proxy, or NULL; exceptions: for whom it is
 * not, as proxy_is_excepted() reads it, and never for this machine's own addresses. Whatever it
 * returns, web_close() is to be called. 0 or -errno. */
int web_connect(struct web *w, const char *proxy, const char *exceptions, struct err *e);

/* Adds GET with these headers ("Name: value\r\n…", or ""). */
void web_put_request(const struct web *w, const char *headers, struct buf *out);

/* Sends the request; c is for TLS. 0 or -errno; -EPROTONOSUPPORT if the server speaks only newer
 * TLS. */
int web_send(struct web *w, const struct tls_config *c, const struct buf *request, struct err *e);

/* Receives the head of the answer, or all that is left of it. 0 or -errno, -ECONNRESET if the
 * connection ends before. */
int web_receive(struct web *w, bool whole, struct err *e);

/* An error that tells the answer's status. r. */
int web_refused(const struct web *w, int r, struct err *e);

void web_close(struct web *w);

#endif
