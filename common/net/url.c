/* Takes URLs apart. Not for resolving one relative to another. */
#include "net/url.h"

#include <ctype.h>
#include <string.h>
#include <strings.h>

#include "base/text.h"

bool url_port(const char *s, size_t n, uint16_t *port)
{
	unsigned v;

	if (!n || text_unsigned(s, &v) != s + n || !v || v > UINT16_MAX) return false;
	*port = (uint16_t)v;
	return true;
}

bool url_split(const char *s, size_t n, char host[URL_HOST], uint16_t *port)
{
	const char *colon = memrchr(s, ':', n), *bracket = memrchr(s, ']', n);

	if (colon && (!bracket || bracket < colon)) {
		if (!url_port(colon + 1, n - (size_t)(colon + 1 - s), port)) return false;
		n = (size_t)(colon - s);
	}
	if (n > 2 && *s == '[' && s[n - 1] == ']') s++, n -= 2;
	if (!n || n >= URL_HOST) return false;
	memcpy(host, s, n);
	host[n] = 0;
	return !strpbrk(host, "[]@\\");
}

bool url_parse(const char *text, struct url *out)
{
	const char *scheme = strstr(text, "://"), *s = scheme ? scheme + 3 : text;
	size_t n = strcspn(s, "/?#");

	out->plain = !strncasecmp(text, "http://", 7);
	if (scheme && !out->plain && strncasecmp(text, "https://", 8)) return false;
	for (const char *c = text; *c; c++)
		if (!isgraph((unsigned char)*c)) return false;
	out->path = s + n;
	out->port = out->plain ? 80 : 443;
	return url_split(s, n, out->host, &out->port);
}
