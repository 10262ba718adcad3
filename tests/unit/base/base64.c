/* Base64: decoding and encoding. */
#include <string.h>

#include "base/base64.h"
#include "base/buf.h"
#include "unit.h"

TEST(both_ways)
{
	_cleanup_buf_ struct buf b = {0};
	static const struct { const char *text, *data; } pairs[] = {
		{ "", "" }, { "Zg==", "f" }, { "Zm8=", "fo" }, { "Zm9v", "foo" },
		  { "Zm9v\nYmFy", "foobar" }, { "+/+/", "\xfb\xff\xbf" },
	};
	for (size_t i = 0; i < sizeof pairs / sizeof *pairs; i++) {
		buf_reset(&b);
		CHECK(!base64_decode(pairs[i].text, &b) && b.len == strlen(pairs[i].data) &&
			!memcmp(b.data ? b.data : "", pairs[i].data, b.len));
		if (strchr(pairs[i].text, '\n')) continue;
		buf_reset(&b);
		base64_encode(pairs[i].data, strlen(pairs[i].data), &b);
		CHECK_STR(b.data ? b.data : "", pairs[i].text);
	}
	CHECK(base64_decode("Zg=", &b) && base64_decode("Zg", &b) && base64_decode("Z=g=", &b) &&
		base64_decode("Z*==", &b));
}

UNIT_MAIN("base64")
