/* Which names a stand-in may have. */
#include "intercept/view/stand_in.h"

#include <stdio.h>
#include <string.h>
#include <unistd.h>

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
	static struct path_map dir = { "/a", "/b", false, false };
	static struct path_map file = { "/dev/kmsg", "/dev/null", false, true };
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

/* Each path for which something stands in must have a name that may be. */
static void check_names(struct view *v, const char *path)
{
	struct tracee self = { .tid = getpid() };
	char up[256];
	struct stand_in s;

	snprintf(up, sizeof up, "%s", path);
	for (char *slash; (slash = strrchr(up, '/')) > up; *slash = 0)
		if (stand_in_find(v, &self, up, &s)) CHECK(stand_in_may_be_named(v, slash + 1));
}

TEST(every_stand_in_has_such_a_name)
{
	static const char *const paths[] = { "/proc/self/mountinfo", "/proc/mounts", "/proc/cgroups",
		"/proc/self/cgroup", "/proc/self/ns/mnt", "/proc/self/ns/ipc", "/proc/1/ns/uts",
		"/dev/kmsg" };
	static struct path_map file = { "/dev/kmsg", "/dev/null", false, true };
	static struct fstype type;
	static const char *controllers[] = { "cpuset" };
	struct view v = { .cfg = { .seeds = true, .cgroup = true, .namespaces = true, .maps = &file,
		.map_n = 1, .fstypes = &type, .fstype_n = 1, .controllers = controllers,
		.controller_n = 1 } };
	char path[256];

	for (size_t i = 0; i < seed_count; i++) {
		snprintf(path, sizeof path, PROC_SYS "/%s", seeds[i].path);
		check_names(&v, path);
	}
	for (size_t i = 0; i < sizeof paths / sizeof *paths; i++) check_names(&v, paths[i]);
}

UNIT_MAIN("stand-in")
