/* Growable byte buffer. Errors stick: append freely, check .failed once (BearSSL's way). */
#ifndef K3SBOX_BUF_H
#define K3SBOX_BUF_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct arena;

struct buf {
	/* always NUL-terminated once anything was added; NULL when empty and unused */
	char *data;
	size_t len;   /* bytes without the NUL */
	size_t cap;
	bool failed;  /* out of memory, or over BUF_MAX; contents are then incomplete */
	struct arena *arena;  /* where the bytes lie; NULL: malloc(3) */
};

enum { BUF_MAX = 1 << 30 };

void buf_add(struct buf *b, const void *p, size_t n);
void buf_puts(struct buf *b, const char *s);
void buf_putc(struct buf *b, char c);
void buf_printf(struct buf *b, const char *fmt, ...) __attribute__((format(printf, 2, 3)));
/* Makes room for n more bytes and returns where they go, or NULL; the caller adds what it wrote to
 * .len. */
char *buf_reserve(struct buf *b, size_t n);
/* If c is one of which, adds a backslash and the letter of the same place, and returns true. */
bool buf_escape(struct buf *b, uint32_t c, const char *which, const char *letters);
void buf_reset(struct buf *b);   /* empty, memory kept */
void buf_free(struct buf *b);    /* memory given back, reusable */

/* String as a JSON string literal, quotes included; invalid UTF-8 becomes U+FFFD, as Go's encoder
 * does. */
void buf_json(struct buf *b, const char *s);
void buf_json_n(struct buf *b, const char *s, size_t n);

#define _cleanup_buf_ __attribute__((cleanup(buf_free)))

/* Growable NULL-terminated list of strings that it owns; dies when memory is out. */
struct strv {
	char **v;     /* NULL until something was added */
	size_t n;
};

void strv_add(struct strv *l, const char *s);
void strv_addf(struct strv *l, const char *fmt, ...) __attribute__((format(printf, 2, 3)));
bool strv_has(const struct strv *l, const char *s);
void strv_free(struct strv *l);

#define _cleanup_strv_ __attribute__((cleanup(strv_free)))

#endif
