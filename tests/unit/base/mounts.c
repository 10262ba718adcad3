/* The mount table, and what is read from it. */
#include "base/mounts.h"

#include <stdlib.h>

#include "unit.h"

static struct mounts parse(const char *text)
{
	struct mounts m;
	mounts_parse(&m, strdup(text));
	return m;
}

TEST(fields_and_tags)
{
	struct mounts m = parse(
		"36 35 98:0 /mnt1 /mnt2 rw,noatime shared:7 master:1 - ext3 /dev/root "
		"rw,errors=continue\n"
		"22 18 0:22 / /proc rw - proc none rw,dentry_cache_limit=1000\n");
	CHECK(m.n == 2);
	CHECK_STR(m.v[0].root, "/mnt1");
	CHECK_STR(m.v[0].point, "/mnt2");
	CHECK_STR(m.v[0].type, "ext3");
	CHECK_STR(m.v[0].source, "/dev/root");
	CHECK_STR(m.v[0].super, "rw,errors=continue");
	CHECK(m.v[0].major == 98 && m.v[0].minor == 0 && m.v[0].shared);
	CHECK(!m.v[1].shared);
	mounts_free(&m);
}

TEST(served)
{
	struct mounts m =
		parse("1 1 0:1 / /a rw - fuse.fuse-overlayfs x rw\n2 1 0:2 / /b rw - fusectl x "
		"rw\n3 1 0:3 / /c rw - fuse x rw\n");
	CHECK(m.n == 3 && mounts_is_served(&m.v[0]) && !mounts_is_served(&m.v[1]) &&
		mounts_is_served(&m.v[2]));
	mounts_free(&m);
}

TEST(escapes)
{
	struct mounts m = parse("1 1 0:1 / /a\\040b\\011c\\134d\\012e rw - tmpfs no\\040ne rw\n");
	CHECK(m.n == 1);
	CHECK_STR(m.v[0].point, "/a b\tc\\d\ne");
	CHECK_STR(m.v[0].source, "no ne");
	mounts_free(&m);
}

TEST(what_makes_no_sense_is_left_out)
{
	struct mounts m =
		parse("\n1\n1 2 x / / rw - a b c\n1 1 0:1 / / rw a b c d e f\n1 1 0:1 / /ok rw - "
		"t s\n1 1 0:1 / /tail rw - t s o");
	CHECK(m.n == 2);
	CHECK_STR(m.v[0].point, "/ok");
	CHECK_STR(m.v[0].super, "");
	CHECK_STR(m.v[1].point, "/tail");
	mounts_free(&m);
	m = parse("");
	CHECK(!m.n && !mounts_at(&m, "/"));
	mounts_free(&m);
}

TEST(topmost_mount_wins)
{
	struct mounts m =
		parse("1 1 0:1 / /a rw - tmpfs x rw\n2 1 0:2 / /a rw - ext4 y rw\n3 1 0:3 / /ab "
		"rw - xfs z rw\n");
	CHECK_STR(mounts_at(&m, "/a")->type, "ext4");
	CHECK(!mounts_at(&m, "/abc"));
	mounts_free(&m);
}

TEST(options_are_words)
{
	CHECK(mounts_has_option("rw,cpu,cpuacct", "cpu") && mounts_has_option("cpu", "cpu") &&
		mounts_has_option("rw,cpuacct", "cpuacct"));
	CHECK(!mounts_has_option("rw,cpuacct", "cpu") && !mounts_has_option("", "cpu") &&
		!mounts_has_option("xcpu", "cpu"));
}

UNIT_MAIN("mounts")
