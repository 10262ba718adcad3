/* What the root group of version 2 has and passes on, and the list of its processes. */
#include "plan/fix/cgroup2.h"

#include "unit.h"

/* The controllers that are missing, with a comma behind each. */
static const char *missing(const char *controllers, const char *enabled)
{
	static char out[128];
	struct cgroup2_root root = {0};
	const char *name;
	size_t i = 0;

	snprintf(root.controllers, sizeof root.controllers, "%s", controllers);
	snprintf(root.enabled, sizeof root.enabled, "%s", enabled);
	for (*out = 0; (name = cgroup2_missing(&root, &i));)
		snprintf(out + strlen(out), sizeof out - strlen(out), "%s,", name);
	return out;
}

TEST(controllers_that_are_not_passed_on)
{
	CHECK_STR(missing("", ""), "");
	CHECK_STR(missing("cpuset cpu io memory hugetlb pids", ""), "cpu,cpuset,memory,pids,");
	CHECK_STR(missing("cpuset cpu io memory pids", "cpuset cpu memory pids"), "");
	CHECK_STR(missing("cpuset cpu memory pids", "cpuset"), "cpu,memory,pids,");
	CHECK_STR(missing("memory pids", "memory"), "pids,");
	CHECK_STR(missing("cpuset", ""), "cpuset,");
	CHECK_STR(missing("xcpu cpux", ""), "");
}

TEST(processes_of_a_group)
{
	const char *text = "1\n42\n0\n4194304\n", *p = text;

	CHECK(cgroup2_next_pid(&p) == 1 && cgroup2_next_pid(&p) == 42);
	CHECK(cgroup2_next_pid(&p) == 0 && cgroup2_next_pid(&p) == 4194304);
	CHECK(cgroup2_next_pid(&p) == -1 && cgroup2_next_pid(&p) == -1);
	p = "";
	CHECK(cgroup2_next_pid(&p) == -1);
	p = "junk";
	CHECK(cgroup2_next_pid(&p) == -1);
}

UNIT_MAIN("cgroup2")
