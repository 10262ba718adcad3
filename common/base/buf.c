/* The growable buffer, JSON string literals, and lists of strings. */
#include "base/buf.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/arena.h"
#include "base/die.h"
#include "base/utf8.h"

char *buf_reserve(struct buf *b, size_t n)
{
	if (b->failed) return NULL;
	if (n >= BUF_MAX - b->len) {
		b->failed = true;
		return NULL;
	}
	if (b->len + n + 1 > b->cap) {
		size_t cap = b->cap ? b->cap : 128;
		while (cap < b->len + n + 1) cap *= 2;
		char *p = b->arena ? arena_alloc(b->arena, cap) : realloc(b->data, cap);
		if (!p) {
			b->failed = true;
			return NULL;
		}
		if (b->arena && b->len) memcpy(p, b->data, b->len + 1);
		b->data = p;
		b->cap = cap;
	}
	return b->data + b->len;
}

void buf_add(struct buf *b, const void *p, size_t n)
{
	char *to = buf_reserve(b, n);
	if (!to) return;
	if (n) memcpy(to, p, n);
	b->len += n;
	b->data[b->len] = 0;
}

void buf_puts(struct buf *b, const char *s)
{
	buf_add(b, s, strlen(s));
}

void buf_putc(struct buf *b, char c)
{
	buf_add(b, &c, 1);
}

void buf_printf(struct buf *b, const char *fmt, ...)
{
	va_list ap, again;

	va_start(ap, fmt);
	va_copy(again, ap);
	int n = vsnprintf(NULL, 0, fmt, ap);
	char *to = n < 0 ? NULL : buf_reserve(b, (size_t)n);
	if (to) {
		vsnprintf(to, (size_t)n + 1, fmt, again);
		b->len += (size_t)n;
	} else {
		b->failed = true;
	}
	va_end(again);
	va_end(ap);
}

void buf_reset(struct buf *b)
{
	b->len = 0;
	b->failed = false;
	if (b->data) b->data[0] = 0;
}

void buf_free(struct buf *b)
{
	if (!b->arena) free(b->data);
	*b = (struct buf){0};
}

bool buf_escape(struct buf *b, uint32_t c, const char *which, const char *letters)
{
	const char *at = c && c < 128 ? strchr(which, (int)c) : NULL;

	if (!at) return false;
	buf_putc(b, '\\');
	buf_putc(b, letters[at - which]);
	return true;
}

/* encoding/json's HTML-safe set: < > & and U+2028/9 are escaped too. */
static void json_char(struct buf *b, const char *s, size_t n, uint32_t c)
{
	if (buf_escape(b, c, "\"\\\n\r\t", "\"\\nrt")) return;
	if (c < 0x20 || c == '<' || c == '>' || c == '&' || c == 0x2028 || c == 0x2029)
		buf_printf(b, "\\u%04x", c);
	else buf_add(b, s, n);
}

void buf_json_n(struct buf *b, const char *s, size_t n)
{
	buf_putc(b, '"');
	for (size_t i = 0; i < n;) {
		uint32_t c;
		size_t k = utf8_decode(s + i, n - i, &c);
		if (k) json_char(b, s + i, k, c);
		else buf_puts(b, "\\ufffd");
		i += k ? k : 1;
	}
	buf_putc(b, '"');
}

void buf_json(struct buf *b, const char *s)
{
	buf_json_n(b, s, strlen(s));
}

static void strv_take(struct strv *l, char *s)
{
	l->v = xrealloc(l->v, (l->n + 2) * sizeof *l->v);
	l->v[l->n++] = s;
	l->v[l->n] = NULL;
}

void strv_add(struct strv *l, const char *s)
{
	strv_take(l, xstrdup(s));
}

void strv_addf(struct strv *l, const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	strv_take(l, xvasprintf(fmt, ap));
	va_end(ap);
}

bool strv_has(const struct strv *l, const char *s)
{
	for (size_t i = 0; i < l->n; i++)
		if (!strcmp(l->v[i], s)) return true;
	return false;
}

void strv_free(struct strv *l)
{
	for (size_t i = 0; i < l->n; i++) free(l->v[i]);
	free(l->v);
	*l = (struct strv){0};
}
