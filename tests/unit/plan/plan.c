/* plan_make() is pure: results in, steps out. */
#include "plan/plan.h"

#include <stdlib.h>

#include "unit.h"

static size_t fact_index(const char *name)
{
	for (size_t i = 0; i < fact_count; i++)
		if (!strcmp(facts[i].name, name)) return i;
	return fact_count;
}

static struct fact_result *fresh(void)
{
	static struct fact_result results[64];
	memset(results, 0, sizeof results);
	return results;
}

static void found(struct fact_result *r, const char *name, const char *kind)
{
	r[fact_index(name)].state = FACT_OBSTACLE;
	r[fact_index(name)].kind = kind;
}

static const struct step *step_for(const struct plan *p, const char *fact)
{
	for (size_t i = 0; i < p->n; i++)
		if (!strcmp(p->steps[i].fact->name, fact)) return &p->steps[i];
	return NULL;
}

static size_t steps_for(const struct plan *p, const char *fact)
{
	size_t n = 0;
	for (size_t i = 0; i < p->n; i++) n += !strcmp(p->steps[i].fact->name, fact);
	return n;
}

TEST(nothing_found_nothing_to_do)
{
	struct options o = { .data_dir = "/x" };
	struct plan p;
	plan_make(&o, fresh(), &p);
	CHECK(!p.n && !plan_blocked(&p, ALL_FATAL) && !plan_blocked(&p, NODE_FATAL));
	plan_free(&p);
}

TEST(every_row_names_a_fact_and_what_it_needs)
{
	for (size_t i = 0; i < step_row_count; i++) {
		const struct step_row *s = &step_rows[i];
		CHECK(fact_index(s->fact) < fact_count);
		CHECK(!s->needs || fact_index(s->needs) < fact_count);
		CHECK(s->what && s->by > BY_NOTHING && s->by < MECHANISM_COUNT);
		CHECK((s->by == BY_FLAG) == (s->knob != KNOB_NONE));
		CHECK((s->by == BY_SHIM || s->by == BY_INTERCEPT) == (s->rule != NULL));
		CHECK((s->by == BY_FILE || s->by == BY_MOUNT) == (s->apply != NULL));
		CHECK(!s->apply == !s->undo);
	}
}

TEST(every_fatal_fact_that_nothing_may_remove_says_what_helps)
{
	for (size_t i = 0; i < fact_count; i++) {
		bool always = false;
		for (size_t k = 0; k < step_row_count; k++)
			always |= !strcmp(step_rows[k].fact, facts[i].name) && step_rows[k].by == BY_FLAG && !step_rows[k].when;
		CHECK(always || facts[i].severity == DEGRADED || facts[i].help);
	}
}

TEST(cheapest_first_and_kinds)
{
	struct options o = { .data_dir = "/x" };
	struct fact_result *r = fresh();
	struct plan p;

	found(r, "kmsg", "absent");
	plan_make(&o, r, &p);
	CHECK(steps_for(&p, "kmsg") == 1 && step_for(&p, "kmsg")->row->by == BY_FILE);
	plan_free(&p);
	found(r, "kmsg", "refused");
	plan_make(&o, r, &p);
	CHECK(step_for(&p, "kmsg")->row->by == BY_MOUNT);
	plan_free(&p);
}

TEST(forbidden_mechanisms_are_passed_over)
{
	struct options o = { .data_dir = "/x", .no_mount = true };
	struct fact_result *r = fresh();
	struct plan p;

	found(r, "procsys", NULL);
	plan_make(&o, r, &p);
	CHECK(step_for(&p, "procsys")->row->by == BY_INTERCEPT);
	plan_free(&p);
	o.no_intercept = true;
	plan_make(&o, r, &p);
	CHECK(!step_for(&p, "procsys")->row);
	CHECK(plan_blocked(&p, NODE_FATAL) == step_for(&p, "procsys") && !plan_blocked(&p, ALL_FATAL));
	plan_free(&p);
}

TEST(a_mechanism_that_does_not_work_here_is_passed_over)
{
	struct options o = { .data_dir = "/x" };
	struct fact_result *r = fresh();
	struct plan p;

	found(r, "mount", NULL);
	found(r, "procsys", NULL);
	plan_make(&o, r, &p);
	CHECK(step_for(&p, "procsys")->row->by == BY_INTERCEPT);
	plan_free(&p);
	found(r, "ptrace", NULL);
	plan_make(&o, r, &p);
	CHECK(!step_for(&p, "procsys")->row);
	plan_free(&p);
}

TEST(rows_that_go_together)
{
	struct options o = { .data_dir = "/x" };
	struct fact_result *r = fresh();
	struct plan p;

	found(r, "flannel", NULL);
	found(r, "root-stats", NULL);
	plan_make(&o, r, &p);
	CHECK(steps_for(&p, "flannel") == 2 && steps_for(&p, "root-stats") == 2);
	plan_free(&p);
}

TEST(control_plane_alone_needs_no_pause_image)
{
	struct options o = { .data_dir = "/x", .mode = MODE_CONTROL_PLANE };
	struct fact_result *r = fresh();
	struct plan p;

	found(r, "registry", NULL);
	plan_make(&o, r, &p);
	CHECK(steps_for(&p, "registry") == 1 && step_for(&p, "registry")->row->knob == KNOB_PACKAGED_OFF);
	plan_free(&p);
}

UNIT_MAIN("plan")
