/* Names of processes' files in /proc. */
#include "intercept/view/path.h"
#include "unit.h"

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

UNIT_MAIN("proc-path")
