/* The parser of HTTP responses: a line or a piece of body at a time. */
#include "net/http.h"

#include <errno.h>
#include <string.h>
#include <strings.h>

#include "base/text.h"

void http_init(struct http *h, int (*sink)(void *arg, const char *p, size_t n), void *arg)
{
	*h = (struct http){ .length = -1, .sink = sink, .arg = arg };
}

void http_free(struct http *h)
{
	buf_free(&h->line);
}

static bool is_digit(char c)
{
	return c >= '0' && c <= '9';
}

/* "HTTP/1.1 200 OK"; the reason may be missing. */
static int status_line(struct http *h, const char *s)
{
	if (strncmp(s, "HTTP/1.", 7) || !is_digit(s[7]) || s[8] != ' ') return -EBADMSG;
	if (!is_digit(s[9]) || !is_digit(s[10]) || !is_digit(s[11]) || (s[12] && s[12] != ' '))
		return -EBADMSG;
	h->status = (s[9] - '0') * 100 + (s[10] - '0') * 10 + (s[11] - '0');
	h->state = HTTP_HEADERS;
	return h->status < 100 ? -EBADMSG : 0;
}

static int content_length(struct http *h, const char *value)
{
	int64_t n = 0;

	if (!*value) return -EBADMSG;
	for (; is_digit(*value); value++) {
		if (n > (INT64_MAX - 9) / 10) return -EBADMSG;
		n = n * 10 + (*value - '0');
	}
	if (*value || (h->length >= 0 && h->length != n)) return -EBADMSG;
	h->length = n;
	return 0;
}

/* One header line. A folded line (obsolete) or one without a name is refused, as RFC 9112 section 5
 * allows. */
static int header_line(struct http *h, char *s)
{
	size_t name = strcspn(s, ":");

	if (!name || !s[name] || s[name - 1] == ' ' || *s == ' ' || *s == '\t') return -EBADMSG;
	const char *value = s + name + 1;
	value += strspn(value, " \t");
	s[name] = 0;
	if (h->header) h->header(h->arg, s, value);
	if (!strcasecmp(s, "content-length")) return content_length(h, value);
	if (!strcasecmp(s, "transfer-encoding")) {
		/* the request allows no other */
		if (strcasecmp(value, "chunked")) return -EBADMSG;
		h->chunked = true;
	}
	return 0;
}

static void headers_done(struct http *h)
{
	if (h->status < 200) {
		h->state = HTTP_STATUS;
		h->length = -1;
		h->chunked = false;
	} else if (h->no_body || h->status == 204 || h->status == 304) {
		h->state = HTTP_DONE;
	} else if (h->chunked) {
		h->state = HTTP_CHUNK_SIZE;   /* overrides Content-Length (RFC 9112, 6.3) */
	} else if (h->length >= 0) {
		h->left = (uint64_t)h->length;
		h->state = h->left ? HTTP_BODY_LENGTH : HTTP_DONE;
	} else {
		h->state = HTTP_BODY_TO_END;
	}
}

/* "1a; extension"; an empty last chunk starts the trailers. */
static int chunk_size(struct http *h, const char *s)
{
	uint64_t n = 0;

	if (text_hex(*s) < 0) return -EBADMSG;
	for (; text_hex(*s) >= 0; s++) {
		if (n >> 56) return -EBADMSG;
		n = n << 4 | (uint64_t)text_hex(*s);
	}
	s += strspn(s, " \t");
	if (*s && *s != ';') return -EBADMSG;
	h->left = n;
	h->state = n ? HTTP_CHUNK_DATA : HTTP_TRAILERS;
	return 0;
}

static int take_line(struct http *h, char *s)
{
	switch (h->state) {
	case HTTP_STATUS:
		return status_line(h, s);
	case HTTP_HEADERS:
		if (*s) return header_line(h, s);
		headers_done(h);
		return 0;
	case HTTP_CHUNK_SIZE:
		return chunk_size(h, s);
	case HTTP_CHUNK_END:
		h->state = HTTP_CHUNK_SIZE;
		return *s ? -EBADMSG : 0;
	default:   /* trailers: read and dropped */
		if (!*s) h->state = HTTP_DONE;
		return 0;
	}
}

/* Takes bytes of p up to the end of a line; returns how many. */
static ssize_t feed_line(struct http *h, const char *p, size_t n)
{
	const char *nl = memchr(p, '\n', n);
	size_t part = nl ? (size_t)(nl - p) : n;

	h->seen += part + 1;
	if (h->seen > HTTP_HEAD_MAX && h->state != HTTP_CHUNK_SIZE && h->state != HTTP_CHUNK_END)
		return -EMSGSIZE;
	if (h->line.len + part > HTTP_HEAD_MAX) return -EMSGSIZE;
	if (memchr(p, 0, part)) return -EBADMSG;
	buf_add(&h->line, p, part);
	if (h->line.failed) return -ENOMEM;
	if (!nl) return (ssize_t)n;
	if (h->line.len && h->line.data[h->line.len - 1] == '\r') h->line.data[--h->line.len] = 0;
	int r = take_line(h, h->line.data);
	buf_reset(&h->line);
	return r < 0 ? r : (ssize_t)(part + 1);
}

static ssize_t feed_body(struct http *h, const char *p, size_t n)
{
	if (h->state != HTTP_BODY_TO_END && n > h->left) n = (size_t)h->left;
	int r = h->sink ? h->sink(h->arg, p, n) : 0;
	if (r < 0) return r;
	if (h->state == HTTP_BODY_TO_END) return (ssize_t)n;
	h->left -= n;
	if (!h->left) h->state = h->state == HTTP_CHUNK_DATA ? HTTP_CHUNK_END : HTTP_DONE;
	return (ssize_t)n;
}

ssize_t http_feed(struct http *h, const char *p, size_t n)
{
	size_t used = 0;

	while (used < n && h->state != HTTP_DONE) {
		bool body = h->state == HTTP_BODY_LENGTH || h->state == HTTP_BODY_TO_END ||
			h->state == HTTP_CHUNK_DATA;
		ssize_t r = body ? feed_body(h, p + used, n - used)
			: feed_line(h, p + used, n - used);
		if (r < 0) return r;
		used += (size_t)r;
	}
	return (ssize_t)used;
}

int http_end(struct http *h)
{
	if (h->state == HTTP_BODY_TO_END) h->state = HTTP_DONE;
	return h->state == HTTP_DONE ? 0 : -EPIPE;
}
