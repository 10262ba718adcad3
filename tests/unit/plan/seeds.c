#include "plan/seeds.h"

#include <errno.h>

#include "unit.h"

static int write_to(const char *path, const char *text)
{
	return seed_check_write(seed_find(path), text, strlen(text));
}

TEST(paths_are_unique_and_relative)
{
	for (size_t i = 0; i < seed_count; i++) {
		CHECK(seeds[i].path[0] != '/' && !strstr(seeds[i].path, "..") &&
			!strstr(seeds[i].path, "//"));
		CHECK(seed_find(seeds[i].path) == &seeds[i]);
		CHECK(seeds[i].who && seeds[i].why);
	}
	CHECK(!seed_find("vm/panic_on_oo") && !seed_find("vm/panic_on_oom2") && !seed_find(""));
}

TEST(values_end_in_a_newline_and_would_be_accepted)
{
	for (size_t i = 0; i < seed_count; i++) {
		char v[256];
		size_t n = seed_value(&seeds[i], v, sizeof v);
		CHECK(n > 1 && v[n - 1] == '\n' && !v[n]);
		if (seeds[i].min <= seeds[i].max) CHECK(seed_check_write(&seeds[i], v, n) == 0);
	}
}

TEST(value_is_cut_not_overrun)
{
	char v[4] = "xxx";
	CHECK(seed_value(seed_find("kernel/keys/root_maxbytes"), v, sizeof v) == 3);
	CHECK_STR(v, "250");
}

TEST(kubelet_values)
{
	/* container_manager_linux.go setupKernelTunables, util/sysctl */
	static const struct { const char *path, *value; } want[] = {
		{ "vm/overcommit_memory", "1" }, { "vm/panic_on_oom", "0" },
			{ "kernel/panic", "10" }, { "kernel/panic_on_oops", "1" },
		{ "kernel/keys/root_maxkeys", "1000000" },
			{ "kernel/keys/root_maxbytes", "25000000" },
	};
	for (size_t i = 0; i < sizeof want / sizeof *want; i++)
		CHECK_STR(seed_find(want[i].path)->value, want[i].value);
}

TEST(writes_are_checked_like_the_kernel_does)
{
	CHECK(write_to("vm/overcommit_memory", "2\n") == 0);
	CHECK(write_to("vm/overcommit_memory", "  1") == 0);
	CHECK(write_to("vm/overcommit_memory", "3") == -EINVAL);
	CHECK(write_to("vm/overcommit_memory", "-1") == -EINVAL);
	CHECK(write_to("vm/overcommit_memory", "") == -EINVAL);
	CHECK(write_to("vm/overcommit_memory", "\n") == -EINVAL);
	CHECK(write_to("vm/overcommit_memory", "1x") == -EINVAL);
	CHECK(write_to("vm/overcommit_memory", "one") == -EINVAL);
	CHECK(write_to("kernel/panic", "-1") == 0);
	CHECK(write_to("kernel/panic", "2147483647") == 0);
	CHECK(write_to("kernel/panic", "2147483648") == -EINVAL);
	CHECK(write_to("kernel/panic", "99999999999999999999") == -EINVAL);
	CHECK(write_to("kernel/cap_last_cap", "40") == -EPERM);
	CHECK(write_to("net/ipv4/ping_group_range", "0\t10") == 0);
	CHECK(write_to("net/ipv4/ping_group_range", "0") == -EINVAL);
}

UNIT_MAIN("seeds")
