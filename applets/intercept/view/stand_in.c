/* What stands in for which path, and what is in it. */
#include "intercept/view/stand_in.h"

#include <dirent.h>
#include <errno.h>
#include <linux/magic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/vfs.h>
#include <time.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/io.h"
#include "base/path.h"
#include "intercept/trace/hash.h"
#include "intercept/view/cgroups.h"
#include "intercept/view/path.h"
#include "intercept/view/root.h"

enum { COPY_MAX = 64 << 20 };

/* ---- which path ---- */

static bool take(struct stand_in *s, enum stand_in_kind kind, const char *path, bool at_once)
{
	s->kind = kind;
	s->at_once = at_once;
	snprintf(s->path, sizeof s->path, "%s", path);
	return true;
}

/* A value that the kernel's own file refused is ours from then on. */
static bool was_refused(struct view *v, struct tracee *t, const struct seed *seed)
{
	if (!v->store.n) return false;
	uint64_t ns = store_per_net(seed) ? tracee_net_ns(t) : 0;
	const struct store_value *value = store_find(&v->store, seed, ns);
	return value && value->real_refused;
}

static bool find_seed(struct view *v, struct tracee *t, const char *path, struct stand_in *s)
{
	const char *name = path_below(path, PROC_SYS);

	if (!name || !*name) return false;
	s->seed = seed_find(name);
	if (s->seed) return take(s, STAND_IN_SEED, path, was_refused(v, t, s->seed));
	for (size_t i = 0; i < seed_count; i++)
		if (path_below(seeds[i].path, name)) return take(s, STAND_IN_SEED_DIR, path, false);
	return false;
}

static bool find_map(const struct view *v, const char *path, struct stand_in *s)
{
	struct stat st;

	for (size_t i = 0; i < v->cfg.map_n; i++) {
		const struct path_map *m = &v->cfg.maps[i];
		const char *rest = path_below(path, m->from);
		if (!rest || path_join(s->target, m->to, rest) < 0) continue;
		if (lstat(s->target, &st) == 0) return take(s, STAND_IN_MAP, path, m->over);
	}
	return false;
}

/* Directly below /proc, or in the directory of a process. */
static const struct proc_table { const char *name; bool mounts, in_proc, in_pid; } tables[] = {
	{ "mountinfo", .mounts = true, .in_pid = true },
	{ "mounts", .mounts = true, .in_proc = true, .in_pid = true },
	{ "cgroup", .in_pid = true },
	{ "cgroups", .in_proc = true },
};

static bool find_table(const struct view *v, const char *path, struct stand_in *s)
{
	int pid;
	const char *rest = path_proc(path, &pid);
	bool in_pid = rest;

	if (!rest) rest = path_below(path, "/proc");
	for (size_t i = 0; rest && i < sizeof tables / sizeof *tables; i++) {
		const struct proc_table *table = &tables[i];
		size_t rules = v->cfg.controller_n + (table->mounts ? v->cfg.fstype_n : 0);
		if (!rules || strcmp(rest, table->name)) continue;
		if (!(in_pid ? table->in_pid : table->in_proc)) continue;
		s->table = table->name;
		return take(s, STAND_IN_TABLE, path, true);
	}
	return false;
}

static bool find_control_file(struct view *v, struct tracee *t, const char *path,
	struct stand_in *s)
{
	char dir[PATH_MAX], ours[PATH_MAX];
	struct statfs fs;
	const char *base = strrchr(path, '/');

	s->file = cgroup_file_find(base + 1, v->cfg.controllers, v->cfg.controller_n);
	if (!s->file) return false;
	snprintf(dir, sizeof dir, "%.*s", (int)(base - path), path);
	if (root_name(v, t, dir, ours) < 0 || statfs(ours, &fs) < 0) return false;
	return fs.f_type == CGROUP_SUPER_MAGIC && take(s, STAND_IN_CGROUP, path, false);
}

static const char *const ns_names[] = { "mnt", "ipc", "uts" };
enum { NS_NAMES = sizeof ns_names / sizeof *ns_names };

/* A kernel without such namespaces has no files for them either. */
static bool find_ns(struct view *v, struct tracee *t, const char *path, struct stand_in *s)
{
	int pid;
	const char *rest = path_proc(path, &pid), *name = rest ? path_below(rest, "ns") : NULL;

	for (size_t i = 0; name && i < NS_NAMES; i++) {
		if (strcmp(name, ns_names[i])) continue;
		/* In a container, process IDs have another meaning. */
		bool mnt = !i && root_of(v, t) == ROOT_SAME;
		s->mnt_of = !mnt ? 0 : pid ? pid : tracee_tgid(t);
		return take(s, STAND_IN_NS, path, false);
	}
	return false;
}

bool stand_in_find(struct view *v, struct tracee *t, const char *path, struct stand_in *s)
{
	memset(s, 0, offsetof(struct stand_in, path));
	return (v->cfg.map_n && find_map(v, path, s)) || (v->cfg.seeds && find_seed(v, t, path, s))
		|| (v->cfg.fstype_n + v->cfg.controller_n && find_table(v, path, s))
		|| (v->cfg.cgroup && find_control_file(v, t, path, s))
		|| (v->cfg.namespaces && find_ns(v, t, path, s));
}

static bool is_component(const char *path, const char *name)
{
	size_t n = strlen(name);

	for (const char *p = path; p; p = strchr(p, '/')) {
		p += *p == '/';
		if (!strncmp(p, name, n) && (!p[n] || p[n] == '/')) return true;
	}
	return false;
}

static bool names_seed(const char *name)
{
	for (size_t i = 0; i < seed_count; i++)
		if (is_component(seeds[i].path, name)) return true;
	return false;
}

static bool names_table(const char *name)
{
	for (size_t i = 0; i < sizeof tables / sizeof *tables; i++)
		if (!strcmp(tables[i].name, name)) return true;
	return false;
}

static bool names_ns(const char *name)
{
	for (size_t i = 0; i < NS_NAMES; i++)
		if (!strcmp(ns_names[i], name)) return true;
	return false;
}

/* In a mapped directory a stand-in may have any name; a file may be replaced by one. */
static bool names_mapped(const struct view_config *cfg, const char *name)
{
	for (size_t i = 0; i < cfg->map_n; i++)
		if (!cfg->maps[i].leaf || !strcmp(strrchr(cfg->maps[i].from, '/') + 1, name))
			return true;
	return false;
}

bool stand_in_may_be_named(const struct view *v, const char *name)
{
	const struct view_config *cfg = &v->cfg;

	return names_mapped(cfg, name) || (cfg->seeds && names_seed(name))
		|| (cfg->fstype_n + cfg->controller_n && names_table(name))
		|| (cfg->cgroup && cgroup_file_find(name, cfg->controllers, cfg->controller_n))
		|| (cfg->namespaces && names_ns(name));
}

/* ---- content ---- */

static void rewrite_table(const struct view_config *cfg, const char *table, const struct buf *text,
	struct buf *out)
{
	_cleanup_buf_ struct buf typed = {0};
	const char *const *names = cfg->controllers;
	bool info = !strcmp(table, "mountinfo");
	const char *p = text->data ? text->data : "";

	if (!strcmp(table, "cgroups")) {
		cgroups_of_kernel(p, text->len, names, cfg->controller_n, out);
	} else if (!strcmp(table, "cgroup")) {
		cgroups_of_process(p, text->len, names, cfg->controller_n, out);
	} else {
		mountinfo_rewrite(p, text->len, info, cfg->fstypes, cfg->fstype_n, &typed);
		p = typed.data ? typed.data : "";
		cgroups_in_mounts(p, typed.len, info, names, cfg->controller_n, out);
	}
}

static int table_content(struct view *v, struct tracee *t, const struct stand_in *s,
	struct buf *out)
{
	_cleanup_buf_ struct buf text = {0};
	char name[64];
	int pid = 0;

	path_proc(s->path, &pid);
	/* A link that was followed for the tracee may have led to the tracer's own number; and
	 * numbers of another PID namespace mean nothing here. */
	if (!pid || pid == getpid() || root_of(v, t) != ROOT_SAME) pid = t->tid;
	if (!strcmp(s->table, "cgroups")) snprintf(name, sizeof name, "/proc/cgroups");
	else snprintf(name, sizeof name, "/proc/%d/%s", pid, s->table);
	int r = io_read(name, &text, COPY_MAX);
	if (r < 0) return r;
	rewrite_table(&v->cfg, s->table, &text, out);
	return 0;
}

/* One number per CPU. Their sum is right; how it is distributed is unknown. */
static int percpu_content(struct view *v, struct tracee *t, const struct stand_in *s,
	struct buf *out)
{
	char theirs[PATH_MAX], ours[PATH_MAX], total[64] = "0";

	snprintf(theirs, sizeof theirs, "%.*s", (int)(strrchr(s->path, '_') - s->path), s->path);
	if (root_name(v, t, theirs, ours) < 0) return -ENOENT;
	int r = io_read_line(ours, total, sizeof total);
	if (r < 0) return r;
	long cpus = sysconf(_SC_NPROCESSORS_CONF);
	buf_puts(out, total);
	for (long i = 1; i < cpus; i++) buf_puts(out, " 0");
	buf_puts(out, "\n");
	return 0;
}

int stand_in_content(struct view *v, struct tracee *t, const struct stand_in *s, struct buf *out)
{
	char value[STORE_VALUE + 2];
	int r;

	switch (s->kind) {
	case STAND_IN_SEED:
		buf_add(out, value,
			store_read(&v->store, s->seed, tracee_net_ns(t), value, sizeof value));
		return 0;
	case STAND_IN_TABLE: return table_content(v, t, s, out);
	case STAND_IN_CGROUP:
		if (!s->file->content) return percpu_content(v, t, s, out);
		buf_puts(out, s->file->content);
		return 0;
	case STAND_IN_MAP:
		r = io_read(s->target, out, COPY_MAX);
		return r < 0 ? r : 0;
	default: return 0;
	}
}

/* ---- attributes ---- */

mode_t stand_in_mode(const struct stand_in *s)
{
	switch (s->kind) {
	case STAND_IN_SEED_DIR: return S_IFDIR | 0555;
	case STAND_IN_SEED: return S_IFREG | (s->seed->min > s->seed->max ? 0444 : 0644);
	case STAND_IN_CGROUP: return S_IFREG | (s->file->writable ? 0644 : 0444);
	default: return S_IFREG | 0444;
	}
}

int stand_in_access(const struct tracee *t, const struct stand_in *s, int want)
{
	mode_t m = stand_in_mode(s);
	int bits = (tracee_euid(t) ? m : m >> 6) & 7;
	return want & ~bits ? -EACCES : 0;
}

void stand_in_stat(struct view *v, struct tracee *t, const struct stand_in *s, struct stat *st)
{
	char above[PATH_MAX];
	struct stat parent = {0};
	struct timespec now;

	root_directory_above(v, t, s->path, above);
	if (stat(above, &parent) < 0) parent.st_dev = 0;
	clock_gettime(CLOCK_REALTIME, &now);
	memset(st, 0, sizeof *st);
	st->st_dev = parent.st_dev;
	st->st_ino = hash_bytes(s->path, strlen(s->path), 0) & 0xffffffff;
	st->st_mode = stand_in_mode(s);
	st->st_nlink = S_ISDIR(st->st_mode) ? 2 : 1;
	st->st_blksize = 1024;
	st->st_atim = st->st_mtim = st->st_ctim = now;
}

/* ---- names in directories ---- */

typedef void name_fn(void *arg, const char *name, bool is_dir);

static void seed_names(const char *dir, name_fn *fn, void *arg)
{
	const char *sub = path_below(dir, PROC_SYS);
	char name[NAME_MAX + 1];

	for (size_t i = 0; sub && i < seed_count; i++) {
		const char *rest = *sub ? path_below(seeds[i].path, sub) : seeds[i].path;
		if (!rest) continue;
		size_t n = strcspn(rest, "/");
		snprintf(name, sizeof name, "%.*s", (int)n, rest);
		fn(arg, name, rest[n] == '/');
	}
}

static void directory_names(const char *path, name_fn *fn, void *arg)
{
	_cleanup_closedir_ DIR *d = opendir(path);
	struct dirent *e;

	while (d && (e = readdir(d)))
		if (!path_is_dots(e->d_name))
			fn(arg, e->d_name, e->d_type == DT_DIR);
}

/* What the target of a map has, and the last component of FROM in the directory that it lies in. */
static void map_names(const struct path_map *m, const char *dir, name_fn *fn, void *arg)
{
	char target[PATH_MAX];
	struct stat st;
	const char *rest = path_below(dir, m->from);

	if (rest && path_join(target, m->to, rest) == 0) directory_names(target, fn, arg);
	rest = path_below(m->from, dir);
	if (rest && *rest && !strchr(rest, '/') && !stat(m->to, &st))
		fn(arg, rest, S_ISDIR(st.st_mode));
}

void stand_in_names(struct view *v, const char *dir, name_fn *fn, void *arg)
{
	if (v->cfg.seeds) seed_names(dir, fn, arg);
	for (size_t i = 0; i < v->cfg.map_n; i++) map_names(&v->cfg.maps[i], dir, fn, arg);
}
