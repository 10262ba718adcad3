#include <errno.h>
#include <limits.h>
#include <stdlib.h>

#include "intercept/view/path.h"
#include "unit.h"

static const char *joined(const char *base, const char *in)
{
	static char out[PATH_MAX];
	return path_join(out, base, in) < 0 ? "error" : out;
}

TEST(join)
{
	CHECK_STR(joined("/", ""), "/");
	CHECK_STR(joined("/", "/"), "/");
	CHECK_STR(joined("/", "//a///b/./c/"), "/a/b/c");
	CHECK_STR(joined("/proc", "sys/vm"), "/proc/sys/vm");
	CHECK_STR(joined("/proc/", "./sys"), "/proc/sys");
	CHECK_STR(joined("/a/b", "../../../../c"), "/c");
	CHECK_STR(joined("/a/b", ".."), "/a");
	CHECK_STR(joined("/a", "/b/../c"), "/c");
	CHECK_STR(joined("/a", "..."), "/a/...");
	CHECK_STR(joined("/a", "..b/.c"), "/a/..b/.c");
	CHECK_STR(joined("a", "b"), "error");
	CHECK_STR(joined("", "b"), "error");
}

TEST(too_long)
{
	char *in = malloc(2 * PATH_MAX), out[PATH_MAX];

	memset(in, 'x', 2 * PATH_MAX);
	in[PATH_MAX - 2] = 0;
	CHECK(path_join(out, "/", in) == 0 && strlen(out) == PATH_MAX - 1);
	in[PATH_MAX - 2] = 'x';
	in[PATH_MAX - 1] = 0;
	CHECK(path_join(out, "/", in) == -ENAMETOOLONG);
	free(in);
}

TEST(components)
{
	CHECK_STR(path_below("/proc/sys/vm", "/proc/sys"), "vm");
	CHECK_STR(path_below("/proc/sys", "/proc/sys"), "");
	CHECK_STR(path_below("/proc/sys", "/"), "proc/sys");
	CHECK_STR(path_below("/", "/"), "");
	CHECK(!path_below("/proc/sysvipc", "/proc/sys"));
	CHECK(!path_below("/rootfs/proc/sys", "/proc/sys"));
	CHECK(!path_below("/proc", "/proc/sys"));
	CHECK_STR(path_below("net/ipv4/x", "net"), "ipv4/x");
	CHECK(!path_below("network", "net"));
}

TEST(climbs)
{
	CHECK(path_climbs("..") && path_climbs("/a/../b") && path_climbs("../a")
		&& path_climbs("a/.."));
	CHECK(!path_climbs("/a/b") && !path_climbs("/a/..b") && !path_climbs("/a/b..")
		&& !path_climbs("...") && !path_climbs(""));
}

TEST(proc)
{
	int pid = -1;

	CHECK_STR(path_proc("/proc/self/mountinfo", &pid), "mountinfo");
	CHECK(pid == 0);
	CHECK_STR(path_proc("/proc/thread-self/fd/3", &pid), "fd/3");
	CHECK_STR(path_proc("/proc/12/fd/3", &pid), "fd/3");
	CHECK(pid == 12);
	CHECK_STR(path_proc("/proc/12/task/13/mounts", &pid), "mounts");
	CHECK(pid == 13);
	CHECK_STR(path_proc("/proc/self/task/7/mounts", &pid), "mounts");
	CHECK(pid == 7);
	CHECK_STR(path_proc("/proc/self", &pid), "");
	CHECK_STR(path_proc("/proc/self/task", &pid), "task");
	CHECK(!path_proc("/proc/selfish/x", &pid) && !path_proc("/proc/sys", &pid)
		&& !path_proc("/proc", &pid));
	CHECK(!path_proc("/proc/0/x", &pid) && !path_proc("/proc/99999999999/x", &pid)
		&& !path_proc("/proc/12x/y", &pid));
	CHECK(!path_proc("/procs/1/y", &pid) && !path_proc("/a", &pid));
}

UNIT_MAIN("path")
