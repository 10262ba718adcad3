/* Base64 with the alphabet of RFC 4648, section 4. */
#include "base/base64.h"

#include <errno.h>
#include <stdint.h>
#include <string.h>

#include "base/buf.h"

static const char digits[] =
	"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";

int base64_decode(const char *text, size_t n, struct buf *out)
{
	uint32_t bits = 0;
	unsigned have = 0, seen = 0, pad = 0;

	for (const char *end = text + n; text < end; text++) {
		if (*text == '\n' || *text == '\r' || *text == ' ' || *text == '\t') continue;
		const char *d = *text ? strchr(digits, *text) : NULL;
		if (*text == '=') pad++;
		else if (!d || pad) return -EBADMSG;
		else bits = bits << 6 | (uint32_t)(d - digits), have += 6;
		seen++;
		if (have >= 8) {
			have -= 8;
			buf_putc(out, (char)(bits >> have & 0xff));
		}
	}
	return seen % 4 || pad > 2 || out->failed ? -EBADMSG : 0;
}

void base64_encode(const void *data, size_t n, struct buf *out)
{
	const uint8_t *p = data;

	for (size_t i = 0; i < n; i += 3) {
		uint32_t v = (uint32_t)p[i] << 16;
		if (i + 1 < n) v |= (uint32_t)p[i + 1] << 8;
		if (i + 2 < n) v |= p[i + 2];
		for (int k = 0; k < 4; k++)
			buf_putc(out, i + (size_t)k > n ? '=' : digits[v >> (18 - 6 * k) & 63]);
	}
}
