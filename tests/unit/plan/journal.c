/* The journal's format, also as older versions and crashes have left it. */
#include "plan/journal.h"

#include "unit.h"

TEST(entries_by_key)
{
	_cleanup_journal_ struct journal j;
	journal_parse(&j, "KMSG_LINK\t\nSHARED_ROOT\tall\nNODE_ADDRESS\n");
	CHECK(j.n == 3 && !j.unknown);
	CHECK(j.v[0].row == &step_rows[STEP_KMSG_LINK] &&
		j.v[2].row == &step_rows[STEP_NODE_ADDRESS]);
	CHECK_STR(j.v[0].seen, "");
	CHECK_STR(journal_find(&j, &step_rows[STEP_SHARED_ROOT])->seen, "all");
	CHECK_STR(j.v[2].seen, "");
	CHECK(!journal_find(&j, &step_rows[STEP_KMSG_BIND]));
}

TEST(another_versions_entries_are_counted)
{
	_cleanup_journal_ struct journal j;
	journal_parse(&j,
		"kmsg\tfile\ta link /dev/kmsg to /dev/null\t\nKMSG_LINK\tx\n\nKMSG_LINKED\t\n"
		"a-key-that-is-longer-than-any-that-this-version-or-another-one-will-ever-"
		"have\t\n");
	CHECK(j.n == 1 && j.unknown == 3);
	CHECK_STR(j.v[0].seen, "x");
}

TEST(a_line_without_an_end_does_not_count)
{
	_cleanup_journal_ struct journal j;
	journal_parse(&j, "KMSG_LINK\tx\nSHARED_ROOT\tall");
	CHECK(j.n == 1 && !j.unknown);
}

TEST(an_empty_journal)
{
	struct journal j;
	journal_parse(&j, NULL);
	CHECK(!j.n && !j.unknown);
	journal_parse(&j, "");
	CHECK(!j.n && !j.unknown);
}

UNIT_MAIN("journal")
