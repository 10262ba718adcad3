/* Which names a stand-in may have. */
#include "intercept/view/stand_in.h"

#include "unit.h"

TEST(names_that_a_stand_in_may_have)
{
	struct view v = { .cfg = { .seeds = true } };

	CHECK(stand_in_may_be_named(&v, "pid_max"));
	CHECK(stand_in_may_be_named(&v, "ipv4"));
	CHECK(stand_in_may_be_named(&v, "net"));
	CHECK(!stand_in_may_be_named(&v, "pid"));
	CHECK(!stand_in_may_be_named(&v, "max"));
	CHECK(!stand_in_may_be_named(&v, "thread-self"));
	CHECK(!stand_in_may_be_named(&v, "4711"));
	CHECK(!stand_in_may_be_named(&v, "mountinfo"));
	CHECK(!stand_in_may_be_named(&v, "mnt"));
	CHECK(!stand_in_may_be_named(&v, "memory.stat"));
}

TEST(names_that_each_option_adds)
{
	static struct path_map dir = { "/a", "/b", false, true };
	static struct path_map file = { "/dev/kmsg", "/dev/null", false, false };
	static struct fstype type;
	struct view dirs = { .cfg = { .maps = &dir, .map_n = 1 } };
	struct view files = { .cfg = { .maps = &file, .map_n = 1 } };
	struct view types = { .cfg = { .fstypes = &type, .fstype_n = 1 } };
	struct view cgroup = { .cfg = { .cgroup = true } };
	struct view namespaces = { .cfg = { .namespaces = true } };

	CHECK(stand_in_may_be_named(&dirs, "anything"));
	CHECK(stand_in_may_be_named(&files, "kmsg"));
	CHECK(!stand_in_may_be_named(&files, "dev"));
	CHECK(stand_in_may_be_named(&types, "mountinfo"));
	CHECK(!stand_in_may_be_named(&types, "pid_max"));
	CHECK(stand_in_may_be_named(&cgroup, "cpuacct.usage_percpu"));
	CHECK(!stand_in_may_be_named(&cgroup, "mountinfo"));
	CHECK(stand_in_may_be_named(&namespaces, "mnt"));
	CHECK(!stand_in_may_be_named(&namespaces, "net"));
}

UNIT_MAIN("stand-in")
