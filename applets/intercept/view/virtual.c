#include "intercept/view/virtual.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/magic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/vfs.h>
#include <time.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/io.h"
#include "intercept/trace/hash.h"
#include "intercept/view/cgroups.h"
#include "intercept/view/path.h"
#include "intercept/view/resolve.h"

enum { COPY_MAX = 64 << 20 };

static bool take(struct job *j, enum job_kind kind, const char *path, bool at_once)
{
	j->kind = kind;
	j->at_once = at_once;
	snprintf(j->path, sizeof j->path, "%s", path);
	return true;
}

static bool find_seed(struct tracer *tr, struct tracee *t, const char *path, struct job *j)
{
	const char *name = path_below(path, PROC_SYS);

	if (!name || !*name) return false;
	j->seed = seed_find(name);
	if (j->seed) {
		const struct store_value *v = tr->store.n ? store_find(&tr->store, j->seed,
			store_per_net(j->seed) ? virtual_net_ns(t) : 0) : NULL;
		return take(j, JOB_SEED, path, v && v->real_refused);
	}
	for (size_t i = 0; i < seed_count; i++)
		if (path_below(seeds[i].path, name)) return take(j, JOB_SEED_DIR, path, false);
	return false;
}

static bool find_map(struct tracer *tr, const char *path, struct job *j)
{
	struct stat st;

	for (size_t i = 0; i < tr->map_n; i++) {
		const struct map *m = &tr->maps[i];
		const char *rest = path_below(path, m->from);
		if (!rest || path_join(j->target, m->to, rest) < 0 || lstat(j->target, &st) < 0) continue;
		j->map = m;
		return take(j, JOB_MAP, path, m->over);
	}
	return false;
}

/* Where: right below /proc, in a process's folder. */
static const struct { const char *name; bool mounts, in_proc, in_pid; } tables[] = {
	{ "mountinfo", true, false, true }, { "mounts", true, true, true }, { "cgroup", false, false, true }, { "cgroups", false, true, false },
};

static bool find_table(struct tracer *tr, const char *path, struct job *j)
{
	int pid;
	const char *rest = path_proc(path, &pid);
	bool in_pid = rest;

	if (!rest) rest = path_below(path, "/proc");
	for (size_t i = 0; rest && i < sizeof tables / sizeof *tables; i++) {
		size_t wanted = tr->controller_n + (tables[i].mounts ? tr->fstype_n : 0);
		if (strcmp(rest, tables[i].name) || !wanted || !(in_pid ? tables[i].in_pid : tables[i].in_proc)) continue;
		j->table = tables[i].name;
		return take(j, JOB_TABLE, path, true);
	}
	return false;
}

static bool find_control_file(struct tracer *tr, struct tracee *t, const char *path, struct job *j)
{
	char folder[PATH_MAX], ours[PATH_MAX];
	struct statfs fs;
	const char *base = strrchr(path, '/');

	j->file = cgroup_file_find(base + 1, tr->controllers, tr->controller_n);
	if (!j->file) return false;
	snprintf(folder, sizeof folder, "%.*s", (int)(base - path), path);
	if (resolve_for_us(tr, t, folder, ours) < 0 || statfs(ours, &fs) < 0
		|| fs.f_type != CGROUP_SUPER_MAGIC) return false;
	return take(j, JOB_CGROUP, path, false);
}

/* Who has no such namespaces has no files for them either. */
static bool find_ns(struct tracer *tr, struct tracee *t, const char *path, struct job *j)
{
	static const char *const names[] = { "mnt", "ipc", "uts" };
	int pid;
	const char *rest = path_proc(path, &pid), *name = rest ? path_below(rest, "ns") : NULL;

	for (size_t i = 0; name && i < sizeof names / sizeof *names; i++) {
		if (strcmp(name, names[i])) continue;
		bool mnt = !i && tracee_root(tr, t) == ROOT_SAME;   /* in a container, numbers are others */
		j->mnt_of = !mnt ? 0 : pid ? pid : tracee_tgid(t);
		return take(j, JOB_NS, path, false);
	}
	return false;
}

bool virtual_find(struct tracer *tr, struct tracee *t, const char *path, struct job *j)
{
	return (tr->map_n && find_map(tr, path, j)) || (tr->seeds && find_seed(tr, t, path, j))
		|| (tr->fstype_n + tr->controller_n && find_table(tr, path, j))
		|| (tr->cgroup && find_control_file(tr, t, path, j)) || (tr->features & F_RUNC && find_ns(tr, t, path, j));
}

void virtual_folder(struct tracer *tr, struct tracee *t, const char *path, char *ours)
{
	char folder[PATH_MAX];
	struct stat st;

	snprintf(folder, sizeof folder, "%s", path);
	do {
		char *slash = strrchr(folder, '/');
		slash[slash == folder] = 0;
	} while (folder[1] && (resolve_for_us(tr, t, folder, ours) < 0 || stat(ours, &st) < 0));
	if (!folder[1]) resolve_for_us(tr, t, "/", ours);
}

uint64_t virtual_net_ns(const struct tracee *t)
{
	char link[64];
	return tracee_link(t, "ns/net", link, sizeof link) ? hash_bytes(link, strlen(link), 0) : 1;
}

static int table_content(struct tracer *tr, struct tracee *t, const struct job *j, struct buf *out)
{
	_cleanup_buf_ struct buf text = {0}, typed = {0};
	char name[64];
	int pid = 0;
	bool info = !strcmp(j->table, "mountinfo");

	path_proc(j->path, &pid);
	/* A number that a link gave while we looked is our own; one of another PID namespace means
	 * nothing here. */
	if (!pid || pid == getpid() || tracee_root(tr, t) != ROOT_SAME) pid = t->tid;
	if (!strcmp(j->table, "cgroups")) snprintf(name, sizeof name, "/proc/cgroups");
	else snprintf(name, sizeof name, "/proc/%d/%s", pid, j->table);
	int r = io_read(name, &text, COPY_MAX);
	if (r < 0) return r;
	const char *p = text.data ? text.data : "";
	if (!strcmp(j->table, "cgroups")) {
		cgroups_of_kernel(p, text.len, tr->controllers, tr->controller_n, out);
	} else if (!strcmp(j->table, "cgroup")) {
		cgroups_of_process(p, text.len, tr->controllers, tr->controller_n, out);
	} else {
		mountinfo_rewrite(p, text.len, info, tr->fstypes, tr->fstype_n, &typed);
		cgroups_in_mounts(typed.data ? typed.data : "", typed.len, info, tr->controllers,
			tr->controller_n, out);
	}
	return 0;
}

/* One number per CPU; their sum is the truth, its distribution is not known. */
static int percpu_content(struct tracer *tr, struct tracee *t, const struct job *j, struct buf *out)
{
	char theirs[PATH_MAX], ours[PATH_MAX], total[64] = "0";

	snprintf(theirs, sizeof theirs, "%.*s", (int)(strrchr(j->path, '_') - j->path), j->path);
	if (resolve_for_us(tr, t, theirs, ours) < 0) return -ENOENT;
	int r = io_read_line(ours, total, sizeof total);
	if (r < 0) return r;
	long cpus = sysconf(_SC_NPROCESSORS_CONF);
	buf_puts(out, total);
	for (long i = 1; i < cpus; i++) buf_puts(out, " 0");
	buf_puts(out, "\n");
	return 0;
}

int virtual_content(struct tracer *tr, struct tracee *t, const struct job *j, struct buf *out)
{
	char value[STORE_VALUE + 2];

	switch (j->kind) {
	case JOB_SEED:
		buf_add(out, value, store_read(&tr->store, j->seed, virtual_net_ns(t), value, sizeof value));
		return 0;
	case JOB_TABLE: return table_content(tr, t, j, out);
	case JOB_CGROUP:
		if (!j->file->content) return percpu_content(tr, t, j, out);
		buf_puts(out, j->file->content);
		return 0;
	case JOB_MAP: {
		int r = io_read(j->target, out, COPY_MAX);
		return r < 0 ? r : 0;
	}
	default: return 0;
	}
}

mode_t virtual_mode(const struct job *j)
{
	switch (j->kind) {
	case JOB_SEED_DIR: return S_IFDIR | 0555;
	case JOB_SEED: return S_IFREG | (j->seed->min > j->seed->max ? 0444 : 0644);
	case JOB_CGROUP: return S_IFREG | (j->file->writable ? 0644 : 0444);
	default: return S_IFREG | 0444;
	}
}

int virtual_access(const struct tracee *t, const struct job *j, int want)
{
	mode_t m = virtual_mode(j);
	int bits = (tracee_euid(t) ? m : m >> 6) & 7;
	return want & ~bits ? -EACCES : 0;
}

void virtual_stat(struct tracer *tr, struct tracee *t, const struct job *j, struct stat *st)
{
	char ours[PATH_MAX];
	struct stat parent = {0};
	struct timespec now;

	virtual_folder(tr, t, j->path, ours);
	if (stat(ours, &parent) < 0) parent.st_dev = 0;
	clock_gettime(CLOCK_REALTIME, &now);
	memset(st, 0, sizeof *st);
	st->st_dev = parent.st_dev;
	st->st_ino = hash_bytes(j->path, strlen(j->path), 0) & 0xffffffff;
	st->st_mode = virtual_mode(j);
	st->st_nlink = S_ISDIR(st->st_mode) ? 2 : 1;
	st->st_blksize = 1024;
	st->st_atim = st->st_mtim = st->st_ctim = now;
}

static void map_names(const char *dir, void (*fn)(void *, const char *, bool), void *arg)
{
	_cleanup_closedir_ DIR *d = opendir(dir);
	struct dirent *e;

	while (d && (e = readdir(d)))
		if (strcmp(e->d_name, ".") && strcmp(e->d_name, "..")) fn(arg, e->d_name, e->d_type == DT_DIR);
}

void virtual_names(struct tracer *tr, const char *dir, void (*fn)(void *, const char *, bool), void *arg)
{
	char name[NAME_MAX + 1], target[PATH_MAX];
	const char *rest;
	const char *sub = path_below(dir, PROC_SYS);

	for (size_t i = 0; tr->seeds && sub && i < seed_count; i++) {
		rest = path_below(seeds[i].path, sub);
		if (!*sub) rest = seeds[i].path;
		if (!rest) continue;
		size_t n = strcspn(rest, "/");
		snprintf(name, sizeof name, "%.*s", (int)n, rest);
		fn(arg, name, rest[n] == '/');
	}
	for (size_t i = 0; i < tr->map_n; i++)
		if ((rest = path_below(dir, tr->maps[i].from)) && path_join(target, tr->maps[i].to, rest) == 0)
			map_names(target, fn, arg);
	/* the end of a FROM, in the folder that it lies in */
	for (size_t i = 0; i < tr->map_n; i++) {
		struct stat st;
		rest = path_below(tr->maps[i].from, dir);
		if (rest && *rest && !strchr(rest, '/') && !stat(tr->maps[i].to, &st)) fn(arg, rest, S_ISDIR(st.st_mode));
	}
}
