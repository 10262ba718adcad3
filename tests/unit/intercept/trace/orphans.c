#include "intercept/trace/orphans.h"
#include "unit.h"

enum { ROOT = 10, SHIM = 20, RUNC = 30, INIT = 40, OTHER = 50 };

/* ROOT → SHIM (a subreaper) → RUNC → INIT */
static struct orphans family(bool foreign_init)
{
	struct orphans o = {0};

	orphans_born(&o, ROOT, 0, false);
	orphans_born(&o, SHIM, ROOT, false);
	orphans_born(&o, RUNC, SHIM, false);
	orphans_born(&o, INIT, RUNC, foreign_init);
	orphans_find(&o, SHIM)->reaper = true;
	return o;
}

static pid_t take(struct orphans *o, pid_t reaper, pid_t which, int *status)
{
	return orphans_take(o, reaper, which, false, status);
}

TEST(an_orphan_goes_to_the_nearest_subreaper)
{
	for (int foreign = 0; foreign < 2; foreign++) {
		struct orphans o = family(foreign);
		int status = 0;
		CHECK(take(&o, SHIM, -1, &status) == -1);             /* RUNC is its own child */
		CHECK(orphans_ended(&o, RUNC, 0) == 0);               /* which the kernel reports */
		orphans_waited(&o, RUNC);
		CHECK(!orphans_find(&o, RUNC));
		CHECK(take(&o, SHIM, -1, &status) == 0);              /* INIT lives */
		CHECK(take(&o, SHIM, OTHER, &status) == -1 && take(&o, ROOT, -1, &status) == -1);
		CHECK(orphans_ended(&o, INIT, 0x300) == SHIM);
		CHECK(orphans_take(&o, SHIM, -1, true, &status) == INIT && status == 0x300);
		CHECK(take(&o, SHIM, INIT, &status) == INIT);
		CHECK(take(&o, SHIM, -1, &status) == -1);
		orphans_free(&o);
	}
}

TEST(a_child_that_ended_before_its_parent_is_reported_later)
{
	struct orphans o = family(false);
	int status = 0;

	CHECK(orphans_ended(&o, INIT, 0x100) == 0);               /* RUNC may wait for it */
	CHECK(orphans_ended(&o, RUNC, 0) == SHIM);                /* but did not */
	CHECK(take(&o, SHIM, -1, &status) == INIT && status == 0x100);
	orphans_free(&o);

	o = family(false);
	CHECK(orphans_ended(&o, INIT, 0x100) == 0);
	orphans_waited(&o, INIT);
	CHECK(orphans_ended(&o, RUNC, 0) == 0);
	CHECK(take(&o, SHIM, -1, &status) == -1);
	orphans_free(&o);
}

TEST(no_subreaper)
{
	struct orphans o = family(false);
	int status = 0;

	orphans_find(&o, SHIM)->reaper = false;
	CHECK(orphans_ended(&o, RUNC, 0) == 0);
	CHECK(orphans_ended(&o, INIT, 0) == 0);
	CHECK(!orphans_find(&o, INIT));                           /* no parent will wait */
	CHECK(take(&o, SHIM, -1, &status) == -1);
	orphans_free(&o);
}

TEST(orphans_of_another_namespace_stay_there)
{
	struct orphans o = family(true);
	int status = 0;

	orphans_born(&o, OTHER, INIT, true);
	CHECK(orphans_ended(&o, RUNC, 0) == 0);
	CHECK(orphans_ended(&o, INIT, 9) == SHIM);
	CHECK(take(&o, SHIM, -1, &status) == INIT && status == 9);
	CHECK(take(&o, SHIM, -1, &status) == -1);                 /* OTHER is not ours */
	orphans_free(&o);
}

TEST(a_reaper_that_dies_hands_on)
{
	struct orphans o = family(false);
	int status = 0;

	orphans_find(&o, ROOT)->reaper = true;
	CHECK(orphans_ended(&o, RUNC, 0) == 0);
	/* RUNC, for which it had not waited */
	CHECK(orphans_ended(&o, SHIM, 0) == ROOT);
	CHECK(take(&o, ROOT, RUNC, &status) == RUNC);
	CHECK(take(&o, ROOT, -1, &status) == 0);
	CHECK(orphans_ended(&o, INIT, 0x200) == ROOT);
	CHECK(take(&o, ROOT, INIT, &status) == INIT && status == 0x200);
	orphans_free(&o);
}

TEST(process_ids_are_reused)
{
	struct orphans o = family(false);
	int status = 0;

	/* a thread's report of what is known */
	orphans_born(&o, INIT, OTHER, true);
	CHECK(orphans_find(&o, INIT)->parent == RUNC);
	CHECK(orphans_ended(&o, RUNC, 0) == 0);
	CHECK(orphans_ended(&o, INIT, 1) == SHIM && orphans_ended(&o, INIT, 1) == 0);
	orphans_born(&o, INIT, SHIM, false);
	CHECK(take(&o, SHIM, -1, &status) == -1);
	for (pid_t p = 1000; p < 3000; p++) orphans_born(&o, p, RUNC, false);
	for (pid_t p = 1000; p < 3000; p++) CHECK(orphans_ended(&o, p, 0) == 0);
	CHECK(o.n < 10);
	orphans_free(&o);
}

static bool even(pid_t pid)
{
	return pid % 2 == 0;
}

TEST(dead_processes_that_no_parent_waits_for_are_swept)
{
	struct orphans o = family(false);

	for (pid_t p = 1000; p < 1100; p++) {
		orphans_born(&o, p, RUNC, false);
		CHECK(orphans_ended(&o, p, 0) == 0);
	}
	orphans_sweep(&o, even);
	CHECK(o.n == 4 + 50 && orphans_find(&o, 1001) && !orphans_find(&o, 1002)
		&& orphans_find(&o, SHIM));
	orphans_free(&o);
}

UNIT_MAIN("orphans")
