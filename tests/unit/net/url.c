/* URLs: what is taken apart, and what is refused. */
#include "net/url.h"

#include "unit.h"

static const struct { const char *text, *host; uint16_t port; bool plain; const char *path; } urls[] = {
	{ "https://127.0.0.1:6443", "127.0.0.1", 6443, false, "" },
	{ "https://host", "host", 443, false, "" },
	{ "host", "host", 443, false, "" },
	{ "host:5000/x", "host", 5000, false, "/x" },
	{ "http://host/", "host", 80, true, "/" },
	{ "HTTPS://Host/a/b?c=http://d#e", "Host", 443, false, "/a/b?c=http://d#e" },
	{ "https://h?q", "h", 443, false, "?q" },
	{ "https://[::1]:6443", "::1", 6443, false, "" },
	{ "https://[fe80::1]", "fe80::1", 443, false, "" },
	{ "https://h:1/path:2", "h", 1, false, "/path:2" },
	{ "https://h/v1.36.3+k3s1/k3s", "h", 443, false, "/v1.36.3+k3s1/k3s" },
	{ "https://a_b.c-d", "a_b.c-d", 443, false, "" },
};

TEST(good)
{
	for (size_t i = 0; i < sizeof urls / sizeof *urls; i++) {
		struct url u;
		CHECK(url_parse(urls[i].text, &u));
		CHECK_STR(u.host, urls[i].host);
		CHECK(u.port == urls[i].port && u.plain == urls[i].plain);
		CHECK_STR(u.path, urls[i].path);
	}
}

TEST(bad)
{
	static const char *const bad[] = { "", "https://", "https://:1", "https://a:", "https://a:b",
		"https://a:0", "https://a:65536", "https://a:99999999999", "https://a:+1", "https://[::1",
		"https://[::1]x", "https://u@h", "https://u:p@h/", "ftp://h", "file:///etc/passwd",
		"https://h/a b", "https://h/a\tb", "https://h\r\nX: y", "https://h/\303\244", " https://h" };
	char longest[400] = "https://";
	struct url u;

	for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) CHECK(!url_parse(bad[i], &u));
	memset(longest + 8, 'a', URL_HOST);
	CHECK(!url_parse(longest, &u));
	longest[8 + URL_HOST - 1] = 0;
	CHECK(url_parse(longest, &u) && strlen(u.host) == URL_HOST - 1);
}

UNIT_MAIN("url")
