/* The real hierarchy, below what cgroupfs shows: finds groups by number, makes and removes them. */
#include "cgroupfs/tree.h"

#include <dirent.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/die.h"
#include "base/io.h"
#include "base/path.h"
#include "base/text.h"
#include "cgroupfs/files.h"
#include "cgroupfs/wire.h"
#include "plan/fix/cgroupfs.h"

enum { NAME_BITS = 24, NUMBER_BITS = 40, DEPTH = 32 };
#define ADDED_OFFSET (INT64_MAX - 64ULL)   /* of the first file that the kernel does not have */

struct tree_group {
	uint64_t number;
	char *path;                /* relative to the root; "" for the root itself */
};

/* ---- numbers ---- */

/* FNV-1a; 0 stands for the group itself. */
static uint64_t hash(const char *name)
{
	uint64_t h = 14695981039346656037ULL;

	for (; *name; name++) h = (h ^ (unsigned char)*name) * 1099511628211ULL;
	h = (h ^ h >> NAME_BITS) & ((1U << NAME_BITS) - 1);
	return h ? h : 1;
}

static uint64_t node_of(const struct tree *t, uint64_t number, const char *name)
{
	if (name) return number << NAME_BITS | hash(name);
	return number == t->root ? WIRE_ROOT : number << NAME_BITS;
}

static bool is_group(uint64_t node)
{
	return node == WIRE_ROOT || !(node & ((1U << NAME_BITS) - 1));
}

static uint64_t number_of(const struct tree *t, uint64_t node)
{
	return node == WIRE_ROOT ? t->root : node >> NAME_BITS;
}

/* ---- groups ---- */

static int join(char out[PATH_MAX], const char *dir, const char *name)
{
	int n = snprintf(out, PATH_MAX, "%s%s%s", dir, *dir ? "/" : "", name);
	return n < PATH_MAX ? 0 : -ENAMETOOLONG;
}

static void forget(struct tree *t, const char *path)
{
	for (size_t i = 0; i < t->n; i++) {
		if (!path_within(t->v[i].path, path)) continue;
		free(t->v[i].path);
		t->v[i--] = t->v[--t->n];
	}
}

static void remember(struct tree *t, uint64_t number, const char *path)
{
	size_t i = 0;

	while (i < t->n && t->v[i].number != number) i++;
	if (i < t->n) free(t->v[i].path);
	else t->v = xrealloc(t->v, ++t->n * sizeof *t->v);
	t->v[i] = (struct tree_group){ number, xstrdup(path) };
}

static DIR *open_group(const char *path)
{
	return opendir(*path ? path : ".");
}

/* All groups below the path. A server that was started anew knows none. */
static void walk(struct tree *t, const char *path, unsigned depth)
{
	_cleanup_closedir_ DIR *d = open_group(path);
	char below[PATH_MAX];
	struct stat st;

	if (!d || depth > DEPTH) return;
	for (struct dirent *e; (e = readdir(d));) {
		if (e->d_type != DT_DIR || path_is_dots(e->d_name)) continue;
		if (join(below, path, e->d_name) < 0 || lstat(below, &st) < 0) continue;
		remember(t, st.st_ino, below);
		walk(t, below, depth + 1);
	}
}

static bool is_known(struct tree *t, uint64_t number, char path[PATH_MAX])
{
	struct stat st;

	for (size_t i = 0; i < t->n; i++) {
		if (t->v[i].number != number) continue;
		snprintf(path, PATH_MAX, "%s", t->v[i].path);
		if (!lstat(path, &st) && st.st_ino == number) return true;
		forget(t, path);
		break;
	}
	return false;
}

/* The path of the group that the node is or lies in. */
static int group_path(struct tree *t, uint64_t node, char path[PATH_MAX])
{
	uint64_t number = number_of(t, node);

	*path = 0;
	if (number == t->root || is_known(t, number, path)) return 0;
	walk(t, "", 0);
	return is_known(t, number, path) ? 0 : -ENOENT;
}

/* Of a name in the group that the node is. */
static int child_path(struct tree *t, uint64_t node, const char *name, char group[PATH_MAX],
	char path[PATH_MAX])
{
	int r = is_group(node) ? group_path(t, node, group) : -ENOTDIR;
	return r < 0 ? r : join(path, group, name);
}

/* ---- files ---- */

static bool is_hidden(const struct tree *t, const char *name)
{
	return t->spare && (!strcmp(name, CGROUPFS_SPARE) || files_keeps_peak(name));
}

static void become_link(struct tree_entry *out)
{
	out->st.st_mode = S_IFLNK | 0777;
	out->st.st_nlink = 1;
	out->st.st_size = 0;
}

/* The row of a file that is missing in the group, and is to be shown there. */
static const struct files_row *added(const struct tree *t, const char *group, const char *name,
	struct stat *beside)
{
	const struct files_row *row = files_find(name);
	char path[PATH_MAX];

	if (!row || ((row->spare || row->peak) && !t->spare)) return NULL;
	return join(path, group, row->beside) < 0 || stat(path, beside) < 0 ? NULL : row;
}

static uint64_t read_number(const char *group, const char *name)
{
	char path[PATH_MAX], text[32];
	uint64_t value = 0;

	if (!join(path, group, name) && !io_read_line(path, text, sizeof text))
		text_number(text, &value);
	return value;
}

/* Best effort: what is stored stays a value that was true once. */
static void write_number(const char *group, const char *name, uint64_t value)
{
	char path[PATH_MAX], text[32];

	snprintf(text, sizeof text, "%llu", (unsigned long long)value);
	if (!join(path, group, name)) io_poke(path, text);
}

static void raise_peak(const char *group, const struct files_row *row)
{
	uint64_t now = read_number(group, row->beside);

	if (now > read_number(group, row->target)) write_number(group, row->target, now);
}

/* A new group has its parent's stored values. */
static void reset_peaks(const struct tree *t, const char *group)
{
	const struct files_row *row;

	for (unsigned i = 0; t->spare && (row = files_at(i)); i++)
		if (row->peak) write_number(group, row->target, 0);
}

/* ---- CPU time of removed groups ----
 * A kernel may forget it (gVisor), and a group's figure would go back when one below it is removed.
 * So what was used is added up for the groups above, and their files are links to a number in a
 * group of the spare group: the kernel's plus that. */
#define USAGE "cpuacct.usage"
#define SUM "cpuacct.usage + removed"   /* in place of the name: another node, another link */
#define CELL_FILE "memory.move_charge_at_immigrate"

/* The group's row, or a free one; NULL: there is none. */
static struct cgroupfs_ended *row_of(const struct tree *t, uint64_t number)
{
	struct cgroupfs_ended *free_row = NULL;

	for (size_t i = 0; t->ended && i < CGROUPFS_ENDED; i++) {
		if (t->ended[i].group == number) return &t->ended[i];
		if (!t->ended[i].group && !free_row) free_row = &t->ended[i];
	}
	return free_row;
}

static int cell_path(const struct tree *t, uint64_t number, char path[PATH_MAX])
{
	int n = t->spare ? snprintf(path, PATH_MAX, "%s/%llu", t->spare,
		(unsigned long long)number) : PATH_MAX;
	return n < PATH_MAX ? 0 : -ENAMETOOLONG;
}

static void add_row(struct tree *t, uint64_t number, uint64_t ns)
{
	struct cgroupfs_ended *row = row_of(t, number);

	if (row && number) *row = (struct cgroupfs_ended){ number, row->ns + ns };
}

/* For the group and all above it. */
static void add_ended(struct tree *t, char *group, uint64_t ns)
{
	for (char *end = group + strlen(group); end; end = strrchr(group, '/')) {
		struct stat st;
		*end = 0;
		add_row(t, lstat(group, &st) < 0 ? 0 : st.st_ino, ns);
	}
	add_row(t, t->root, ns);
}

static void drop_ended(struct tree *t, uint64_t number)
{
	char path[PATH_MAX];
	struct cgroupfs_ended *row = row_of(t, number);

	if (row) *row = (struct cgroupfs_ended){ 0 };
	if (row && !cell_path(t, number, path)) rmdir(path);
}

/* A link is kept for a while only where no group below will be removed: in a container's. */
static void show_sum(const struct tree *t, const char *group, uint64_t number,
	struct tree_entry *out)
{
	struct cgroupfs_ended *row = row_of(t, number);
	char path[PATH_MAX];

	if (!row || !t->spare) return;
	out->fresh = !*group || !read_number(group, "cgroup.procs");
	if (row->group != number || cell_path(t, number, path) < 0) return;
	if (mkdir(path, 0755) < 0 && errno != EEXIST) return;
	write_number(path, CELL_FILE, read_number(group, USAGE) + row->ns);
	out->fresh = true;
	out->node = node_of(t, number, SUM);
}

static bool is_usage(const char *name)
{
	return !strcmp(name, USAGE) || !strcmp(name, USAGE "_percpu");
}

/* Is it the name of the file's node? */
static bool is_named(const char *name, uint64_t node)
{
	return hash(name) == (node & ((1U << NAME_BITS) - 1));
}

/* The name of the file's node in what the kernel has; false: it has none. */
static bool find_file(const char *group, uint64_t node, char path[PATH_MAX])
{
	_cleanup_closedir_ DIR *d = open_group(group);

	for (struct dirent *e; d && (e = readdir(d));)
		if (is_named(e->d_name, node)) return !join(path, group, e->d_name);
	return false;
}

/* ---- what the kernel asks for ---- */

int tree_open(struct tree *t, const char *real, const char *spare)
{
	struct stat st;

	*t = (struct tree){ .real = real, .spare = spare };
	if (chdir(real) < 0 || stat(".", &st) < 0) return -errno;
	t->root = st.st_ino;
	return 0;
}

void tree_close(struct tree *t)
{
	for (size_t i = 0; i < t->n; i++) free(t->v[i].path);
	free(t->v);
}

int tree_lookup(struct tree *t, uint64_t node, const char *name, struct tree_entry *out)
{
	char group[PATH_MAX], path[PATH_MAX];
	int r = child_path(t, node, name, group, path);

	*out = (struct tree_entry){ .node = node_of(t, number_of(t, node), name) };
	if (!r && is_hidden(t, name)) r = -ENOENT;
	if (r < 0) return r;
	if (!lstat(path, &out->st)) {
		if (S_ISDIR(out->st.st_mode)) {
			if (out->st.st_ino >> NUMBER_BITS) return -EOVERFLOW;
			remember(t, out->st.st_ino, path);
			out->node = node_of(t, out->st.st_ino, NULL);
			return 0;
		}
	} else {
		const struct files_row *row = added(t, group, name, &out->st);
		if (!row) return -ENOENT;
		out->fresh = row->peak;
		if (row->peak) raise_peak(group, row);
	}
	become_link(out);
	if (is_usage(name)) show_sum(t, group, number_of(t, node), out);
	return 0;
}

int tree_stat(struct tree *t, uint64_t node, struct tree_entry *out)
{
	char group[PATH_MAX];
	int r = group_path(t, node, group);

	*out = (struct tree_entry){ .node = node };
	if (!r && lstat(*group ? group : ".", &out->st) < 0) r = -errno;
	if (!is_group(node)) become_link(out);
	return r;
}

/* gVisor asks once for each link. */
int tree_link(struct tree *t, uint64_t node, char target[PATH_MAX])
{
	char group[PATH_MAX], path[PATH_MAX];
	const struct files_row *row = NULL;
	struct stat st;
	int r = is_group(node) ? -EINVAL : group_path(t, node, group);

	if (r < 0) return r;
	if (is_named(SUM, node)) {
		r = cell_path(t, number_of(t, node), path);
		return r < 0 ? r : io_join(target, PATH_MAX, path, CELL_FILE);
	}
	if (!find_file(group, node, path)) {
		for (unsigned i = 0; (row = files_at(i)) && !is_named(row->name, node);) i++;
		if (!row || !added(t, group, row->name, &st)) return -ENOENT;
		if (row->spare) return io_join(target, PATH_MAX, t->spare, row->target);
		r = join(path, group, row->target);
	}
	return r < 0 ? r : io_join(target, PATH_MAX, t->real, path);
}

int tree_mkdir(struct tree *t, uint64_t node, const char *name, mode_t mode,
	struct tree_entry *out)
{
	char group[PATH_MAX], path[PATH_MAX];
	int r = child_path(t, node, name, group, path);

	if (r < 0) return r;
	if (mkdir(path, mode & 07777) < 0) return -errno;
	reset_peaks(t, path);
	return tree_lookup(t, node, name, out);
}

int tree_rmdir(struct tree *t, uint64_t node, const char *name)
{
	char group[PATH_MAX], path[PATH_MAX];
	struct stat st;
	int r = child_path(t, node, name, group, path);

	if (!r && is_hidden(t, name)) r = -ENOENT;
	if (!r && lstat(path, &st) < 0) r = -errno;
	if (r < 0) return r;
	uint64_t ns = t->ended ? read_number(path, USAGE) : 0;
	if (rmdir(path) < 0) return -errno;
	forget(t, path);
	if (t->ended) drop_ended(t, st.st_ino);
	if (ns) add_ended(t, group, ns);
	return 0;
}

/* ---- lists ---- */

static void list_added(struct tree *t, const char *group, uint64_t node, uint64_t offset,
	tree_each *fn, void *arg)
{
	uint64_t number = number_of(t, node);
	const struct files_row *row;
	char path[PATH_MAX];
	struct stat st;

	for (unsigned i = offset < ADDED_OFFSET ? 0 : (unsigned)(offset - ADDED_OFFSET);
	     (row = files_at(i)); i++) {
		if (join(path, group, row->name) < 0) continue;
		if (!lstat(path, &st)) continue;
		if (!added(t, group, row->name, &st)) continue;
		if (!fn(arg, node_of(t, number, row->name), ADDED_OFFSET + i + 1, row->name, false))
			return;
	}
}

/* Offsets of the kernel's own entries are the kernel's own. */
int tree_list(struct tree *t, uint64_t node, uint64_t offset, tree_each *fn, void *arg)
{
	char group[PATH_MAX];
	int r = is_group(node) ? group_path(t, node, group) : -ENOTDIR;
	_cleanup_closedir_ DIR *d = r < 0 ? NULL : open_group(group);

	if (!d) return r < 0 ? r : -errno;
	if (offset) seekdir(d, (long)offset);
	for (struct dirent *e; offset < ADDED_OFFSET && (e = readdir(d));) {
		bool is_dir = e->d_type == DT_DIR;
		uint64_t shown = node_of(t, is_dir ? e->d_ino : number_of(t, node),
			is_dir ? NULL : e->d_name);
		if (path_is_dots(e->d_name) || is_hidden(t, e->d_name)) continue;
		if (!fn(arg, shown, (uint64_t)e->d_off, e->d_name, is_dir)) return 0;
	}
	list_added(t, group, node, offset, fn, arg);
	return 0;
}
