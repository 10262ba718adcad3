/* Numbers, fields, lines and times. */
#include "base/text.h"

#include "unit.h"

TEST(numbers)
{
	uint64_t v;
	unsigned u;
	const char *end = text_number("120:7", &v);
	CHECK(end && v == 120 && *end == ':');
	CHECK(text_number("18446744073709551615", &v) && v == UINT64_MAX);
	CHECK(!text_number("18446744073709551616", &v) && !text_number("", &v) &&
		!text_number("-1", &v) && !text_number(" 1", &v));
	CHECK(text_unsigned("2147483647", &u) && u == 2147483647u &&
		!text_unsigned("2147483648", &u));
}

TEST(fields)
{
	char f[8];
	CHECK(text_field("cpu\t3 1\t1\nnext", 0, f, sizeof f) && !strcmp(f, "cpu"));
	CHECK(text_field("  cpu\t3 1\t1\nnext", 3, f, sizeof f) && !strcmp(f, "1"));
	CHECK(!text_field("cpu\t3\nnext", 2, f, sizeof f) && !text_field("", 0, f, sizeof f) &&
		!text_field("\n", 0, f, sizeof f));
	CHECK(text_field("1234567", 0, f, sizeof f) && !text_field("12345678", 0, f, sizeof f));
}

TEST(misspelled_names)
{
	static const struct { const char *word, *name; bool yes; } cases[] = {
		{ "status", "status", true }, { "stauts", "status", true },
		{ "statu", "status", true }, { "sttatus", "status", true },
		{ "datadir", "data-dir", true }, { "kubectrl", "kubectl", true },
		{ "rum", "run", true }, { "ru", "run", false }, { "", "run", false },
		{ "nonesuch", "namespaces", false }, { "stop", "status", false },
		{ "a-word-that-is-longer-than-any-name", "run", false },
	};

	for (size_t i = 0; i < sizeof cases / sizeof *cases; i++)
		CHECK(!text_resembles(cases[i].word, strlen(cases[i].word), cases[i].name) ==
			!cases[i].yes);
	CHECK(text_resembles("stauts", 6, "status") > text_resembles("stauts", 6, "start"));
}

TEST(lines)
{
	struct text_lines l = text_lines("one\n\nthree", 10);

	CHECK(text_line(&l) && l.len == 3 && l.ended && !memcmp(l.line, "one", 3));
	CHECK(text_line(&l) && l.len == 0 && l.ended);
	CHECK(text_line(&l) && l.len == 5 && !l.ended && !memcmp(l.line, "three", 5));
	CHECK(!text_line(&l) && !text_line(&l));
	l = text_lines("a\n", 2);
	CHECK(text_line(&l) && l.len == 1 && !text_line(&l));
	l = text_lines("", 0);
	CHECK(!text_line(&l));
}

TEST(times)
{
	char t[TEXT_TIME_SIZE];
	text_time(0, t);
	CHECK_STR(t, "1970-01-01T00:00:00Z");
	text_time(1795342489, t);
	CHECK_STR(t, "2026-11-22T10:14:49Z");
	text_time(-5, t);
	CHECK_STR(t, "1970-01-01T00:00:00Z");
}

/* Every day until 2500, by counting. */
TEST(dates)
{
	static const unsigned lengths[] = { 31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31 };
	char t[TEXT_TIME_SIZE], want[TEXT_TIME_SIZE];
	unsigned y = 1970, m = 1, d = 1;

	for (time_t now = 0; y < 2500; now += 86400) {
		bool leap = y % 4 == 0 && (y % 100 || y % 400 == 0);
		text_time(now + 86399, t);
		snprintf(want, sizeof want, "%04u-%02u-%02uT23:59:59Z", y, m, d);
		CHECK_STR(t, want);
		if (++d <= lengths[m - 1] + (leap && m == 2)) continue;
		d = 1;
		if (++m > 12) m = 1, y++;
	}
}

UNIT_MAIN("text")
