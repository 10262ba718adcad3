#include "intercept/view/cgroups.h"
#include "unit.h"

static const char *const names[] = { "pids", "devices" };
static struct buf out;

static const char *text(void)
{
	return out.data ? out.data : "";
}

TEST(process)
{
	static const char have[] = "3:cpu,cpuacct:/a:b\n2:pids:/\n";

	buf_reset(&out);
	cgroups_of_process(have, strlen(have), names, 2, &out);
	CHECK_STR(text(), "3:cpu,cpuacct:/a:b\n2:pids:/\n101:devices:/a:b\n");
	buf_reset(&out);
	cgroups_of_process("0::/\n", 5, names, 1, &out);
	CHECK_STR(text(), "0::/\n100:pids:/\n");
	buf_reset(&out);
	cgroups_of_process("", 0, names, 2, &out);
	CHECK_STR(text(), "");
	buf_reset(&out);
	cgroups_of_process("xpids", 5, names, 1, &out);
	CHECK(out.len > 5);   /* no line feed, no colon: nothing is read beyond it */
}

TEST(kernel)
{
	static const char have[] = "#subsys_name\thierarchy\tnum_cgroups\tenabled\npids\t1\t2\t1\n";

	buf_reset(&out);
	cgroups_of_kernel(have, strlen(have), names, 2, &out);
	CHECK_STR(text(), "#subsys_name\thierarchy\tnum_cgroups\tenabled\n"
		"pids\t1\t2\t1\ndevices\t101\t1\t1\n");
}

TEST(mounts)
{
	static const char info[] = "1 0 0:1 / /sys/fs/cgroup/pids rw  - cgroup none rw,cpu\n2 0 "
		"0:1 / /x/pids rw - tmpfs none rw\n"
		"3 0 0:1 / /sys/fs/cgroup/cpu rw - cgroup none rw,cpu\n";

	buf_reset(&out);
	cgroups_in_mounts(info, strlen(info), true, names, 2, &out);
	CHECK_STR(text(), "1 0 0:1 / /sys/fs/cgroup/pids rw  - cgroup none rw,pids\n2 0 0:1 / "
		"/x/pids rw - tmpfs none rw\n"
		"3 0 0:1 / /sys/fs/cgroup/cpu rw - cgroup none rw,cpu\n");
	static const char table[] = "none /sys/fs/cgroup/devices cgroup rw,cpu 0 0\nnone /devices "
		"tmpfs rw 0 0\n";
	buf_reset(&out);
	cgroups_in_mounts(table, strlen(table), false, names, 2, &out);
	CHECK_STR(text(), "none /sys/fs/cgroup/devices cgroup rw,devices 0 0\nnone /devices tmpfs "
		"rw 0 0\n");
}

TEST(files)
{
	CHECK(cgroup_file_find("cpuacct.usage_percpu", NULL, 0));
	CHECK(!cgroup_file_find("devices.allow", NULL, 0));
	CHECK(cgroup_file_find("devices.allow", names, 2)->writable);
	CHECK(!cgroup_file_find("memory.limit_in_bytes", names, 2));
}

UNIT_MAIN("cgroup tables")
