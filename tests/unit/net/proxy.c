#include "net/proxy.h"

#include <errno.h>
#include <string.h>

#include "base/buf.h"
#include "unit.h"

static struct ip ip(const char *s)
{
	struct ip a = {0};
	ip_parse(&a, s, strlen(s));
	return a;
}

static const struct { const char *url, *host; uint16_t port; const char *authorization; } urls[] = {
	{ "http://proxy:3128", "proxy", 3128, "" },
	{ "proxy:3128", "proxy", 3128, "" },
	{ "HTTP://proxy.example/", "proxy.example", 80, "" },
	{ "http://Aladdin:open%20sesame@10.0.0.1:8080/", "10.0.0.1", 8080, "Basic QWxhZGRpbjpvcGVuIHNlc2FtZQ==" },
	{ "http://a@p:1", "p", 1, "Basic YTo=" },
	{ "http://a:b@c@p:1", "p", 1, "Basic YTpiQGM=" },
	{ "http://[fd00::1]:8080", "fd00::1", 8080, "" },
	{ "http://[fd00::1]", "fd00::1", 80, "" },
	{ "https://proxy:1", NULL, 0, "" },
	{ "socks5://proxy:1", NULL, 0, "" },
	{ "http://", NULL, 0, "" },
	{ "http://proxy:0", NULL, 0, "" },
	{ "http://proxy:65536", NULL, 0, "" },
	{ "http://proxy:x", NULL, 0, "" },
	{ "http://a%zz:b@p:1", NULL, 0, "" },
};

TEST(urls_of_proxies)
{
	for (size_t i = 0; i < sizeof urls / sizeof *urls; i++) {
		struct proxy_url u;
		struct err e = {0};
		int r = proxy_parse(urls[i].url, &u, &e);
		CHECK((r == 0) == (urls[i].host != NULL) && (r == 0) == !*e.text);
		if (r < 0) continue;
		CHECK(!strcmp(u.host, urls[i].host));
		CHECK(!strcmp(u.authorization, urls[i].authorization));
		CHECK(u.port == urls[i].port);
	}
}

TEST(the_same_url_with_another_place)
{
	static const char *const rows[][2] = {
		{ "http://proxy:3128/", "http://10.42.0.1:1" },
		{ "http://u:p%40@proxy:3128", "http://u:p%40@10.42.0.1:1" },
		{ "u@proxy", "http://u@10.42.0.1:1" },
		{ "http://proxy/a@b", "http://10.42.0.1:1" },
	};
	for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
		struct buf b = {0};
		proxy_put_url(rows[i][0], "10.42.0.1:1", &b);
		CHECK_STR(b.data, rows[i][1]);
		buf_free(&b);
	}
}

/* After golang.org/x/net/http/httpproxy's tests. */
static const struct { const char *list, *name, *to; uint16_t port; bool excepted; } exceptions[] = {
	{ NULL, "a.example", "192.0.2.1", 443, false },
	{ "", "a.example", "192.0.2.1", 443, false },
	{ "*", "a.example", "192.0.2.1", 443, true },
	{ "example", "a.example", "192.0.2.1", 443, true },
	{ "a.example", "a.example", "192.0.2.1", 443, true },
	{ "A.EXAMPLE", "a.example", "192.0.2.1", 443, true },
	{ ".a.example", "a.example", "192.0.2.1", 443, false },
	{ ".example", "a.example", "192.0.2.1", 443, true },
	{ "*.example", "a.example", "192.0.2.1", 443, true },
	{ "ample", "a.example", "192.0.2.1", 443, false },
	{ "x, a.example ,y", "a.example", "192.0.2.1", 443, true },
	{ "a.example:443", "a.example", "192.0.2.1", 443, true },
	{ "a.example:80", "a.example", "192.0.2.1", 443, false },
	{ "192.0.2.0/24", "a.example", "192.0.2.1", 443, true },
	{ "192.0.3.0/24", NULL, "192.0.2.1", 443, false },
	{ "192.0.2.1", NULL, "192.0.2.1", 443, true },
	{ "192.0.2.1:80", NULL, "192.0.2.1", 443, false },
	{ "192.0.2.1:443", NULL, "192.0.2.1", 443, true },
	{ "example", NULL, "192.0.2.1", 443, false },
	{ "[2001:db8::1]:443", NULL, "2001:db8::1", 443, true },
	{ "2001:db8::/32", NULL, "2001:db8::1", 443, true },
	{ ",, ,", "a.example", "192.0.2.1", 443, false },
};

TEST(exceptions_as_go_reads_them)
{
	for (size_t i = 0; i < sizeof exceptions / sizeof *exceptions; i++) {
		struct ip to = ip(exceptions[i].to);
		if (proxy_is_excepted(exceptions[i].list, exceptions[i].name, &to,
			exceptions[i].port) != exceptions[i].excepted)
			CHECK(!exceptions[i].list);
	}
}

TEST(hosts_of_http)
{
	char name[PROXY_NAME];
	static const char full[] = "GET / HTTP/1.1\r\nAccept: */*\r\nhOst:  www.k8s.example:80\r\n\r\n";

	CHECK(proxy_find_name(full, strlen(full), name) == 1);
	CHECK_STR(name, "www.k8s.example");
	for (size_t n = 0; n < strlen(full) - 4; n++) CHECK(proxy_find_name(full, n, name) == 0);
#define FIND(s) proxy_find_name(s, strlen(s), name)
	CHECK(FIND("GET / HTTP/1.0\r\n\r\nHost: a.example\r\n") == -ENOENT);
	CHECK(FIND("GET / HTTP/1.0\r\nHost: 169.254.169.254\r\n\r\n") == -ENOENT);
	CHECK(FIND("GET / HTTP/1.0\r\nHost: localhost\r\n\r\n") == -ENOENT);
	CHECK(FIND("GET / HTTP/1.0\r\nHost: a.b\"c\r\n\r\n") == -ENOENT);
	CHECK(FIND("GET / HTTP/1.0\r\nHost:\r\n\r\n") == -ENOENT);
	CHECK(FIND("SSH-2.0-x") == 0 && FIND("\x05\x01") == -ENOENT);
}

/* A ClientHello as the shortest that has a server name, and one extension before it. */
static size_t make_hello(const char *host, unsigned char *out)
{
	size_t n = strlen(host), at = 0;
	unsigned char hello[] = { 22, 3, 1, 0, 0, 1, 0, 0, 0, 3, 3 };

	memcpy(out, hello, sizeof hello);
	memset(out + sizeof hello, 7, 32);
	at = sizeof hello + 32;
	out[at++] = 0;                           /* session */
	memcpy(out + at, "\0\2\x13\x01\1\0", 6);   /* ciphers, compression */
	at += 6;
	out[at++] = 0, out[at++] = (unsigned char)(6 + 9 + n);
	memcpy(out + at, "\0\x17\0\2zz", 6);
	at += 6;
	unsigned char sni[] = { 0, 0, 0, (unsigned char)(n + 5), 0, (unsigned char)(n + 3), 0, 0,
		(unsigned char)n };
	memcpy(out + at, sni, sizeof sni);
	memcpy(out + at + sizeof sni, host, n);
	return at + sizeof sni + n;
}

TEST(names_of_tls)
{
	unsigned char hello[400];
	char name[PROXY_NAME];
	size_t n = make_hello("registry.k8s.example", hello);

	CHECK(proxy_find_name((char *)hello, n, name) == 1);
	CHECK_STR(name, "registry.k8s.example");
	for (size_t k = 0; k < n; k++) CHECK(proxy_find_name((char *)hello, k, name) == 0);
	n = make_hello("10.0.0.1", hello);
	CHECK(proxy_find_name((char *)hello, n, name) == -ENOENT);
	n = make_hello("a.b\r\nX: y", hello);
	CHECK(proxy_find_name((char *)hello, n, name) == -ENOENT);
	hello[5] = 2;
	CHECK(proxy_find_name((char *)hello, n, name) == -ENOENT);
}

TEST(the_request)
{
	struct buf b = {0};
	struct proxy_url u;
	struct ip v4 = ip("192.0.2.1"), v6 = ip("2001:db8::1");

	CHECK(!proxy_parse("http://a@p:1", &u, NULL));
	proxy_request(&u, "a.example", &v4, 443, &b);
	CHECK_STR(b.data, "CONNECT a.example:443 HTTP/1.1\r\nHost: a.example:443\r\n"
		"Proxy-Authorization: Basic YTo=\r\n\r\n");
	buf_free(&b);
	CHECK(!proxy_parse("p:1", &u, NULL));
	proxy_request(&u, NULL, &v6, 22, &b);
	CHECK_STR(b.data, "CONNECT [2001:db8::1]:22 HTTP/1.1\r\nHost: [2001:db8::1]:22\r\n\r\n");
	buf_free(&b);
}

static struct proxy_reply feed(const char *s, size_t piece, size_t *used)
{
	struct proxy_reply r = { .done = false };
	size_t n = strlen(s);

	*used = 0;
	while (*used < n && !r.done)
		*used += proxy_reply_feed(&r, s + *used, n - *used < piece ? n - *used : piece);
	return r;
}

TEST(the_answer)
{
	static const char ok[] = "HTTP/1.1 200 Connection established\r\nVia: x\r\n\r\n";
	char text[100];
	size_t used;

	snprintf(text, sizeof text, "%sSSH-2.0", ok);
	for (size_t piece = 1; piece < sizeof text; piece++) {
		struct proxy_reply r = feed(text, piece, &used);
		CHECK(r.done && r.status == 200 && used == strlen(ok));
	}
	CHECK(feed("HTTP/1.0 407 Auth\n\n", 99, &used).status == 407);
	CHECK(feed("SSH-2.0-OpenSSH\r\n\r\n", 99, &used).status == 0);
	CHECK(feed("\n\n", 99, &used).done);
	CHECK(!feed("HTTP/1.1 200 OK\r\n", 99, &used).done);
}

UNIT_MAIN("proxy")
