/* cgroupfs/tree.c, over directories that look as a hierarchy of gVisor does. */
#include "cgroupfs/tree.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/io.h"
#include "plan/fix/cgroupfs.h"
#include "unit.h"

#define PEAK "memory.move_charge_at_immigrate"

static char root[64], real[80], spare[80];
static struct tree shown;

static void put(const char *name, const char *text)
{
	char path[PATH_MAX];

	snprintf(path, sizeof path, "%s/%s", real, name);
	int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0644);
	if (fd < 0 || io_write_fd(fd, text, strlen(text)) < 0) abort();
	close(fd);
}

static const char *get(const char *name)
{
	static char line[64];
	char path[PATH_MAX];

	snprintf(path, sizeof path, "%s/%s", real, name);
	return io_read_line(path, line, sizeof line) < 0 ? NULL : line;
}

static void make_group(const char *name)
{
	char path[PATH_MAX];

	snprintf(path, sizeof path, "%s/%s", real, name);
	if (mkdir(path, 0755) < 0 && errno != EEXIST) abort();
	static const char *const files[] = { "cgroup.procs", "memory.usage_in_bytes", PEAK };
	for (size_t i = 0; i < 3; i++) {
		snprintf(path, sizeof path, "%s/%s", name, files[i]);
		put(path, "0\n");
	}
}

static void begin(bool with_spare)
{
	strcpy(root, "/tmp/k3sbox-tree-XXXXXX");
	if (!mkdtemp(root)) abort();
	snprintf(real, sizeof real, "%s/h", root);
	snprintf(spare, sizeof spare, "/spare");
	if (mkdir(real, 0755) < 0) abort();
	make_group(".");
	put("cpuacct.usage", "5\n");
	if (with_spare) make_group(".k3sbox");
	CHECK(!tree_open(&shown, real, with_spare ? spare : NULL));
}

static void end(void)
{
	tree_close(&shown);
	io_remove_tree(root);
}

static const char *link_of(uint64_t dir, const char *name)
{
	static char target[PATH_MAX];
	struct tree_entry e;
	size_t n = strlen(real);

	if (tree_lookup(&shown, dir, name, &e) < 0 || !S_ISLNK(e.st.st_mode)) return NULL;
	if (tree_link(&shown, e.node, target) < 0) return NULL;
	return strncmp(target, real, n) ? target : target + n;
}

TEST(files_are_links_to_real_ones)
{
	begin(true);
	CHECK_STR(link_of(1, "cgroup.procs"), "/cgroup.procs");
	CHECK_STR(link_of(1, "memory.usage_in_bytes"), "/memory.usage_in_bytes");
	CHECK_STR(link_of(1, "cpuacct.usage_percpu"), "/cpuacct.usage");
	CHECK_STR(link_of(1, "memory.stat"), "/spare/cgroup.procs");
	CHECK_STR(link_of(1, "memory.failcnt"), "/spare/" PEAK);
	CHECK_STR(link_of(1, "memory.max_usage_in_bytes"), "/" PEAK);
	CHECK(!link_of(1, "memory.numa_stat"));
	end();
}

TEST(the_kernels_own_file_comes_first)
{
	begin(true);
	put("memory.stat", "cache 1\n");
	CHECK_STR(link_of(1, "memory.stat"), "/memory.stat");
	end();
}

TEST(the_spare_group_and_what_stores_peaks_do_not_show)
{
	struct tree_entry e;

	begin(true);
	CHECK(tree_lookup(&shown, 1, ".k3sbox", &e) == -ENOENT);
	CHECK(tree_rmdir(&shown, 1, ".k3sbox") == -ENOENT);
	CHECK(tree_lookup(&shown, 1, PEAK, &e) == -ENOENT);
	end();
	begin(false);
	CHECK(!tree_lookup(&shown, 1, PEAK, &e));
	CHECK(tree_lookup(&shown, 1, "memory.stat", &e) == -ENOENT);
	CHECK(tree_lookup(&shown, 1, "memory.max_usage_in_bytes", &e) == -ENOENT);
	end();
}

TEST(a_peak_grows_with_lookups_alone)
{
	struct tree_entry e;

	begin(true);
	put("memory.usage_in_bytes", "300\n");
	CHECK(!tree_lookup(&shown, 1, "memory.max_usage_in_bytes", &e) && e.fresh);
	CHECK_STR(get(PEAK), "300");
	put("memory.usage_in_bytes", "200\n");
	CHECK(!tree_lookup(&shown, 1, "memory.max_usage_in_bytes", &e));
	CHECK_STR(get(PEAK), "300");
	end();
}

TEST(groups_are_made_found_and_removed)
{
	struct tree_entry a, b, c;

	begin(true);
	CHECK(!tree_mkdir(&shown, 1, "a", 0755, &a) && S_ISDIR(a.st.st_mode));
	CHECK(tree_mkdir(&shown, 1, "a", 0755, &c) == -EEXIST);
	CHECK(!tree_mkdir(&shown, a.node, "b", 0700, &b) && (b.st.st_mode & 0777) == 0700);
	CHECK(!tree_lookup(&shown, a.node, "b", &c) && c.node == b.node);
	CHECK(!tree_stat(&shown, b.node, &c) && S_ISDIR(c.st.st_mode));
	CHECK(tree_rmdir(&shown, 1, "a") == -ENOTEMPTY);
	CHECK(!tree_rmdir(&shown, a.node, "b") && tree_stat(&shown, b.node, &c) == -ENOENT);
	CHECK(!tree_rmdir(&shown, 1, "a") && tree_stat(&shown, a.node, &c) == -ENOENT);
	CHECK(tree_lookup(&shown, a.node, "b", &c) == -ENOENT);
	CHECK(tree_rmdir(&shown, 1, "cgroup.procs") == -ENOTDIR);
	end();
}

TEST(a_peak_is_not_inherited)
{
	struct tree_entry a;

	begin(true);
	make_group("a");
	put("a/" PEAK, "77\n");
	/* What tree_mkdir() does to a group whose files are there at once. */
	CHECK(!tree_mkdir(&shown, 1, "b", 0755, &a));
	CHECK(!get("b/" PEAK));
	end();
}

TEST(nodes_mean_the_same_to_the_next_server)
{
	struct tree_entry a, b, file, added;
	char target[PATH_MAX];

	begin(true);
	make_group("a");
	make_group("a/b");
	CHECK(!tree_lookup(&shown, 1, "a", &a) && !tree_lookup(&shown, a.node, "b", &b));
	CHECK(!tree_lookup(&shown, b.node, "cgroup.procs", &file));
	CHECK(!tree_lookup(&shown, b.node, "memory.max_usage_in_bytes", &added));
	tree_close(&shown);
	CHECK(!tree_open(&shown, real, spare));
	CHECK(!tree_link(&shown, file.node, target));
	CHECK_STR(target + strlen(real), "/a/b/cgroup.procs");
	CHECK(!tree_link(&shown, added.node, target));
	CHECK_STR(target + strlen(real), "/a/b/" PEAK);
	CHECK(!tree_stat(&shown, b.node, &a) && S_ISDIR(a.st.st_mode));
	end();
}

TEST(what_is_removed_behind_its_back_is_noticed)
{
	struct tree_entry a, b;
	char path[PATH_MAX];

	begin(true);
	CHECK(!tree_mkdir(&shown, 1, "a", 0755, &a));
	snprintf(path, sizeof path, "%s/a", real);
	CHECK(!rmdir(path) && !mkdir(path, 0755));
	CHECK(!tree_lookup(&shown, 1, "a", &b));
	CHECK(a.node == b.node || tree_stat(&shown, a.node, &b) == -ENOENT);
	end();
}

TEST(nodes_that_never_were_are_refused)
{
	struct tree_entry e;
	char target[PATH_MAX];

	begin(true);
	CHECK(tree_stat(&shown, 0, &e) == -ENOENT);
	CHECK(tree_stat(&shown, UINT64_MAX, &e) == -ENOENT);
	CHECK(tree_link(&shown, 1, target) == -EINVAL);
	CHECK(!tree_lookup(&shown, 1, "cgroup.procs", &e));
	CHECK(tree_lookup(&shown, e.node, "x", &e) == -ENOTDIR);
	CHECK(tree_list(&shown, 3 << 25, 0, NULL, NULL) == -ENOENT);
	end();
}

struct seen { char names[2048]; uint64_t next; unsigned n, max; };

static bool see(void *arg, uint64_t node, uint64_t next, const char *name, bool is_dir)
{
	struct seen *s = arg;

	if (s->n++ == s->max) return false;
	s->next = next;
	if (!node) abort();
	snprintf(s->names + strlen(s->names), sizeof s->names - strlen(s->names), "%s%s,", name,
		is_dir ? "/" : "");
	return true;
}

TEST(lists_have_every_name_once_whatever_their_pages)
{
	static const char *const names[] = { "a/,", "cgroup.procs,", "memory.stat,",
		"memory.failcnt,", "cpuacct.usage_percpu,", "memory.max_usage_in_bytes," };

	begin(true);
	make_group("a");
	for (unsigned page = 1; page < 20; page++) {
		struct seen s = { .max = page };
		while (s.n = 0, !tree_list(&shown, 1, s.next, see, &s) && s.n > s.max) ;
		for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
			const char *at = strstr(s.names, names[i]);
			CHECK(at && !strstr(at + 1, names[i]));
		}
		CHECK(!strstr(s.names, ".k3sbox") && !strstr(s.names, PEAK));
	}
	end();
}

/* What rmdir(2) adds is seen in gVisor alone (tests/cgroupfs.test): elsewhere a directory with a file
 * is not removed. */
TEST(what_was_used_in_removed_groups_is_added)
{
	static struct cgroupfs_ended ended[CGROUPFS_ENDED];
	char cells[100], cell[100], want[160];
	struct tree_entry e;
	struct stat st;

	begin(true);
	make_group("pod");
	put("pod/cpuacct.usage", "30\n");
	CHECK(!tree_lookup(&shown, 1, "pod", &e));
	CHECK_STR(link_of(e.node, "cpuacct.usage"), "/pod/cpuacct.usage");
	snprintf(cells, sizeof cells, "%s/.k3sbox", real);
	snprintf(cell, sizeof cell, "%s/pod", real);
	CHECK(!stat(cell, &st));
	snprintf(cell, sizeof cell, ".k3sbox/%llu", (unsigned long long)st.st_ino);
	make_group(cell);
	shown.spare = cells;
	shown.ended = ended;
	CHECK_STR(link_of(e.node, "cpuacct.usage"), "/pod/cpuacct.usage");
	ended[1] = (struct cgroupfs_ended){ st.st_ino, 12 };
	snprintf(want, sizeof want, "/%s/" PEAK, cell);
	CHECK_STR(link_of(e.node, "cpuacct.usage"), want);
	CHECK_STR(get(want), "42");
	put("pod/cpuacct.usage", "31\n");
	CHECK_STR(link_of(e.node, "cpuacct.usage_percpu"), want);
	CHECK_STR(get(want), "43");
	CHECK_STR(link_of(1, "cpuacct.usage"), "/cpuacct.usage");
	end();
}

UNIT_MAIN("cgroupfs tree")
