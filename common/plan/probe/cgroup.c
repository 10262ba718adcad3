/* Probes of control groups: controllers, limits, statistics, namespaces. */
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <sched.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/mount.h>
#include <sys/vfs.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/io.h"
#include "base/mounts.h"
#include "base/spawn.h"
#include "plan/cgroup.h"
#include "plan/fix/cgroup2.h"
#include "plan/fix/cgroupfs.h"
#include "plan/fix/writable.h"
#include "plan/isolate.h"
#include "plan/probe/probe.h"

/* Without these k3s or the kubelet stops (k3s pkg/cgroups; kubelet validateSystemRequirements). */
static const char *const required[] = { "cpu", "cpuacct", "cpuset", "memory", "pids" };
enum { REQUIRED = sizeof required / sizeof *required };

static int try_mount_cgroup(void *controller)
{
	/* A minimal root may lack /tmp; this directory is ours. */
	int r = io_mkdirs(K3SBOX_RUN, 0700);
	if (r < 0) return -r;
	return mount("cgroup", K3SBOX_RUN, "cgroup", 0, controller) < 0 ? errno : 0;
}

static void probe_v1(struct fact_result *r)
{
	_cleanup_mounts_ struct mounts m = {0};
	char missing[128] = "", unknown[128] = "";
	int e = 0;

	if (mounts_read(&m) < 0) {
		probe_obstacle(r, KIND_CGROUP_ABSENT, "/proc/self/mountinfo cannot be read");
		return;
	}
	for (int i = 0; i < REQUIRED; i++) {
		if (cgroup_mounted(&m, required[i])) continue;
		snprintf(missing + strlen(missing), sizeof missing - strlen(missing), " %s",
			required[i]);
		int cannot = probe_in_mount_namespace(try_mount_cgroup, (char *)required[i]);
		if (!cannot) continue;
		e = cannot;
		snprintf(unknown + strlen(unknown), sizeof unknown - strlen(unknown), " %s",
			required[i]);
	}
	if (!*missing) return;
	if (!strcmp(unknown, " pids")) {
		probe_obstacle(r, KIND_CGROUP_NO_PIDS,
			"this kernel has no pids controller, without which k3s does not start");
		return;
	}
	if (e) probe_obstacle(r, KIND_CGROUP_ABSENT,
		"no cgroup mount for%s, and mounting%s fails: %s", missing, unknown, strerror(e));
	else probe_obstacle(r, KIND_CGROUP_UNMOUNTED, "no cgroup mount for%s", missing);
}

void probe_cgroup(const struct plan_options *o, struct fact_result *r)
{
	char have[256];

	(void)o;
	if (!cgroup_is_v2()) {
		probe_v1(r);
		return;
	}
	int e = io_read_line(CGROUP_ROOT "/cgroup.controllers", have, sizeof have);
	if (e < 0) {
		probe_obstacle_errno(r, KIND_CGROUP_ABSENT, CGROUP_ROOT "/cgroup.controllers", -e);
		return;
	}
	const char *absent = cgroup2_absent(have);
	if (!absent) return;
	/* The kernel's own root has no cgroup.events. */
	const char *cause = !io_exists(CGROUP_ROOT "/cgroup.events")
		? "boot Linux with cgroup_enable=memory"
		: "the group above does not pass it on (its cgroup.subtree_control; systemd: "
		"Delegate=yes)";
	probe_obstacle(r, KIND_CGROUP_ABSENT,
		"controller %s is not in " CGROUP_ROOT "/cgroup.controllers: %s", absent, cause);
}

/* "The non-presence of the devices subsystem is considered fatal for security reasons"
 * (opencontainers/cgroups fs/paths.go). In version 2 it is no controller. */
void probe_cgroup_devices(const struct plan_options *o, struct fact_result *r)
{
	_cleanup_mounts_ struct mounts m = {0};

	(void)o;
	if (cgroup_is_v2() || mounts_read(&m) < 0 || cgroup_mounted(&m, "devices")) return;
	int e = probe_in_mount_namespace(try_mount_cgroup, "devices");
	if (e) probe_obstacle_errno(r, KIND_CGROUP_DEVICES_ABSENT,
		"no cgroup mount for devices, and mounting it fails", e);
	else probe_obstacle(r, KIND_CGROUP_DEVICES_UNMOUNTED, "no cgroup mount for devices");
}

void probe_cgroup_v1(const struct plan_options *o, struct fact_result *r)
{
	(void)o;
	if (!cgroup_is_v2())
		probe_obstacle(r, KIND_NONE,
			CGROUP_ROOT " is version 1, which kubelet ≥ 1.35 refuses by default");
}

/* Without the hierarchies there is nothing to try; once init has mounted them, run looks again. */
static bool not_mounted_yet(struct fact_result *r)
{
	_cleanup_mounts_ struct mounts m = {0};

	if (cgroup_is_v2() || (!mounts_read(&m) && cgroup_mounted(&m, "memory"))) return false;
	probe_skip(r, "the cgroup controllers are not mounted yet");
	return true;
}

/* Where a container gets a group: in each hierarchy of version 1, or in the one of version 2. Tries
 * to make one; the first path that fails, and -errno. */
static int try_groups(const struct mounts *m, char *path, size_t size)
{
	for (size_t i = 0; i < m->n; i++) {
		const char *type = m->v[i].type, *point = m->v[i].point;
		bool is_root = !strcmp(type, "cgroup2") && !strcmp(point, CGROUP_ROOT);
		if (strcmp(type, "cgroup") && !is_root) continue;
		snprintf(path, size, "%s/k3sbox-probe-%d", point, (int)getpid());
		if (mkdir(path, 0755) < 0) return -errno;
		rmdir(path);
	}
	return 0;
}

static int try_writable(void *mounts)
{
	char path[PATH_MAX];
	int r = writable_make(mounts, CGROUP_ROOT, NULL);
	return -(r < 0 ? r : try_groups(mounts, path, sizeof path));
}

/* The kernel refuses it as often as one asks; runc does without groups then (libcontainer:
 * rootless cgroups), but only in a user namespace. */
void probe_cgroup_make(const struct plan_options *o, struct fact_result *r)
{
	_cleanup_mounts_ struct mounts m = {0};
	char path[PATH_MAX];

	(void)o;
	if (not_mounted_yet(r) || mounts_read(&m) < 0) return;
	int e = try_groups(&m, path, sizeof path);
	if (!e) return;
	enum obstacle_kind kind = KIND_CGROUP_MAKE_CLOSED;
	if (e == -EROFS && !probe_in_mount_namespace(try_writable, &m))
		kind = KIND_CGROUP_MAKE_READONLY;
	else if (probe_in_user_namespace()) kind = KIND_CGROUP_MAKE_REFUSED;
	probe_obstacle_errno(r, kind, path, -e);
}

/* As the kubelet does for its groups; what it passed on for the trial is taken back. */
static int try_pass_on(const struct cgroup2_root *root, const char **name)
{
	size_t i = 0;
	int r = 0;

	while (!r && (*name = cgroup2_missing(root, &i))) {
		r = cgroup2_enable(*name, true);
		if (!r) cgroup2_enable(*name, false);
	}
	return r;
}

void probe_cgroup_pass_on(const struct plan_options *o, struct fact_result *r)
{
	struct cgroup2_root root;
	const char *name;

	(void)o;
	if (!cgroup_is_v2() || cgroup2_look(&root) < 0) return;
	int e = try_pass_on(&root, &name);
	if (!e) return;
	if (e == -EROFS || e == -EACCES || e == -EPERM) {   /* the fact cgroup-make has it */
		probe_skip(r, "cgroups cannot be created");
		return;
	}
	bool ours = e == -EBUSY && root.is_ours && !root.has_systemd;
	probe_obstacle(r, ours ? KIND_CGROUP_PASS_ON_BUSY : KIND_CGROUP_PASS_ON_CLOSED,
		"passing %s on from " CGROUP_ROOT "%s: %s", name,
		e == -EBUSY ? ", which has processes" : "", strerror(-e));
}

/* One thing that the kubelet does in a group: sets a limit. Per version 1 hierarchy, or in the
 * one of version 2. */
static const struct { const char *controller, *file, *value; } limits_v1[] = {
	{ "cpu", "cpu.shares", "2" },
	{ "memory", "memory.limit_in_bytes", "1073741824" },
	{ "pids", "pids.max", "1000" },
	/* cannot be joined before its memory nodes are set as well */
	{ "cpuset", "cpuset.cpus", "0" },
};
static const struct { const char *file, *value; } limits_v2[] = {
	{ "cpu.weight", "1" }, { "memory.max", "1073741824" }, { "pids.max", "1000" },
};

static int join_group(void *dir)
{
	char path[PATH_MAX], pid[16];
	int r = io_join(path, sizeof path, dir, "cgroup.procs");
	snprintf(pid, sizeof pid, "%d", (int)getpid());
	if (!r) r = io_poke(path, pid);
	return -r;
}

/* Makes a group, sets the limit and moves a child in; the failed step goes to r. */
static void try_group(const char *parent, const char *file, const char *value,
	struct fact_result *r)
{
	char dir[PATH_MAX], path[PATH_MAX];

	snprintf(dir, sizeof dir, "%s/k3sbox-probe-%d", parent, (int)getpid());
	if (mkdir(dir, 0755) < 0) {
		probe_obstacle_errno(r, KIND_NONE, dir, errno);
		return;
	}
	int e = io_join(path, sizeof path, dir, file);
	if (!e) e = io_poke(path, value);
	if (e < 0) probe_obstacle_errno(r, KIND_NONE, path, -e);
	else if (strncmp(file, "cpuset.", 7) && (e = spawn_call(join_group, dir, 2000))) {
		snprintf(path, sizeof path, "%.200s/cgroup.procs", dir);
		probe_obstacle_errno(r, KIND_NONE, path, e < 0 ? -e : e);
	}
	/* The child that was in it may take a moment to be gone. */
	for (int i = 0; rmdir(dir) < 0 && errno == EBUSY && i < 50; i++) usleep(10000);
}

/* Passes the controllers on for as long as it takes. */
static void write_v2(struct fact_result *r)
{
	struct cgroup2_root root;
	const char *name;
	size_t i = 0;

	if (cgroup2_look(&root) < 0) return;
	while ((name = cgroup2_missing(&root, &i)))
		if (cgroup2_enable(name, true) < 0)
			probe_skip(r, "the controllers are not passed on yet");
	for (i = 0; i < sizeof limits_v2 / sizeof *limits_v2 && !r->state; i++)
		try_group(CGROUP_ROOT, limits_v2[i].file, limits_v2[i].value, r);
	for (i = 0; (name = cgroup2_missing(&root, &i));) cgroup2_enable(name, false);
}

void probe_cgroup_write(const struct plan_options *o, struct fact_result *r)
{
	_cleanup_mounts_ struct mounts m = {0};

	(void)o;
	if (not_mounted_yet(r) || mounts_read(&m) < 0) return;
	char made[PATH_MAX];
	if (try_groups(&m, made, sizeof made) < 0) {
		probe_skip(r, "cgroups cannot be created");
		return;
	}
	if (cgroup_is_v2()) {
		write_v2(r);
		return;
	}
	for (size_t i = 0; i < sizeof limits_v1 / sizeof *limits_v1 && !r->state; i++) {
		const char *parent = cgroup_mounted(&m, limits_v1[i].controller);
		if (parent) try_group(parent, limits_v1[i].file, limits_v1[i].value, r);
	}
}

/* What a control file lies on decides whether runc writes to it (opencontainers/cgroups file.go,
 * openAndCheck). */
void probe_cgroup_type(const struct plan_options *o, struct fact_result *r)
{
	enum { CGROUP_MAGIC = 0x27e0eb };   /* linux/magic.h */
	_cleanup_mounts_ struct mounts m = {0};
	char path[PATH_MAX];
	struct statfs fs;

	(void)o;
	if (cgroup_is_v2() || not_mounted_yet(r) || mounts_read(&m) < 0) return;
	int e = io_join(path, sizeof path, cgroup_mounted(&m, "memory"), "cgroup.procs");
	if (!e && statfs(path, &fs) < 0) e = -errno;
	snprintf(path, sizeof path, "statfs(2) of a control file");
	if (e < 0) probe_obstacle_errno(r, KIND_NONE, path, -e);
	else if (fs.f_type != CGROUP_MAGIC)
		probe_obstacle(r, KIND_NONE, "%s: type %#lx", path, (unsigned long)fs.f_type);
}

static int try_cgroup_namespace(void *arg)
{
	(void)arg;
	if (unshare(CLONE_NEWCGROUP) < 0 || access("/proc/self/ns/cgroup", F_OK) < 0) return errno;
	return 0;
}

void probe_cgroup_namespace(const struct plan_options *o, struct fact_result *r)
{
	(void)o;
	if (!cgroup_is_v2()) return;   /* containerd asks for one in version 2 only */
	int e = spawn_call(try_cgroup_namespace, NULL, 2000);
	if (e) probe_obstacle_errno(r, KIND_NONE, "unshare(CLONE_NEWCGROUP)", e < 0 ? -e : e);
}

/* What cAdvisor must read of the root group before the kubelet gets its first figures
 * (opencontainers/cgroups fs/cpuacct.go, memory.go; fs2/cpu.go, memory.go). Memory is served first:
 * the server of cpuacct keeps numbers in its spare group. */
static const struct { const char *controller, *file; } stats_v1[] = {
	{ "memory", "memory.stat" }, { "memory", "memory.usage_in_bytes" },
	{ "memory", "memory.limit_in_bytes" },
	{ "cpuacct", "cpuacct.usage" }, { "cpuacct", "cpuacct.usage_percpu" },
	{ "cpuacct", "cpuacct.stat" },
};
static const char *const stats_v2[] = { "cpu.stat", "memory.stat" };

/* The directories in which a file cannot be read, with blanks between; the first failure to r. */
static void look_at_stats(const struct mounts *m, bool v2, struct fact_result *r)
{
	size_t n = v2 ? sizeof stats_v2 / sizeof *stats_v2 : sizeof stats_v1 / sizeof *stats_v1;
	char path[PATH_MAX], line[64];
	const char *last = NULL;

	for (size_t i = 0; i < n; i++) {
		const char *dir = v2 ? NULL : cgroup_mounted(m, stats_v1[i].controller);
		if (!dir) dir = CGROUP_ROOT;
		int e = io_join(path, sizeof path, dir, v2 ? stats_v2[i] : stats_v1[i].file);
		if (!e) e = io_read_line(path, line, sizeof line);
		if (e >= 0) continue;
		if (!r->state) probe_obstacle_errno(r, KIND_NONE, path, -e);
		size_t used = strlen(r->value);
		if (!last || strcmp(last, dir))
			snprintf(r->value + used, sizeof r->value - used, "%s%s", used ? " " : "",
				dir);
		last = dir;
	}
}

/* A world's mounts go with it, and its process 1 stays to serve them. Once mounted it stays what
 * the kernel lacks; what was tried and does not help is not tried again. */
void probe_root_stats(const struct plan_options *o, struct fact_result *r)
{
	bool v2 = cgroup_is_v2();
	_cleanup_mounts_ struct mounts m = {0};

	if (not_mounted_yet(r) || mounts_read(&m) < 0) return;
	look_at_stats(&m, v2, r);
	if (!r->state && cgroupfs_is_mounted())
		probe_obstacle(r, KIND_ROOT_STATS_FUSE, "shown by k3sbox's cgroupfs");
	else if (r->state && !v2 && o->accounting != ISOLATE_NO && o->isolated && !o->no_mount &&
		!o->no_shim && !cgroupfs_tried() && !probe_in_mount_namespace(cgroupfs_try, NULL))
		r->kind = KIND_ROOT_STATS_FUSE;
}
