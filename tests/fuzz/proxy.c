/* Fuzz target: a client's first bytes, a proxy's answer, a proxy's URL and NO_PROXY. */
#include "net/proxy.h"

#include <stdint.h>
#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* Fewer bytes never tell something else than all of them; a name fits into a header. */
static void check_name(const char *data, size_t size)
{
	char name[PROXY_NAME], early[PROXY_NAME];
	int all = proxy_find_name(data, size, name);

	if (all > 0 && (!*name || strpbrk(name, "\r\n :@/"))) abort();
	for (size_t n = 1; n < size && n < 512; n++) {
		char *part = malloc(n);   /* of that size exactly, so that the sanitizer sees all */
		if (!part) abort();
		memcpy(part, data, n);
		int r = proxy_find_name(part, n, early);
		free(part);
		if (r && r != all) abort();
		if (r > 0 && strcmp(name, early)) abort();
	}
}

static void check_reply(const char *data, size_t size)
{
	struct proxy_reply whole = { .done = false }, pieces = whole;
	size_t used = proxy_reply_feed(&whole, data, size), n = 0;

	while (n < size && !pieces.done) n += proxy_reply_feed(&pieces, data + n, 1);
	if (used > size || n != used || memcmp(&whole, &pieces, sizeof whole)) abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct ip to = { 4, { 192, 0, 2, 1 } };
	struct proxy_url u;
	char *text = malloc(size + 1);

	if (!text) abort();
	memcpy(text, data, size);
	text[size] = 0;
	check_name((const char *)data, size);
	check_reply((const char *)data, size);
	proxy_is_excepted(text, "www.a.example", &to, 443);
	if (!proxy_parse(text, &u, NULL) && (!*u.host || !u.port)) abort();
	free(text);
	return 0;
}
