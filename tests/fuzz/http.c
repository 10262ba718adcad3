/* Fuzz target: a response, whole and byte by byte. Both ways must agree about everything. */
#include "net/http.h"

#include <stdint.h>
#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static int collect(void *arg, const char *p, size_t n)
{
	buf_add(arg, p, n);
	return 0;
}

static void collect_header(void *arg, const char *name, const char *value)
{
	buf_printf(arg, "%s=%s\n", name, value);
}

/* The bytes used, or -errno. The pieces are of this size. */
static ssize_t parse(struct http *h, struct buf *body, const char *p, size_t n, size_t piece)
{
	size_t used = 0;

	http_init(h, collect, body);
	h->header = collect_header;
	while (used < n && h->state != HTTP_DONE) {
		size_t part = n - used < piece ? n - used : piece;
		ssize_t r = http_feed(h, p + used, part);
		if (r < 0) return r;
		if ((size_t)r > part) abort();
		used += (size_t)r;
	}
	return (ssize_t)used;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct http a, b;
	struct buf whole = {0}, pieces = {0};
	const char *text = (const char *)data;
	ssize_t ra = parse(&a, &whole, text, size, size ? size : 1);
	ssize_t rb = parse(&b, &pieces, text, size, 1);

	if (ra != rb || a.status != b.status || http_end(&a) != http_end(&b)) abort();
	if (whole.len != pieces.len || (whole.len && memcmp(whole.data, pieces.data, whole.len)))
		abort();
	if (whole.len > size + strlen("=\n") * size) abort();
	http_free(&a);
	http_free(&b);
	buf_free(&whole);
	buf_free(&pieces);
	return 0;
}
