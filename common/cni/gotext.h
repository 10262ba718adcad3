/* Text as Go programs treat it: strings that may hold NULs, growing slices, quoting, white
 * space, the wording of errors. The plugins' messages must be upstream's. */
#ifndef K3SBOX_CNI_GOTEXT_H
#define K3SBOX_CNI_GOTEXT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct arena;
struct buf;

/* A Go string: n bytes that may be NULs, and a NUL behind them unless it is a part of another
 * one. s is NULL only for "". */
struct str {
	const char *s;
	size_t n;
};

struct str go_str(const char *s);
bool go_str_is(struct str s, const char *text);

struct slice {
	void *v;
	size_t n, cap;
};

/* Makes room for n elements of this size. */
void go_slice_reserve(struct arena *a, struct slice *l, size_t n, size_t size);
/* A new zeroed element at the end. */
void *go_slice_add(struct arena *a, struct slice *l, size_t size);

/* unicode.IsSpace */
bool go_is_space(uint32_t c);
/* Bytes of the white space character that s begins with; 0: none. */
size_t go_space(struct str s);
/* strings.TrimSpace */
struct str go_trim(struct str s);

/* %q of package fmt for n bytes. */
void go_quote(struct buf *b, const char *s, size_t n);
/* The text of a system call's error number (positive); scratch is where it may be put together. */
const char *go_strerror(int err, char *scratch, size_t size);

#endif
