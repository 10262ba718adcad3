/* PEM texts: which objects are found, and what counts as broken. */
#include "net/pem.h"

#include <errno.h>

#include "base/buf.h"
#include "unit.h"

#define OBJECT(name, text) "-----BEGIN " name "-----\n" text "\n-----END " name "-----\n"

static bool take(void *arg, const uint8_t *der, size_t len)
{
	buf_printf(arg, "%.*s,", (int)len, (const char *)der);
	return len != 1;
}

static const char *found(const char *pem, const char *suffix, int *n, unsigned *broken)
{
	static struct buf b;

	buf_reset(&b);
	*n = pem_each(pem, suffix, take, &b, broken);
	return b.data ? b.data : "";
}

TEST(objects_by_the_end_of_their_names)
{
	static const char text[] = "a comment -----BEGIN A-----\n" OBJECT("EC PRIVATE KEY", "Zm8=")
		"between\r\n" OBJECT("PRIVATE KEY", "Zm9v\r\nYmFy\r") OBJECT("A", "Zg==");
	unsigned broken;
	int n;

	CHECK_STR(found(text, "PRIVATE KEY", &n, &broken), "fo,foobar,");
	CHECK(n == 2 && !broken);
	CHECK_STR(found(text, "", &n, NULL), "fo,foobar,f,");
	CHECK(n == 2);   /* the last is not taken */
	CHECK_STR(found(text, "B", &n, NULL), "");
	CHECK(!n);
}

TEST(broken_ones)
{
	static const char *const texts[] = {
		OBJECT("A", "*") OBJECT("A", "Zm8="),
		"-----BEGIN A-----\nZm9v\n" OBJECT("A", "Zm8="),
		OBJECT("A", "Zm8=") "-----BEGIN A-----\nZm9v",
		OBJECT("A", "Zm8=") "-----BEGIN A-----",
	};
	_cleanup_buf_ struct buf scratch = {0};
	unsigned broken;
	int n;

	for (size_t i = 0; i < sizeof texts / sizeof *texts; i++) {
		CHECK_STR(found(texts[i], "A", &n, &broken), "fo,");
		CHECK(n == 1 && broken == 1);
		CHECK(pem_each(texts[i], "A", take, &scratch, NULL) == -EBADMSG);
	}
	CHECK_STR(found(OBJECT("B", "*") "-----BEGIN B", "A", &n, &broken), "");
	CHECK(!n && !broken);
}

TEST(writing)
{
	_cleanup_buf_ struct buf b = {0}, again = {0};
	char data[100];

	pem_write("CERTIFICATE", "one", 3, &b);
	CHECK_STR(b.data, OBJECT("CERTIFICATE", "b25l"));
	memset(data, 'a', sizeof data);
	for (size_t n = 2; n < sizeof data; n++) {
		buf_reset(&b);
		buf_reset(&again);
		pem_write("X", data, n, &b);
		CHECK(pem_each(b.data, "X", take, &again, NULL) == 1);
		CHECK(again.len == n + 1 && !memcmp(again.data, data, n));
		for (const char *l = b.data; *l; l += strcspn(l, "\n") + 1)
			CHECK(strcspn(l, "\n") <= 64);
	}
}

UNIT_MAIN("pem")
