/* The supervisor's policy as data: every state is left in the end, and the paths that matter are
 * these. */
#include "run/machine.h"

#include <stdbool.h>

#include "unit.h"

static enum machine_state after(enum machine_state s, const enum machine_event *events, size_t n)
{
	for (size_t i = 0; i < n; i++) s = machine_next(s, events[i]).next;
	return s;
}

#define EVENTS(...) ((const enum machine_event[]){ __VA_ARGS__ })
#define AFTER(s, ...) \
	after(s, EVENTS(__VA_ARGS__), sizeof EVENTS(__VA_ARGS__) / sizeof(enum machine_event))

TEST(start_to_ready)
{
	CHECK(machine_next(ST_API, EV_API).action == ACT_SAY_API);
	CHECK(AFTER(ST_API, EV_API, EV_READY) == ST_READY);   /* the control plane alone */
	CHECK(AFTER(ST_API, EV_API, EV_NODE) == ST_ADMIT);
	CHECK(machine_next(ST_NODE, EV_NODE).action == ACT_SAY_NODE);
	CHECK(AFTER(ST_API, EV_API, EV_NODE, EV_READY) == ST_READY);
	/* a node without an API is an answer of an earlier question */
	CHECK(AFTER(ST_API, EV_READY) == ST_API);
}

TEST(stop_in_order)
{
	for (int s = ST_API; s <= ST_READY; s++) {
		CHECK(machine_next((enum machine_state)s, EV_STOP).action == ACT_TERM_K3S);
		CHECK(AFTER((enum machine_state)s, EV_STOP, EV_EXIT) == ST_PODS);
		CHECK(AFTER((enum machine_state)s, EV_STOP, EV_EXIT, EV_EMPTY) == ST_KILL);
		CHECK(AFTER((enum machine_state)s, EV_STOP, EV_EXIT, EV_EMPTY,
			EV_EMPTY) == ST_DONE);
	}
}

TEST(second_stop_hastens)
{
	CHECK(machine_next(ST_TERM, EV_STOP).action == ACT_KILL_ALL);
	CHECK(machine_next(ST_PODS, EV_STOP).action == ACT_KILL_ALL);
	CHECK(AFTER(ST_READY, EV_STOP, EV_STOP, EV_EXIT, EV_EMPTY) == ST_DONE);
}

TEST(k3s_that_ignores_sigterm)
{
	CHECK(machine_next(ST_TERM, EV_GRACE).action == ACT_KILL_K3S);
	CHECK(AFTER(ST_READY, EV_STOP, EV_GRACE, EV_GRACE, EV_EXIT) == ST_PODS);
}

TEST(k3s_that_dies)
{
	for (int s = ST_API; s <= ST_READY; s++) {
		CHECK(machine_next((enum machine_state)s, EV_EXIT).action == ACT_DIED);
		CHECK(AFTER((enum machine_state)s, EV_EXIT, EV_EMPTY, EV_EMPTY) == ST_DONE);
	}
}

TEST(k3s_that_is_started_again)
{
	for (int s = ST_API; s <= ST_READY; s++) {
		CHECK(machine_next((enum machine_state)s, EV_CRASH).action == ACT_CRASHED);
		CHECK(AFTER((enum machine_state)s, EV_CRASH) == ST_DOWN);
		CHECK(AFTER((enum machine_state)s, EV_CRASH, EV_AGAIN) == ST_API);
	}
	/* an answer of the one that has ended */
	CHECK(AFTER(ST_DOWN, EV_API, EV_NODE, EV_READY, EV_GRACE, EV_EMPTY) == ST_DOWN);
	/* a stop meanwhile: no second one is needed */
	CHECK(machine_next(ST_DOWN, EV_STOP).action == ACT_STOP_DOWN);
	CHECK(AFTER(ST_DOWN, EV_STOP, EV_EMPTY, EV_EMPTY) == ST_DONE);
	CHECK(AFTER(ST_DOWN, EV_EXIT, EV_EMPTY, EV_EMPTY) == ST_DONE);
	CHECK(machine_next(ST_DOWN, EV_LATE).action == ACT_LATE);
	/* a k3s that was told to stop is not started again */
	for (int s = ST_TERM; s < ST_COUNT; s++)
		CHECK(AFTER((enum machine_state)s, EV_CRASH, EV_AGAIN) == (enum machine_state)s);
}

TEST(configuration_that_is_bad)
{
	struct machine_ends e = {0};
	CHECK(machine_restart_ms(PART_K3S, &e, 300, false) == 500);
	CHECK(machine_restart_ms(PART_K3S, &e, 300, false) == 1000);
	CHECK(machine_restart_ms(PART_K3S, &e, 300, false) == -1);
	/* a slow end in between: something else may be the cause */
	e = (struct machine_ends){0};
	CHECK(machine_restart_ms(PART_K3S, &e, 300, false) == 500);
	CHECK(machine_restart_ms(PART_K3S, &e, 300, false) == 1000);
	CHECK(machine_restart_ms(PART_K3S, &e, 70000, false) == 2000);
	CHECK(machine_restart_ms(PART_K3S, &e, 300, false) == 4000);
	CHECK(machine_restart_ms(PART_K3S, &e, 70000, false) == -1);
	/* an etcd server alone is never seen to be ready */
	e = (struct machine_ends){0};
	for (int i = 0; i < 10; i++)
		CHECK(machine_restart_ms(PART_K3S, &e, 3600000, false) == 500);
}

TEST(what_has_worked_is_not_given_up)
{
	struct machine_ends e = {0};
	CHECK(machine_restart_ms(PART_K3S, &e, 30000, true) == 500);
	for (int i = 0; i < 100; i++) {
		int ms = machine_restart_ms(PART_K3S, &e, 100, false);
		CHECK(ms >= 1000 && ms <= 30000);
	}
	/* up again for a minute: counted from the beginning */
	CHECK(machine_restart_ms(PART_K3S, &e, 60000, true) == 500);
	struct machine_ends n = {0};
	for (int i = 0; i < 100; i++) CHECK(machine_restart_ms(PART_NETD, &n, 0, true) >= 200);
	CHECK(machine_restart_ms(PART_NETD, &n, 0, true) == 10000);
	CHECK(machine_restart_ms(PART_NETD, &n, 10000, true) == 200);
}

TEST(time_out_is_told_and_nothing_else)
{
	CHECK(machine_next(ST_API, EV_LATE).action == ACT_LATE &&
		machine_next(ST_API, EV_LATE).next == ST_API);
	CHECK(machine_next(ST_READY, EV_LATE).action == ACT_NONE);
	CHECK(machine_next(ST_TERM, EV_LATE).action == ACT_NONE);
}

TEST(readiness_does_not_revive)
{
	for (int s = ST_TERM; s < ST_COUNT; s++) {
		CHECK(machine_next((enum machine_state)s, EV_API).next == (enum machine_state)s);
		CHECK(machine_next((enum machine_state)s, EV_READY).next == (enum machine_state)s);
	}
}

TEST(every_stopping_state_has_a_limit)
{
	for (int s = ST_TERM; s < ST_DONE; s++) CHECK(machine_grace_ms((enum machine_state)s) > 0);
	for (int s = ST_API; s <= ST_DOWN; s++)
		CHECK(machine_grace_ms((enum machine_state)s) == 0);
	CHECK(AFTER(ST_PODS, EV_GRACE, EV_GRACE, EV_GIVE_UP) == ST_DONE);
}

TEST(done_is_done)
{
	for (int e = 0; e < EV_COUNT; e++)
		CHECK(machine_next(ST_DONE, (enum machine_event)e).next == ST_DONE);
}

/* Nobody may end while k3s lives: DONE is reached from KILL alone, and by EMPTY or GIVE_UP
 * alone. */
TEST(one_way_out)
{
	for (int s = 0; s < ST_DONE; s++)
		for (int e = 0; e < EV_COUNT; e++)
			if (machine_next((enum machine_state)s,
				(enum machine_event)e).next == ST_DONE)
				CHECK(s == ST_KILL && (e == EV_EMPTY || e == EV_GIVE_UP));
}

TEST(everything_has_a_name)
{
	for (int s = 0; s < ST_COUNT; s++) CHECK(machine_state_names[s]);
	for (int e = 0; e < EV_COUNT; e++) CHECK(machine_event_names[e]);
}

UNIT_MAIN("machine")
