/* The dates of certificates: what a certificate has before them may be absent or long. */
#include "plan/probe/validity.h"

#include "unit.h"

#define DATES "\x30\x20\x17\x0d" "261122101449Z" "\x18\x0f" "20361122101449Z"
#define HEAD "\x02\x01\x07\x30\x00\x30\x00"

static bool read_text(const char *text, size_t len, struct validity *v)
{
	return validity_read((const uint8_t *)text, len, v);
}

TEST(both_forms_of_time)
{
	static const char with_version[] = "\x30\x30\x30\x2e\xa0\x03\x02\x01\x02" HEAD DATES;
	static const char without[] = "\x30\x2b\x30\x29" HEAD DATES;
	static const char long_form[] = "\x30\x81\x2d\x30\x82\x00\x29" HEAD DATES;
	struct validity v;

	CHECK(read_text(with_version, sizeof with_version - 1, &v));
	CHECK_STR(v.from, "20261122101449");
	CHECK_STR(v.until, "20361122101449");
	CHECK(read_text(without, sizeof without - 1, &v));
	CHECK(read_text(long_form, sizeof long_form - 1, &v));
	CHECK_STR(v.until, "20361122101449");
}

TEST(the_last_century)
{
	static const char old[] = "\x30\x29\x30\x27" HEAD
		"\x30\x1e\x17\x0d" "991231235959Z" "\x17\x0d" "491231235959Z";
	struct validity v;

	CHECK(read_text(old, sizeof old - 1, &v));
	CHECK_STR(v.from, "19991231235959");
	CHECK_STR(v.until, "20491231235959");
}

TEST(what_is_no_certificate)
{
	static const char good[] = "\x30\x2b\x30\x29" HEAD DATES;
	static const char words[] = "\x30\x2b\x30\x29" HEAD
		"\x30\x20\x17\x0d" "2611221014 9Z" "\x18\x0f" "20361122101449Z";
	struct validity v;

	for (size_t n = 0; n < sizeof good - 1; n++) CHECK(!read_text(good, n, &v));
	CHECK(!read_text(words, sizeof words - 1, &v));
	CHECK(!read_text("\x30\x84\xff\xff\xff\xff", 6, &v));
}

UNIT_MAIN("validity")
