/* plan_make() is pure: results in, steps out. */
#include "plan/plan.h"

#include <stdlib.h>

#include "unit.h"

static struct fact_result *fresh(void)
{
	static struct fact_result results[FACT_COUNT];
	memset(results, 0, sizeof results);
	return results;
}

static void found(struct fact_result *r, enum fact_id fact, enum obstacle_kind kind)
{
	r[fact].state = RESULT_OBSTACLE;
	r[fact].kind = kind;
}

static const struct plan_step *step_for(const struct plan *p, enum fact_id fact)
{
	for (size_t i = 0; i < p->n; i++)
		if (p->steps[i].fact == &facts[fact]) return &p->steps[i];
	return NULL;
}

static size_t steps_for(const struct plan *p, enum fact_id fact)
{
	size_t n = 0;
	for (size_t i = 0; i < p->n; i++) n += p->steps[i].fact == &facts[fact];
	return n;
}

TEST(nothing_found_nothing_to_do)
{
	struct plan_options o = { .data_dir = "/x" };
	struct plan p;
	plan_make(&o, fresh(), &p);
	CHECK(!p.n && !plan_blocked(&p, ALL_FATAL) && !plan_blocked(&p, NODE_FATAL));
	plan_free(&p);
}

TEST(every_step_has_what_its_mechanism_needs)
{
	for (size_t i = 0; i < STEP_COUNT; i++) {
		const struct step_row *s = &step_rows[i];
		CHECK(s->what && s->by < MECHANISM_COUNT && step_find(s->key) == s);
		CHECK((s->by == BY_FLAG) == (s->knob != KNOB_NONE));
		CHECK((s->by == BY_SHIM) == (s->rule != SHIM_NONE));
		CHECK((s->by == BY_INTERCEPT) == (s->option && !strncmp(s->option, "--", 2)));
		CHECK(mechanisms[s->by].lasts == (s->apply != NULL));
		CHECK(!s->apply == !s->undo);
	}
	CHECK(!step_find("NOTHING") && !step_find(""));
}

TEST(accounting_is_served_before_it_is_turned_off)
{
	struct plan_options o = { .data_dir = "/x", .isolated = true };
	struct fact_result *r = fresh();
	struct plan p;

	found(r, FACT_ROOT_STATS, KIND_ROOT_STATS_FUSE);
	plan_make(&o, r, &p);
	CHECK(steps_for(&p, FACT_ROOT_STATS) == 2);
	CHECK_STR(step_for(&p, FACT_ROOT_STATS)->row->key, "CGROUPFS");
	plan_free(&p);
	found(r, FACT_ROOT_STATS, KIND_NONE);
	plan_make(&o, r, &p);
	CHECK(steps_for(&p, FACT_ROOT_STATS) == 2);
	CHECK_STR(step_for(&p, FACT_ROOT_STATS)->row->key, "STORAGE_ISOLATION_OFF");
	plan_free(&p);
}

TEST(every_fact_has_a_probe_and_a_name_of_its_own)
{
	for (size_t i = 0; i < FACT_COUNT; i++) {
		CHECK(facts[i].probe && facts[i].name && facts[i].title);
		for (size_t k = 0; k < i; k++) CHECK(strcmp(facts[i].name, facts[k].name));
	}
}

TEST(every_fatal_fact_that_nothing_may_remove_says_what_helps)
{
	for (size_t i = 0; i < FACT_COUNT; i++) {
		bool always = false;
		for (size_t k = 0; k < STEP_COUNT; k++)
			always |= step_rows[k].fact == i && step_rows[k].by == BY_FLAG &&
				!step_rows[k].when;
		CHECK(always || facts[i].severity == DEGRADED || facts[i].help);
	}
}

TEST(cheapest_first_and_kinds)
{
	struct plan_options o = { .data_dir = "/x" };
	struct fact_result *r = fresh();
	struct plan p;

	found(r, FACT_KMSG, KIND_KMSG_ABSENT);
	plan_make(&o, r, &p);
	CHECK(steps_for(&p, FACT_KMSG) == 1 && step_for(&p, FACT_KMSG)->row->by == BY_FILE);
	plan_free(&p);
	found(r, FACT_KMSG, KIND_KMSG_REFUSED);
	plan_make(&o, r, &p);
	CHECK(step_for(&p, FACT_KMSG)->row->by == BY_MOUNT);
	plan_free(&p);
}

/* What an unprivileged container gets, by the kinds of its obstacles. */
TEST(containers_without_writable_cgroups)
{
	struct plan_options o = { .data_dir = "/x" };
	struct fact_result *r = fresh();
	struct plan p;

	found(r, FACT_CGROUP_MAKE, KIND_CGROUP_MAKE_READONLY);
	found(r, FACT_PROCSYS_WRITE, KIND_PROCSYS_WRITE_READONLY);
	found(r, FACT_FRESH_MOUNTS, KIND_FRESH_MOUNTS_SYSFS);
	plan_make(&o, r, &p);
	CHECK(steps_for(&p, FACT_CGROUP_MAKE) == 1);
	CHECK(step_for(&p, FACT_CGROUP_MAKE)->row->by == BY_MOUNT);
	CHECK(step_for(&p, FACT_PROCSYS_WRITE)->row->by == BY_MOUNT);
	CHECK_STR(step_for(&p, FACT_FRESH_MOUNTS)->row->arg, "sysfs");
	plan_free(&p);
	found(r, FACT_CGROUP_MAKE, KIND_CGROUP_MAKE_REFUSED);
	plan_make(&o, r, &p);
	CHECK(steps_for(&p, FACT_CGROUP_MAKE) == 3 && !plan_blocked(&p, NODE_FATAL));
	plan_free(&p);
	o.no_shim = true;   /* the kubelet's flag alone is not enough */
	plan_make(&o, r, &p);
	CHECK(!step_for(&p, FACT_CGROUP_MAKE)->row && !step_for(&p, FACT_FRESH_MOUNTS)->row);
	plan_free(&p);
	found(r, FACT_CGROUP_MAKE, KIND_CGROUP_MAKE_CLOSED);
	found(r, FACT_NETNS, KIND_NETNS_LOOPBACK);
	plan_make(&o, r, &p);
	CHECK(plan_blocked(&p, NODE_FATAL) == step_for(&p, FACT_CGROUP_MAKE));
	CHECK(!step_for(&p, FACT_NETNS)->row);
	plan_free(&p);
}

TEST(limits_are_told_once)
{
	struct plan_options o = { .data_dir = "/x" };
	struct fact_result *r = fresh();
	_cleanup_buf_ struct buf limits = {0}, known = {0};
	_cleanup_strv_ struct strv keys = {0};
	struct plan p;

	found(r, FACT_IPTABLES, KIND_NONE);
	found(r, FACT_KMSG, KIND_KMSG_ABSENT);
	found(r, FACT_NETNS, KIND_NETNS_LOOPBACK);
	found(r, FACT_JOIN, KIND_NONE);
	plan_make(&o, r, &p);
	plan_limits(&p, &limits);
	CHECK_STR(limits.data, "no Services; pods with hostNetwork: true alone");
	plan_free(&p);
	strv_add(&keys, "KMSG_LINK");
	plan_limits_of(&keys, &known);
	CHECK(!known.len);
	strv_add(&keys, "KUBE_PROXY_OFF");
	strv_add(&keys, "A_STEP_OF_ANOTHER_VERSION");
	plan_limits_of(&keys, &known);
	CHECK_STR(known.data, "no Services");
}

TEST(forbidden_mechanisms_are_passed_over)
{
	struct plan_options o = { .data_dir = "/x", .no_mount = true };
	struct fact_result *r = fresh();
	struct plan p;

	found(r, FACT_PROCSYS, KIND_NONE);
	plan_make(&o, r, &p);
	CHECK(step_for(&p, FACT_PROCSYS)->row->by == BY_INTERCEPT);
	plan_free(&p);
	o.no_intercept = true;
	plan_make(&o, r, &p);
	CHECK(!step_for(&p, FACT_PROCSYS)->row);
	CHECK(plan_blocked(&p, NODE_FATAL) == step_for(&p, FACT_PROCSYS) &&
		!plan_blocked(&p, ALL_FATAL));
	plan_free(&p);
}

TEST(a_mechanism_that_does_not_work_here_is_passed_over)
{
	struct plan_options o = { .data_dir = "/x" };
	struct fact_result *r = fresh();
	struct plan p;

	found(r, FACT_MOUNT, KIND_NONE);
	found(r, FACT_PROCSYS, KIND_NONE);
	plan_make(&o, r, &p);
	CHECK(step_for(&p, FACT_PROCSYS)->row->by == BY_INTERCEPT);
	plan_free(&p);
	found(r, FACT_PTRACE, KIND_NONE);
	plan_make(&o, r, &p);
	CHECK(!step_for(&p, FACT_PROCSYS)->row);
	plan_free(&p);
}

TEST(rows_that_go_together)
{
	struct plan_options o = { .data_dir = "/x" };
	struct fact_result *r = fresh();
	struct plan p;

	found(r, FACT_FLANNEL, KIND_FLANNEL_LINKS);
	found(r, FACT_ROOT_STATS, KIND_NONE);
	plan_make(&o, r, &p);
	CHECK(steps_for(&p, FACT_FLANNEL) == 2 && steps_for(&p, FACT_ROOT_STATS) == 2);
	plan_free(&p);
	found(r, FACT_FLANNEL, KIND_FLANNEL_SWITCH);
	plan_make(&o, r, &p);
	CHECK(steps_for(&p, FACT_FLANNEL) == 2 && step_for(&p, FACT_FLANNEL)->row->by == BY_FILE);
	plan_free(&p);
	found(r, FACT_IPTABLES, KIND_IPTABLES_TAKEN);
	plan_make(&o, r, &p);
	CHECK(steps_for(&p, FACT_IPTABLES) == 1);
	CHECK_STR(step_for(&p, FACT_IPTABLES)->row->key, "NETD_NAT");
	plan_free(&p);
	found(r, FACT_IPTABLES, KIND_IPTABLES_MODE);
	plan_make(&o, r, &p);
	CHECK(steps_for(&p, FACT_IPTABLES) == 1);
	CHECK(step_for(&p, FACT_IPTABLES)->row->knob == KNOB_IPTABLES_MODE);
	plan_free(&p);
}

TEST(control_plane_alone_needs_no_pause_image)
{
	struct plan_options o = { .data_dir = "/x", .mode = MODE_CONTROL_PLANE };
	struct fact_result *r = fresh();
	struct plan p;

	found(r, FACT_REGISTRY, KIND_REGISTRY_ABSENT);
	plan_make(&o, r, &p);
	CHECK(steps_for(&p, FACT_REGISTRY) == 1 &&
		step_for(&p, FACT_REGISTRY)->row->knob == KNOB_PACKAGED_OFF);
	plan_free(&p);
}

UNIT_MAIN("plan")
