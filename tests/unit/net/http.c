#include "net/http.h"

#include <errno.h>

#include "unit.h"

static int collect(void *arg, const char *p, size_t n)
{
	buf_add(arg, p, n);
	return 0;
}

static int refuse(void *arg, const char *p, size_t n)
{
	(void)arg, (void)p, (void)n;
	return -ENOSPC;
}

/* Feeds the text in pieces of the given size; the parse's result, the body in b. */
static ssize_t feed(struct http *h, struct buf *b, const char *text, size_t piece)
{
	http_init(h, collect, b);
	for (size_t at = 0, len = strlen(text); at < len;) {
		size_t n = len - at < piece ? len - at : piece;
		ssize_t r = http_feed(h, text + at, n);
		if (r < 0) return r;
		at += (size_t)r;
		if (h->state == HTTP_DONE) return (ssize_t)at;
	}
	return (ssize_t)strlen(text);
}

/* The same in every size of pieces must give the same. */
static int body_is(const char *text, int status, const char *want, int end)
{
	for (size_t piece = 1; piece <= strlen(text); piece++) {
		struct http h;
		_cleanup_buf_ struct buf b = {0};
		ssize_t r = feed(&h, &b, text, piece);
		int e = r < 0 ? (int)r : http_end(&h);
		int same = e == end && h.status == status && !strcmp(b.data ? b.data : "", want);
		http_free(&h);
		if (!same) return 0;
	}
	return 1;
}

TEST(length)
{
	CHECK(body_is("HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello", 200, "hello", 0));
	CHECK(body_is("HTTP/1.1 404 Not Found\r\nContent-Length: 0\r\n\r\n", 404, "", 0));
	CHECK(body_is("HTTP/1.0 200\r\nContent-Length: 2\r\n\r\nok", 200, "ok", 0));
	CHECK(body_is("HTTP/1.1 200 OK\r\nContent-Length: 6\r\n\r\nhello", 200, "hello", -EPIPE));
}

TEST(to_the_end)
{
	CHECK(body_is("HTTP/1.1 200 OK\r\n\r\nall of it", 200, "all of it", 0));
	CHECK(body_is("HTTP/1.1 204 No Content\r\n\r\n", 204, "", 0));
}

TEST(chunks)
{
	CHECK(body_is("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n"
		"A;x=y\r\n, my world\r\n0\r\nTrailer: t\r\n\r\n", 200,
		"hello, my world", 0));
	CHECK(body_is("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\nContent-Length: 3\r\n\r\n"
		"1\r\na\r\n0\r\n\r\n", 200, "a", 0));
	CHECK(body_is("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n", 200,
		"hello", -EPIPE));
}

TEST(one_hundreds_are_skipped)
{
	CHECK(body_is("HTTP/1.1 100 Continue\r\nX: y\r\n\r\nHTTP/1.1 200 OK\r\nContent-Length: "
		"1\r\n\r\nz", 200, "z", 0));
}

TEST(no_http)
{
	static const char *const bad[] = {
		"SSH-2.0-OpenSSH\r\n",
		"HTTP/1.1 20 OK\r\n",
		"HTTP/2 200\r\n",
		"HTTP/1.1 2x0 OK\r\n\r\n",
		"HTTP/1.1 099 x\r\n",
		"HTTP/1.1 200 OK\r\nNo colon here\r\n\r\n",
		"HTTP/1.1 200 OK\r\n: x\r\n\r\n",
		"HTTP/1.1 200 OK\r\nA : x\r\n\r\n",
		"HTTP/1.1 200 OK\r\nA: x\r\n folded\r\n\r\n",
		"HTTP/1.1 200 OK\r\nContent-Length: 5x\r\n\r\n",
		"HTTP/1.1 200 OK\r\nContent-Length: -1\r\n\r\n",
		"HTTP/1.1 200 OK\r\nContent-Length: 99999999999999999999\r\n\r\n",
		"HTTP/1.1 200 OK\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\n",
		"HTTP/1.1 200 OK\r\nTransfer-Encoding: gzip\r\n\r\n",
		"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nxyz\r\n",
		"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n1\r\nab\r\n",
		"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n10000000000000000\r\n",
	};
	for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
		struct http h;
		_cleanup_buf_ struct buf b = {0};
		ssize_t r = feed(&h, &b, bad[i], 3);
		http_free(&h);
		CHECK(r == -EBADMSG);
	}
}

TEST(nul_in_a_header)
{
	struct http h;
	http_init(&h, NULL, NULL);
	ssize_t r = http_feed(&h, "HTTP/1.1 200 OK\r\nA: \0b\r\n", 24);
	http_free(&h);
	CHECK(r == -EBADMSG);
}

TEST(endless_head)
{
	struct http h;
	ssize_t r = 0;
	http_init(&h, NULL, NULL);
	http_feed(&h, "HTTP/1.1 200 OK\r\n", 17);
	for (int i = 0; i < 10000 && r >= 0; i++) r = http_feed(&h, "X-Header: 0123456789\r\n", 22);
	CHECK(r == -EMSGSIZE);
	http_free(&h);
	http_init(&h, NULL, NULL);
	for (int i = 0; (r = 0, i < 10000) && (r = http_feed(&h, "no line end at all", 18)) >= 0;
		i++) ;
	CHECK(r == -EMSGSIZE);
	http_free(&h);
}

TEST(stops_behind_the_body)
{
	struct http h;
	_cleanup_buf_ struct buf b = {0};
	const char *two = "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nokHTTP/1.1 500 Next\r\n";
	CHECK(feed(&h, &b, two, 4096) == (ssize_t)(strstr(two, "HTTP/1.1 5") - two));
	CHECK_STR(b.data, "ok");
	http_free(&h);
}

static void note(void *arg, const char *name, const char *value)
{
	buf_printf(arg, "%s=%s;", name, value);
}

TEST(headers)
{
	struct http h;
	_cleanup_buf_ struct buf b = {0};
	const char *t = "HTTP/1.1 302 Found\r\nLocation:  https://h/a:b\r\nX:\r\n"
		"content-Length: 0\r\n\r\n";
	http_init(&h, NULL, &b);
	h.header = note;
	CHECK(http_feed(&h, t, strlen(t)) == (ssize_t)strlen(t) && h.state == HTTP_DONE);
	CHECK_STR(b.data, "Location=https://h/a:b;X=;content-Length=0;");
	http_free(&h);
}

TEST(answer_to_head)
{
	struct http h;
	http_init(&h, NULL, NULL);
	h.no_body = true;
	const char *t = "HTTP/1.1 200 OK\r\nContent-Length: 500\r\n\r\n";
	CHECK(http_feed(&h, t, strlen(t)) == (ssize_t)strlen(t));
	CHECK(h.state == HTTP_DONE && h.length == 500);
	http_free(&h);
}

TEST(sink_ends_it)
{
	struct http h;
	http_init(&h, refuse, NULL);
	const char *t = "HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello";
	CHECK(http_feed(&h, t, strlen(t)) == -ENOSPC);
	http_free(&h);
}

UNIT_MAIN("http")
