/* Reads and writes what a CONNECT proxy needs. Connections are the caller's. */
#include "net/proxy.h"

#include <ctype.h>
#include <errno.h>
#include <netdb.h>
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/socket.h>

#include "base/base64.h"
#include "base/buf.h"
#include "base/text.h"

/* ---- the environment ---- */

static const char *either(const char *a, const char *b)
{
	const char *v = getenv(a);

	if (!v || !*v) v = getenv(b);
	return v && *v ? v : NULL;
}

const char *proxy_from_environment(void)
{
	return either("HTTPS_PROXY", "https_proxy");
}

const char *proxy_plain_from_environment(void)
{
	return either("HTTP_PROXY", "http_proxy");
}

const char *proxy_exceptions_from_environment(void)
{
	return either("NO_PROXY", "no_proxy");
}

/* ---- the URL ---- */

/* USER[:PASSWORD], of which each may have percent signs. */
static int set_authorization(const char *s, size_t n, struct proxy_url *out)
{
	_cleanup_buf_ struct buf plain = {0}, text = {0};

	for (size_t i = 0; i < n; i++) {
		char c = s[i];
		if (c == '%') {
			if (i + 2 >= n || text_hex(s[i + 1]) < 0 || text_hex(s[i + 2]) < 0)
				return -EINVAL;
			c = (char)(text_hex(s[i + 1]) << 4 | text_hex(s[i + 2]));
			i += 2;
		}
		buf_putc(&plain, c);
	}
	if (!memchr(s, ':', n)) buf_putc(&plain, ':');
	buf_puts(&text, "Basic ");
	base64_encode(plain.data, plain.len, &text);
	if (text.failed || text.len >= sizeof out->authorization) return -EINVAL;
	memcpy(out->authorization, text.data, text.len + 1);
	return 0;
}

int proxy_parse(const char *url, struct proxy_url *out, struct err *e)
{
	const char *scheme = strstr(url, "://"), *s = scheme ? scheme + 3 : url;
	size_t n = strcspn(s, "/?#");
	const char *at = memrchr(s, '@', n);

	*out = (struct proxy_url){ .port = 80 };
	if (scheme && strncasecmp(url, "http://", 7))
		return err_set(e, -EINVAL, "the proxy's scheme %.*s is not supported, only http",
			(int)(scheme - url), url);
	if (at && set_authorization(s, (size_t)(at - s), out) < 0)
		return err_set(e, -EINVAL, "the proxy's user or password cannot be decoded");
	if (at) n -= (size_t)(at + 1 - s), s = at + 1;
	if (!url_split(s, n, out->host, &out->port))
		return err_set(e, -EINVAL, "%.*s is not a proxy's HOST:PORT", (int)n, s);
	return 0;
}

void proxy_put_url(const char *url, const char *at, struct buf *out)
{
	const char *scheme = strstr(url, "://"), *s = scheme ? scheme + 3 : url;
	const char *user_end = memrchr(s, '@', strcspn(s, "/?#"));

	buf_puts(out, "http://");
	if (user_end) buf_add(out, s, (size_t)(user_end + 1 - s));
	buf_puts(out, at);
}

int proxy_resolve(const struct proxy_url *url, struct ip *out)
{
	struct addrinfo hint = { .ai_socktype = SOCK_STREAM }, *list;

	if (getaddrinfo(url->host, NULL, &hint, &list)) return -EADDRNOTAVAIL;
	*out = (struct ip){ .len = list->ai_family == AF_INET ? 4 : 16 };
	if (out->len == 4)
		memcpy(out->b, &((struct sockaddr_in *)(void *)list->ai_addr)->sin_addr, 4);
	else
		memcpy(out->b, &((struct sockaddr_in6 *)(void *)list->ai_addr)->sin6_addr, 16);
	freeaddrinfo(list);
	return 0;
}

/* ---- exceptions ---- */

/* "example.com" is it and what lies below it, ".example.com" and "*.example.com" only what lies
 * below. */
static bool name_matches(const char *p, size_t n, const char *name)
{
	size_t len = strlen(name);

	if (n > 1 && p[0] == '*' && p[1] == '.') p++, n--;
	if (*p != '.') {
		if (len == n && !strncasecmp(name, p, n)) return true;
		return len > n && name[len - n - 1] == '.' && !strncasecmp(name + len - n, p, n);
	}
	return len > n && !strncasecmp(name + len - n, p, n);
}

static bool exception_matches(const char *p, size_t n, const char *name, const struct ip *to,
	uint16_t port)
{
	struct cidr c;
	struct ip a;
	uint16_t only;

	if (n == 1 && *p == '*') return true;
	if (cidr_parse(&c, p, n)) return c.addr.len == to->len && cidr_contains(&c, to);
	const char *colon = memrchr(p, ':', n);
	if (colon && !ip_parse(&a, p, n) &&
		url_port(colon + 1, n - (size_t)(colon + 1 - p), &only)) {
		if (only != port) return false;
		n = (size_t)(colon - p);
	}
	if (n > 2 && *p == '[' && p[n - 1] == ']') p++, n -= 2;
	if (ip_parse(&a, p, n)) return !ip_cmp(&a, to);
	return n && name && name_matches(p, n, name);
}

bool proxy_is_excepted(const char *exceptions, const char *name, const struct ip *to, uint16_t port)
{
	for (const char *p = exceptions; p && *p; p += *p == ',') {
		p += strspn(p, " \t");
		size_t n = strcspn(p, ","), used = n;
		while (used && strchr(" \t", p[used - 1])) used--;
		if (used && exception_matches(p, used, name, to, port)) return true;
		p += n;
	}
	return false;
}

/* ---- the server's name ---- */

static int take_name(const char *s, size_t n, char name[PROXY_NAME])
{
	struct ip a;

	if (!n || n >= PROXY_NAME || ip_parse(&a, s, n)) return -ENOENT;
	for (size_t i = 0; i < n; i++)
		if (!isalnum((unsigned char)s[i]) && !strchr("-._", s[i])) return -ENOENT;
	if (!memchr(s, '.', n) || memchr(s, 0, n)) return -ENOENT;
	memcpy(name, s, n);
	name[n] = 0;
	return 1;
}

struct reader {
	const unsigned char *p;
	size_t n;
	bool short_of;             /* of bytes */
};

static uint32_t take_number(struct reader *r, size_t bytes)
{
	uint32_t v = 0;

	if (r->n < bytes) {
		r->short_of = true;
		return 0;
	}
	for (size_t i = 0; i < bytes; i++) v = v << 8 | r->p[i];
	r->p += bytes;
	r->n -= bytes;
	return v;
}

static void skip(struct reader *r, size_t bytes)
{
	if (bytes > r->n) {
		r->short_of = true;
		bytes = r->n;
	}
	r->p += bytes;
	r->n -= bytes;
}

/* RFC 6066, 3: a list, of which the first name counts. */
static int find_in_extension(struct reader r, char name[PROXY_NAME])
{
	skip(&r, 2);
	uint32_t type = take_number(&r, 1);
	size_t n = take_number(&r, 2);

	if (r.short_of || type || n > r.n) return -ENOENT;
	return take_name((const char *)r.p, n, name);
}

/* RFC 8446, 4.1.2, in one record: longer ones do not occur at the start of a connection. */
static int find_sni(const char *data, size_t size, char name[PROXY_NAME])
{
	enum { RECORD = 5, HEAD = 4, VERSION_AND_RANDOM = 34 };
	struct reader r = { (const unsigned char *)data, size, false };

	skip(&r, RECORD);
	if (!r.short_of && r.n && *r.p != 1) return -ENOENT;   /* not a ClientHello */
	skip(&r, HEAD + VERSION_AND_RANDOM);
	skip(&r, take_number(&r, 1));
	skip(&r, take_number(&r, 2));
	skip(&r, take_number(&r, 1));
	size_t left = take_number(&r, 2);
	while (!r.short_of && left >= 4) {
		uint32_t type = take_number(&r, 2);
		size_t n = take_number(&r, 2);
		if (r.short_of || n > r.n) return 0;
		if (!type) return find_in_extension((struct reader){ r.p, n, false }, name);
		skip(&r, n);
		left -= n + 4 < left ? n + 4 : left;
	}
	return r.short_of ? 0 : -ENOENT;
}

static int find_host(const char *data, size_t n, char name[PROXY_NAME])
{
	for (const char *p = data, *end; ; p = end + 1) {
		end = memchr(p, '\n', n - (size_t)(p - data));
		if (!end) return 0;
		size_t line = (size_t)(end - p);
		if (!line || *p == '\r') return -ENOENT;   /* the header's end */
		if (line < 6 || strncasecmp(p, "host:", 5)) continue;
		p += 5;
		while (p < end && strchr(" \t", *p)) p++;
		size_t k = 0;
		while (p + k < end && !strchr(": \t\r", p[k])) k++;
		return take_name(p, k, name);
	}
}

int proxy_find_name(const char *data, size_t n, char name[PROXY_NAME])
{
	if (!n) return 0;
	if (*data == 22) return find_sni(data, n, name);
	return *data >= 'A' && *data <= 'Z' ? find_host(data, n, name) : -ENOENT;
}

/* ---- request and answer ---- */

void proxy_request(const struct proxy_url *url, const char *name, const struct ip *to,
	uint16_t port, struct buf *out)
{
	char address[IP_TEXT], host[PROXY_NAME];

	ip_format(to, address);
	if (name) snprintf(host, sizeof host, "%s", name);
	else snprintf(host, sizeof host, to->len == 16 ? "[%s]" : "%s", address);
	buf_printf(out, "CONNECT %s:%u HTTP/1.1\r\nHost: %s:%u\r\n", host, port, host, port);
	if (*url->authorization) buf_printf(out, "Proxy-Authorization: %s\r\n", url->authorization);
	buf_puts(out, "\r\n");
}

static uint16_t status_of(const struct proxy_reply *r)
{
	if (r->line_n < 12 || strncmp(r->line, "HTTP/1.", 7) || r->line[8] != ' ') return 0;
	return (uint16_t)strtoul(r->line + 9, NULL, 10);
}

size_t proxy_reply_feed(struct proxy_reply *r, const char *data, size_t n)
{
	enum { MOST = 16384 };
	size_t i = 0;

	for (; i < n && !r->done; i++) {
		if (r->line_n < sizeof r->line - 1) r->line[r->line_n++] = data[i];
		if (data[i] == '\n') r->newlines++;
		else if (data[i] != '\r') r->newlines = 0;
		r->done = r->newlines == 2 || ++r->length == MOST;
		if (r->done && r->newlines == 2) r->status = status_of(r);
	}
	return i;
}
