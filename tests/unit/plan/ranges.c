/* Other ranges than k3s's where its own are in use. */
#include "plan/ranges.h"

#include <sched.h>
#include <stdlib.h>

#include "base/io.h"
#include "plan/k3s_args.h"
#include "unit.h"

#define NET(a, b, c, ones) { { 4, { a, b, c } }, ones, 32 }
#define FREE(second, ...) ranges_free(second, (struct cidr[]){ __VA_ARGS__ }, \
	sizeof (struct cidr[]){ __VA_ARGS__ } / sizeof(struct cidr))

TEST(the_first_that_is_free)
{
	CHECK(FREE(42, NET(10, 43, 0, 32), NET(192, 0, 2, 24)) == 42);
	CHECK(FREE(42, NET(10, 42, 3, 24)) == 44);
	CHECK(FREE(43, NET(10, 42, 0, 15), NET(10, 45, 7, 32)) == 47);
	CHECK(FREE(42, NET(10, 42, 0, 16), NET(10, 44, 0, 14)) == 48);
	CHECK(FREE(42, NET(10, 0, 0, 8)) == 42);
	CHECK(FREE(42, { { 16, { 0xfd, 10, 42 } }, 8, 128 }) == 42);
}

static void forget(struct plan_options *o)
{
	free((void *)(uintptr_t)o->range_taken);
	o->range_taken = NULL;
}

TEST(chosen_once_and_kept)
{
	char dir[] = "/tmp/k3sbox-unit-XXXXXX", path[80];
	struct strv user = {0};
	struct plan_options o = { .data_dir = mkdtemp(dir), .args.user = &user };

	if (unshare(CLONE_NEWNET)) return;
	/* a pod's routes */
	if (system("ip link set lo up && ip link add e type bridge && ip link set e up && "
		"ip addr add 10.42.0.5/24 dev e && ip route add 10.42.0.0/16 dev e && "
		"ip link add cni0 type bridge && ip addr add 10.44.0.1/24 dev cni0 && "
		"ip link set cni0 up")) return;
	ranges_choose(&o);
	CHECK_STR(k3s_args_value(&o.args, "cluster-cidr"), "10.44.0.0/16");
	CHECK(!k3s_args_find(&o.args, "cluster-cidr"));
	CHECK(strstr(o.range_taken, "10.42.0.0/16, k3s's cluster-cidr"));
	forget(&o);
	CHECK(!ranges_keep(&o));
	k3s_args_free(&o.args);
	snprintf(path, sizeof path, "%s/server/db", dir);
	CHECK(!io_mkdirs(path, 0700));
	CHECK(!system("ip link del e"));
	ranges_choose(&o);   /* the cluster keeps them */
	CHECK_STR(k3s_args_value(&o.args, "cluster-cidr"), "10.44.0.0/16");
	k3s_args_free(&o.args);
	strv_add(&user, "--cluster-cidr=10.99.0.0/16");
	strv_add(&user, "--service-cidr=10.98.0.0/16");
	o.range_taken = NULL;
	ranges_choose(&o);
	CHECK(!o.args.chosen.n && !o.range_taken);
	strv_free(&user);
	/* Of the user's own, the machine has addresses in one. */
	CHECK(!system("ip link add f type bridge && ip link set f up && "
		"ip addr add fd42:0:0:7::1/64 dev f nodad"));
	strv_add(&user, "--cluster-cidr=10.99.0.0/16,fd42::/56");
	strv_add(&user, "--service-cidr=10.98.0.0/16,fd42:0:0:100::/112");
	ranges_choose(&o);
	CHECK(!o.args.chosen.n && o.range_taken && strstr(o.range_taken, "in fd42::/56, which"));
	forget(&o);
	strv_free(&user);
	io_remove_tree(dir);
}

UNIT_MAIN("ranges")
