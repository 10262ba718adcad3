/* Decodes and encodes UTF-8. */
#include "base/utf8.h"

size_t utf8_decode(const char *s, size_t n, uint32_t *c)
{
	static const struct { uint8_t mask, lead; uint32_t least; } form[] = {
		{ 0x80, 0x00, 0 }, { 0xe0, 0xc0, 0x80 }, { 0xf0, 0xe0, 0x800 },
		  { 0xf8, 0xf0, 0x10000 },
	};
	const uint8_t *p = (const uint8_t *)s;

	for (size_t len = 1; len <= 4 && len <= n; len++) {
		if ((p[0] & form[len - 1].mask) != form[len - 1].lead) continue;
		uint32_t v = p[0] & (uint8_t)~form[len - 1].mask;
		for (size_t i = 1; i < len; i++) {
			if ((p[i] & 0xc0) != 0x80) return 0;
			v = v << 6 | (p[i] & 0x3f);
		}
		if (v < form[len - 1].least || v > 0x10ffff || (v >= 0xd800 && v < 0xe000))
			return 0;
		*c = v;
		return len;
	}
	return 0;
}

size_t utf8_encode(uint32_t c, char out[4])
{
	if (c < 0x80) {
		out[0] = (char)c;
		return 1;
	}
	size_t len = c < 0x800 ? 2 : c < 0x10000 ? 3 : 4;
	static const uint8_t lead[] = { 0, 0, 0xc0, 0xe0, 0xf0 };
	for (size_t i = len - 1; i; i--, c >>= 6) out[i] = (char)(0x80 | (c & 0x3f));
	out[0] = (char)(lead[len] | c);
	return len;
}
