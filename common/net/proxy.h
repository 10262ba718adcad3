/* HTTP proxies that are asked to CONNECT: their URL in the environment, whom they are not for, the
 * request, its answer, and the name that a client's first bytes tell. Pure, but for
 * proxy_resolve(). */
#ifndef K3SBOX_PROXY_H
#define K3SBOX_PROXY_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/err.h"
#include "net/ip.h"
#include "net/url.h"

struct buf;

enum { PROXY_NAME = URL_HOST, PROXY_AUTHORIZATION = 700 };

struct proxy_url {
	char host[PROXY_NAME];     /* a name or an address */
	uint16_t port;
	/* "Basic …", or empty: the URL has no user. */
	char authorization[PROXY_AUTHORIZATION];
};

/* HTTPS_PROXY or https_proxy; HTTP_PROXY or http_proxy; NO_PROXY or no_proxy. NULL: not set, or
 * empty. */
const char *proxy_from_environment(void);
const char *proxy_plain_from_environment(void);
const char *proxy_exceptions_from_environment(void);

/* [http://][USER[:PASSWORD]@]HOST[:PORT][/]. 0 or -EINVAL (the detail never shows the password). */
int proxy_parse(const char *url, struct proxy_url *out, struct err *e);

/* The URL with another HOST:PORT, and the same user and password. */
void proxy_put_url(const char *url, const char *at, struct buf *out);

/* The address of the URL's host, by the C library's resolver. 0 or -EADDRNOTAVAIL. */
int proxy_resolve(const struct proxy_url *url, struct ip *out);

/* Is the connection to be made without the proxy? As golang.org/x/net/http/httpproxy reads the
 * list. name: what is known of it, or NULL. */
bool proxy_is_excepted(const char *exceptions, const char *name, const struct ip *to,
	uint16_t port);

/* The name of the server in a client's first bytes: TLS's SNI or HTTP's Host. 1; 0: more bytes are
 * needed to tell; -ENOENT: there is none. Never an IP address, never what could break a header. */
int proxy_find_name(const char *data, size_t n, char name[PROXY_NAME]);

/* The request for a connection to name, or to the address if that is NULL. */
void proxy_request(const struct proxy_url *url, const char *name, const struct ip *to,
	uint16_t port, struct buf *out);

/* The answer, which ends with an empty line. Zeroed at first. */
struct proxy_reply {
	char line[13];             /* its beginning: "HTTP/1.1 200" */
	uint8_t line_n, newlines;
	bool done;
	uint16_t status;           /* once done; 0: not HTTP */
	uint16_t length;           /* bytes so far; too many are not HTTP */
};

/* The number of bytes that belong to the answer; what follows it is the connection's. */
size_t proxy_reply_feed(struct proxy_reply *r, const char *data, size_t n);

#endif
