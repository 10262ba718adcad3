/* HTTP/1.1 responses, parsed incrementally (RFC 9112): status line, headers, and a body that
 * ends by length, by chunks or with the connection. Pure: the caller feeds bytes, the body goes
 * to a function. */
#ifndef K3SBOX_HTTP_H
#define K3SBOX_HTTP_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "base/buf.h"

enum http_state {
	HTTP_STATUS, HTTP_HEADERS, HTTP_BODY_LENGTH, HTTP_BODY_TO_END,
	HTTP_CHUNK_SIZE, HTTP_CHUNK_DATA, HTTP_CHUNK_END, HTTP_TRAILERS, HTTP_DONE,
};

enum { HTTP_HEAD_MAX = 64 * 1024 };   /* status line, headers and trailers together */

struct http {
	enum http_state state;
	int status;                /* 200; 1xx responses are skipped */
	int64_t length;            /* Content-Length, -1: not given */
	bool chunked;
	bool no_body;              /* set it before feeding the answer to a HEAD request */
	uint64_t left;             /* bytes of body or chunk still to come */
	struct buf line;           /* the line that is not complete yet */
	size_t seen;               /* bytes of head so far */
	/* body bytes; a negative value ends the parse with it */
	int (*sink)(void *arg, const char *p, size_t n);
	/* Each header; status is known by then. May be set, or not, after http_init(). */
	void (*header)(void *arg, const char *name, const char *value);
	void *arg;
};

void http_init(struct http *h, int (*sink)(void *arg, const char *p, size_t n), void *arg);
void http_free(struct http *h);

/* Takes n bytes. Returns how many it used (fewer than n only when the response is complete),
 * -EBADMSG for what is not HTTP, -EMSGSIZE for a head over HTTP_HEAD_MAX, or the error of sink. */
ssize_t http_feed(struct http *h, const char *p, size_t n);

/* The connection ended: 0 if the response is complete with that, else -EPIPE. */
int http_end(struct http *h);

#endif
