/* Paths as text: cleaning, joining, what lies below what. */
#include <errno.h>
#include <limits.h>
#include <stdlib.h>

#include "base/path.h"
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
	CHECK(path_climbs("..") && path_climbs("/a/../b") && path_climbs("../a") &&
		path_climbs("a/.."));
	CHECK(!path_climbs("/a/b") && !path_climbs("/a/..b") && !path_climbs("/a/b..") &&
		!path_climbs("...") && !path_climbs(""));
}

TEST(within)
{
	CHECK(path_within("/a", "/a") && path_within("/a/b", "/a") && path_within("/a/b", "/a/") &&
		path_within("/x", "/"));
	CHECK(!path_within("/ab", "/a") && !path_within("/", "/a") && !path_within("/a", "/a/b"));
	CHECK(path_within("vm/x", "vm") && !path_within("vmx", "vm"));
}

/* The cases of Go's path/filepath, and what follows from them. */
TEST(clean)
{
	static const struct { const char *in, *want; } cases[] = {
		{ "", "." }, { ".", "." }, { "/", "/" }, { "///", "/" }, { "abc/", "abc" },
		  { "a//b/./c", "a/b/c" },
		{ "/a/../b", "/b" }, { "/..", "/" }, { "/../../a", "/a" }, { "..", ".." },
		  { "../../a", "../../a" },
		{ "a/..", "." }, { "a/../..", ".." }, { "a/../../b/../c", "../c" },
		  { "../a/../..", "../.." },
		{ "...", "..." }, { "/a/b/../../..", "/" }, { "./a", "a" },
	};
	char out[32];

	for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
		CHECK(!path_clean(out, sizeof out, cases[i].in));
		CHECK_STR(out, cases[i].want);
	}
	CHECK(!path_clean(out, 4, "/ab") && path_clean(out, 4, "/abc") == -ENAMETOOLONG &&
		path_clean(out, 1, "") < 0);
}

TEST(name)
{
	CHECK_STR(path_name("/a/b"), "b");
	CHECK_STR(path_name("b"), "b");
	CHECK_STR(path_name("/a/"), "");
	CHECK_STR(path_name(""), "");
}

UNIT_MAIN("path")
