/* Error texts: which are found by which words, and what the facts' rows have. */
#include "plan/symptom.h"

#include "plan/rows.h"

#include "unit.h"

TEST(found)
{
	static const char two[] = "open /x:\npath \"*\" is mounted on \"*\" but not shared";

	CHECK(symptom_is(two, "E1: failed: open /x: no such file"));
	CHECK(symptom_is(two, "OPEN /X:"));
	CHECK(symptom_is(two, "path \"/sys\" is mounted on \"/\" but not shared: y"));
	CHECK(symptom_is(two, "mounted on \"/sys\" but not"));   /* a part, over a variable one */
	CHECK(symptom_is(two, "not shared"));
	CHECK(symptom_is(two, "other line\nopen /x: y\nthird"));
}

TEST(not_found)
{
	static const char one[] = "open /x:\npath \"*\" is not shared";

	CHECK(!symptom_is(one, "open /y: no such file"));
	CHECK(!symptom_is(one, "") && !symptom_is(one, "ope"));
	CHECK(!symptom_is(one, "path \"/sys\nis not shared"));   /* not over a line's end */
	CHECK(!symptom_is(one, "/x:\npath"));
	CHECK(!symptom_is(one, "path \"anything at all"));
	CHECK(!symptom_is(NULL, "open /x:"));
}

TEST(rows)
{
	for (size_t i = 0; i < FACT_COUNT; i++) {
		const char *s = facts[i].symptom;
		if (!s) continue;
		CHECK(strlen(s) < 300 && *s != '*' && s[strlen(s) - 1] != '*');
		CHECK(!strstr(s, "*\n") && !strstr(s, "\n*") && !strstr(s, "\n\n"));
		CHECK(symptom_is(s, s));
	}
}

UNIT_MAIN("symptom")
