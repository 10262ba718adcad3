/* Finds the objects of a PEM text. What they mean is the caller's business. */
#include "net/pem.h"

#include <errno.h>
#include <string.h>

#include "base/base64.h"
#include "base/buf.h"

#define DASHES "-----"
#define BEGIN DASHES "BEGIN "
#define END DASHES "END "

/* The next line of the text that begins so; NULL if there is none. */
static const char *find_line(const char *text, const char *start)
{
	for (const char *p = text; (p = strstr(p, start)); p++)
		if (p == text || p[-1] == '\n') return p;
	return NULL;
}

/* Does the name of the object that begins here, up to its dashes, end in suffix? */
static bool is_wanted(const char *begin, const char *suffix)
{
	const char *name = begin + strlen(BEGIN), *end = strstr(name, DASHES);
	size_t n = strlen(suffix);

	return end && (size_t)(end - name) >= n && !strncmp(end - n, suffix, n) &&
		!memchr(name, '\n', (size_t)(end - name));
}

int pem_each(const char *pem, const char *suffix, pem_use *use, void *arg, unsigned *broken)
{
	_cleanup_buf_ struct buf der = {0};
	unsigned bad = 0;
	int n = 0;

	while ((broken || !bad) && (pem = find_line(pem, BEGIN))) {
		bool wanted = is_wanted(pem, suffix);
		const char *body = pem + strcspn(pem, "\n");
		pem = find_line(body, DASHES);
		buf_reset(&der);
		if (wanted && (!pem || strncmp(pem, END, strlen(END)) ||
			base64_decode(body, (size_t)(pem - body), &der) < 0)) bad++;
		else if (der.len && use(arg, (uint8_t *)der.data, der.len)) n++;
		if (!pem) break;
	}
	if (der.data) explicit_bzero(der.data, der.cap);
	if (broken) *broken = bad;
	return bad && !broken ? -EBADMSG : n;
}

void pem_write(const char *name, const void *data, size_t n, struct buf *out)
{
	enum { LINE = 48 };   /* bytes in 64 characters */
	const char *p = data;

	buf_printf(out, BEGIN "%s" DASHES "\n", name);
	for (; n; buf_putc(out, '\n')) {
		size_t part = n < LINE ? n : LINE;
		base64_encode(p, part, out);
		p += part;
		n -= part;
	}
	buf_printf(out, END "%s" DASHES "\n", name);
}
