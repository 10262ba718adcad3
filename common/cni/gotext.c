/* The parts of Go's strings, unicode, strconv and syscall packages that the plugins' messages
 * and files depend on. */
#include "cni/gotext.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "base/arena.h"
#include "base/buf.h"
#include "base/utf8.h"

struct str go_str(const char *s)
{
	return (struct str){ s, strlen(s) };
}

bool go_str_is(struct str s, const char *text)
{
	return s.n == strlen(text) && !memcmp(s.s ? s.s : "", text, s.n);
}

void go_slice_reserve(struct arena *a, struct slice *l, size_t n, size_t size)
{
	if (n <= l->cap) return;
	size_t cap = l->cap ? l->cap * 2 : 4;
	if (cap < n) cap = n;
	void *v = arena_alloc(a, cap * size);
	if (l->n) memcpy(v, l->v, l->n * size);
	l->v = v;
	l->cap = cap;
}

void *go_slice_add(struct arena *a, struct slice *l, size_t size)
{
	go_slice_reserve(a, l, l->n + 1, size);
	return memset((char *)l->v + l->n++ * size, 0, size);
}

bool go_is_space(uint32_t c)
{
	return (c >= 9 && c <= 13) || c == ' ' || c == 0x85 || c == 0xa0 || c == 0x1680 ||
		(c >= 0x2000 && c <= 0x200a) || c == 0x2028 || c == 0x2029 || c == 0x202f ||
		c == 0x205f || c == 0x3000;
}

size_t go_space(struct str s)
{
	uint32_t c;
	size_t k = s.n ? utf8_decode(s.s, s.n, &c) : 0;
	return k && go_is_space(c) ? k : 0;
}

/* The same for the character that s ends with. */
static size_t space_behind(struct str s)
{
	size_t k = 1;

	if (!s.n) return 0;
	while (k < 4 && k < s.n && (s.s[s.n - k] & 0xc0) == 0x80) k++;
	return go_space((struct str){ s.s + s.n - k, k }) == k ? k : 0;
}

struct str go_trim(struct str s)
{
	for (size_t k; (k = go_space(s)); s.n -= k) s.s += k;
	for (size_t k; (k = space_behind(s));) s.n -= k;
	return s;
}

/* Not a graphic character in Unicode: the ranges that may occur in configurations. */
static bool is_invisible(uint32_t c)
{
	return (c >= 0x80 && c <= 0xa0) || c == 0xad || (c >= 0x2000 && c <= 0x200f) ||
		(c >= 0x2028 && c <= 0x202f) || (c >= 0x205f && c <= 0x206f) || c == 0x3000 ||
		c == 0xfeff;
}

static void quote_char(struct buf *b, const char *s, size_t k, uint32_t c)
{
	if (buf_escape(b, c, "\a\b\f\n\r\t\v\\\"", "abfnrtv\\\"")) return;
	if (c < 0x20 || c == 0x7f) buf_printf(b, "\\x%02x", c);
	else if (is_invisible(c)) buf_printf(b, "\\u%04x", c);
	else buf_add(b, s, k);
}

void go_quote(struct buf *b, const char *s, size_t n)
{
	buf_putc(b, '"');
	for (size_t i = 0; i < n;) {
		uint32_t c;
		size_t k = utf8_decode(s + i, n - i, &c);
		if (k) quote_char(b, s + i, k, c);
		else buf_printf(b, "\\x%02x", (unsigned char)s[i]);
		i += k ? k : 1;
	}
	buf_putc(b, '"');
}

const char *go_strerror(int err, char *scratch, size_t size)
{
	/* Where musl's wording differs from Go's (syscall/zerrors_linux_amd64.go). */
	static const struct { int err; const char *text; } rows[] = {
		{ EMFILE, "too many open files" }, { ENFILE, "too many open files in system" },
			{ EDQUOT, "disk quota exceeded" },
		{ EIO, "input/output error" }, { EINVAL, "invalid argument" },
		{ EOPNOTSUPP, "operation not supported" },
		{ ENAMETOOLONG, "file name too long" },
		{ ELOOP, "too many levels of symbolic links" },
		{ ENXIO, "no such device or address" }, { EBUSY, "device or resource busy" },
		{ ENOSYS, "function not implemented" }, { ENOMEM, "cannot allocate memory" },
		{ EFBIG, "file too large" }, { ENETUNREACH, "network is unreachable" },
	};

	for (size_t i = 0; i < sizeof rows / sizeof *rows; i++)
		if (rows[i].err == err) return rows[i].text;
	snprintf(scratch, size, "%s", strerror(err));
	if (*scratch >= 'A' && *scratch <= 'Z') *scratch |= 32;
	return scratch;
}
