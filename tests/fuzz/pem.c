/* Fuzz target: PEM text. What is found in it is written again, and found again; what is found with
 * damaged objects beside it is found up to the first one without. */
#include "net/pem.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/buf.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

struct found { struct buf objects, again; };

static bool take(void *arg, const uint8_t *der, size_t len)
{
	struct found *f = arg;

	buf_add(&f->objects, der, len);
	buf_putc(&f->objects, '|');
	pem_write("CERTIFICATE", der, len, &f->again);
	return true;
}

static int find(const char *text, unsigned *broken, struct found *f)
{
	return pem_each(text, "CERTIFICATE", take, f, broken);
}

static bool same(const struct buf *a, const struct buf *b, size_t n)
{
	return a->len >= n && b->len >= n && (!n || !memcmp(a->data, b->data, n));
}

static void release(struct found *f)
{
	buf_free(&f->objects);
	buf_free(&f->again);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct buf text = {0};
	struct found all = {0}, strict = {0}, again = {0};
	unsigned broken, none;

	buf_add(&text, data, size);
	int n = find(text.data, &broken, &all), s = find(text.data, NULL, &strict);
	if ((s < 0) != (broken > 0) || (s >= 0 && s != n) || (s < 0 && s != -EBADMSG)) abort();
	if (!same(&all.objects, &strict.objects, strict.objects.len)) abort();
	if (n && find(all.again.data, &none, &again) != n) abort();
	if (n && (none || again.objects.len != all.objects.len ||
		!same(&again.objects, &all.objects, all.objects.len))) abort();
	release(&all);
	release(&strict);
	release(&again);
	buf_free(&text);
	return 0;
}
