/* Limits that are raised and set back, in a user namespace, whose root has some of its own. */
#include "plan/fix/limits.h"

#include <sched.h>
#include <sys/mount.h>
#include <unistd.h>

#include "base/io.h"
#include "unit.h"

#define INSTANCES "user/max_inotify_instances"
#define WATCHES "user/max_inotify_watches"

static bool own_namespaces(void)
{
	char map[32];

	snprintf(map, sizeof map, "0 %d 1", (int)geteuid());
	return !unshare(CLONE_NEWUSER | CLONE_NEWNS) && !io_poke("/proc/self/uid_map", map) &&
		!mount("none", "/run", "tmpfs", 0, NULL) && !io_mkdirs(K3SBOX_RUN, 0700) &&
		!io_poke("/proc/sys/" INSTANCES, "20") && !io_poke("/proc/sys/" WATCHES, "600000");
}

TEST(raised_and_set_back)
{
	struct plan_options o = { .data_dir = "/x" };
	struct plan_step s = { .row = &step_rows[STEP_INOTIFY_RAISED] };
	struct err e = {0};

	if (!own_namespaces()) return;
	CHECK(limits_can_raise(FACT_INOTIFY));
	CHECK(!limits_raise(&o, &s, &e) && !limits_raise(&o, &s, &e));
	/* what is higher stays */
	CHECK(!limits_can_raise(FACT_INOTIFY));
	CHECK(limits_read(INSTANCES) == 8192 && limits_read(WATCHES) == 600000);
	CHECK(!limits_restore(&o, NULL, &e) && limits_read(INSTANCES) == 20);
	CHECK(!limits_restore(&o, NULL, &e) && limits_read(WATCHES) == 600000);
	CHECK(!limits_raise(&o, &s, &e) && !io_poke("/proc/sys/" INSTANCES, "100"));
	CHECK(!limits_restore(&o, NULL, &e));
	CHECK(limits_read(INSTANCES) == 100);   /* another has changed it */
}

UNIT_MAIN("limits")
