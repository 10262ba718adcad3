/* Base64: decoding and encoding. */
#include <string.h>

#include "base/base64.h"
#include "base/buf.h"
#include "unit.h"

static int decode(const char *text, struct buf *out)
{
	return base64_decode(text, strlen(text), out);
}

TEST(both_ways)
{
	_cleanup_buf_ struct buf b = {0};
	static const struct { const char *text, *data; } pairs[] = {
		{ "", "" }, { "Zg==", "f" }, { "Zm8=", "fo" }, { "Zm9v", "foo" },
		  { "Zm9v\nYmFy", "foobar" }, { "+/+/", "\xfb\xff\xbf" },
	};
	for (size_t i = 0; i < sizeof pairs / sizeof *pairs; i++) {
		buf_reset(&b);
		CHECK(!decode(pairs[i].text, &b) && b.len == strlen(pairs[i].data) &&
			!memcmp(b.data ? b.data : "", pairs[i].data, b.len));
		if (strchr(pairs[i].text, '\n')) continue;
		buf_reset(&b);
		base64_encode(pairs[i].data, strlen(pairs[i].data), &b);
		CHECK_STR(b.data ? b.data : "", pairs[i].text);
	}
	CHECK(decode("Zg=", &b) && decode("Zg", &b) && decode("Z=g=", &b) && decode("Z*==", &b));
	CHECK(base64_decode("Zm8\0Zm8=", 8, &b));
	buf_reset(&b);
	CHECK(!base64_decode("Zm9v-----END", 4, &b) && b.len == 3);
}

UNIT_MAIN("base64")
