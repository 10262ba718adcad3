/* Buffers, JSON strings, string lists. */
#include <stdlib.h>

#include "base/buf.h"
#include "unit.h"

TEST(grows_and_stays_terminated)
{
	_cleanup_buf_ struct buf b = {0};

	buf_puts(&b, "");
	CHECK(b.data && !b.len && !*b.data);
	for (int i = 0; i < 1000; i++) buf_putc(&b, (char)('a' + i % 26));
	CHECK(b.len == 1000 && strlen(b.data) == 1000 && b.cap > 1000);
	buf_reset(&b);
	CHECK(!b.len && !*b.data && b.cap);
	buf_printf(&b, "%s-%d", "x", 7);
	CHECK_STR(b.data, "x-7");
	buf_add(&b, "\0y", 2);
	CHECK(b.len == 5 && b.data[4] == 'y' && !b.data[5]);
}

TEST(reserved_room_can_be_written)
{
	_cleanup_buf_ struct buf b = {0};

	for (size_t n = 1; n < 5000; n += 97) {
		char *to = buf_reserve(&b, n);
		CHECK(to == b.data + b.len);
		memset(to, 'x', n);   /* ASan watches */
		b.len += n;
		b.data[b.len] = 0;
	}
}

TEST(failure_sticks)
{
	_cleanup_buf_ struct buf b = {0};

	buf_puts(&b, "kept");
	CHECK(!buf_reserve(&b, BUF_MAX));
	CHECK(b.failed);
	buf_puts(&b, "lost");
	buf_printf(&b, "%d", 1);
	CHECK_STR(b.data, "kept");
	buf_reset(&b);
	CHECK(!b.failed);
	CHECK(!buf_reserve(&b, (size_t)-1) && b.failed);
}

static const char *json(const char *s, size_t n)
{
	static char out[256];
	_cleanup_buf_ struct buf b = {0};

	buf_json_n(&b, s, n);
	snprintf(out, sizeof out, "%s", b.data);
	return out;
}

/* What Go's json.Marshal gives for the same bytes. */
TEST(json_strings_are_gos)
{
	CHECK_STR(json("", 0), "\"\"");
	CHECK_STR(json("a\"b\\c/", 6), "\"a\\\"b\\\\c/\"");
	CHECK_STR(json("\n\r\t\x01\x7f", 5), "\"\\n\\r\\t\\u0001\x7f\"");
	CHECK_STR(json("<&>", 3), "\"\\u003c\\u0026\\u003e\"");
	CHECK_STR(json("\xc3\xa4\xe2\x82\xac\xf0\x9f\x98\x80", 9),
		"\"\xc3\xa4\xe2\x82\xac\xf0\x9f\x98\x80\"");
	CHECK_STR(json("\xe2\x80\xa8\xe2\x80\xa9", 6), "\"\\u2028\\u2029\"");
	CHECK_STR(json("\xff", 1), "\"\\ufffd\"");
	CHECK_STR(json("\xc0\x80", 2), "\"\\ufffd\\ufffd\"");               /* overlong */
	CHECK_STR(json("\xed\xa0\x80", 3), "\"\\ufffd\\ufffd\\ufffd\"");    /* surrogate */
	CHECK_STR(json("\xe2\x82", 2), "\"\\ufffd\\ufffd\"");               /* cut off */
	CHECK_STR(json("\xf4\x90\x80\x80x", 5), "\"\\ufffd\\ufffd\\ufffd\\ufffdx\"");
	CHECK_STR(json("a\0b", 3), "\"a\\u0000b\"");
}

TEST(string_lists)
{
	_cleanup_strv_ struct strv l = {0};

	CHECK(!strv_has(&l, "a"));
	for (int i = 0; i < 100; i++) strv_addf(&l, "n%d", i);
	strv_add(&l, "");
	CHECK(l.n == 101 && !l.v[101]);
	CHECK(strv_has(&l, "n99") && strv_has(&l, "") && !strv_has(&l, "n100"));
	strv_free(&l);
	CHECK(!l.n && !l.v);
	strv_free(&l);
}

UNIT_MAIN("buf")
