/* Applet intercept: runs a program and emulates system calls that this kernel cannot answer. Here
 * are the options; the interceptor itself is in intercept/. */
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <linux/magic.h>
#include <signal.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "app/applet.h"
#include "base/buf.h"
#include "base/cleanup.h"
#include "base/die.h"
#include "base/spawn.h"
#include "intercept/calls/rules.h"
#include "intercept/calls/tracer.h"
#include "intercept/report.h"
#include "intercept/run.h"
#include "intercept/view/path.h"

enum trace_mode { MODE_AUTO, MODE_SECCOMP, MODE_SYSCALL };
static const char *const mode_names[] = { "auto", "seccomp", "syscall", NULL };
static const char *const stats_names[] = { "text", "json", NULL };

struct intercept {
	bool verbose, propagation, mounts, cgroup, subreaper, runc, opens_only;
	bool dump_filter, list_rules, end_with_main;
	const char *trace, *stats, *uname, *seeds;
	struct strv map, replace, statfs, fstype, controller;
	int mode;
};

static const struct opt opts[] = {
	{ OPT_STR, 's', "seeds", offsetof(struct intercept, seeds), "SET",
	  .help = "emulate files below /proc/sys that SET (k3s) needs and this kernel lacks, and\n"
		"an empty /dev/kmsg; written values are checked and kept (open, openat, openat2,\n"
		"creat, stat, lstat, newfstatat, statx, access, faccessat, faccessat2, readlink,\n"
		"readlinkat, truncate, getdents64, statfs, and calls on the descriptors)" },
	{ OPT_LIST, 'm', "map", offsetof(struct intercept, map), "FROM=TO",
	  .help = "look for files at TO that do not exist at or below FROM (the calls of "
		"--seeds)" },
	{ OPT_LIST, 'r', "replace", offsetof(struct intercept, replace), "FROM=TO",
	  .help = "take files that exist at TO from there, even if FROM has them too\n"
		"(the calls of --seeds)" },
	{ OPT_LIST, 't', "statfs", offsetof(struct intercept, statfs), "PATH=TYPE",
	  .help = "report the file system type TYPE (ext4, nsfs, … or a number) at or below PATH,\n"
		"also where the kernel has ENOSYS; with PATH=?TYPE only there (statfs, fstatfs)" },
	{ OPT_LIST, 'f', "fstype", offsetof(struct intercept, fstype), "FROM=TO",
	  .help = "show mounts of type FROM as TO in /proc/PID/mountinfo and mounts, with\n"
		"FROM=TO:SOURCE also with another source (open, creat, openat, openat2)" },
	{ OPT_STR, 'u', "uname", offsetof(struct intercept, uname), "RELEASE",
	  .help = "report this kernel release (uname)" },
	{ OPT_FLAG, 'p', "propagation", offsetof(struct intercept, propagation),
	  .help = "let mounts become shared, private or slave where the kernel cannot do it, and\n"
		"unmount nothing but mount points, as Linux does (mount, umount2)" },
	{ OPT_FLAG, 'M', "mounts", offsetof(struct intercept, mounts),
	  .help = "repeat mounts without flags and options that the kernel lacks: recursive\n"
		"binds, remounts, devpts, options of tmpfs; implies --propagation (mount)" },
	{ OPT_LIST, 'C', "controller", offsetof(struct intercept, controller), "NAME",
	  .help = "show cgroup v1 controller NAME (pids, devices) in /proc/PID/cgroup, in\n"
		"/proc/cgroups and at cgroup mounts whose directory is called NAME, and emulate\n"
		"its control files; implies --cgroup (the calls of --seeds, fstatfs)" },
	{ OPT_FLAG, 'c', "cgroup", offsetof(struct intercept, cgroup),
	  .help = "compute cpuacct.usage_percpu from cpuacct.usage if it does not exist\n"
		"(the calls of --seeds, fstatfs)" },
	{ OPT_FLAG, 'S', "subreaper", offsetof(struct intercept, subreaper),
	  .help = "emulate PR_SET_CHILD_SUBREAPER: reparented children are reported to the\n"
		"subreaper (prctl, wait4, waitid)" },
	{ OPT_FLAG, 'R', "runc", offsetof(struct intercept, runc),
	  .help = "emulate what runc needs and old sandboxes lack: files in /proc/PID/ns (open,\n"
		"stat), joining namespaces, which are shared, and root directories (setns,\n"
		"pivot_root, umount2: a chroot), links as mount points (mount), pipes given away\n"
		"(fchown), the inode number of /proc (fstat)" },
	{ OPT_FLAG, 'o', "opens-only", offsetof(struct intercept, opens_only),
	  .help = "emulate files only for programs that open them: not for stat, access, readlink\n"
		"and getdents; a third of the stops, sufficient for k3s" },
	{ OPT_FLAG, 'e', "end-with-main", offsetof(struct intercept, end_with_main),
	  .help = "when PROGRAM ends, end all processes that it leaves behind" },
	{ OPT_CHOICE, 0, "mode", offsetof(struct intercept, mode), .choices = mode_names,
	  .help = "seccomp: stop only at calls that have a rule; syscall: stop at all calls" },
	{ OPT_FLAG, 'v', "verbose", offsetof(struct intercept, verbose),
	  .help = "log emulated calls to standard error" },
	{ OPT_STR, 0, "trace", offsetof(struct intercept, trace), "FILE",
	  .help = "write the log to FILE" },
	{ OPT_STR, 0, "stats", offsetof(struct intercept, stats), "FORMAT",
	  .help = "write counters to standard error at the end: text or json" },
	{ OPT_BARE, .value = "text" },
	{ OPT_FLAG, 0, "dump-filter", offsetof(struct intercept, dump_filter),
	  .help = "print the seccomp filter and exit" },
	{ OPT_FLAG, 0, "list-rules", offsetof(struct intercept, list_rules),
	  .help = "print the table of system calls and exit" },
	{ OPT_END },
};

static const struct { const char *name; uint64_t magic; } fs_types[] = {
	{ "ext4", EXT4_SUPER_MAGIC }, { "tmpfs", TMPFS_MAGIC }, { "proc", PROC_SUPER_MAGIC },
	{ "sysfs", SYSFS_MAGIC }, { "nsfs", NSFS_MAGIC }, { "cgroup", CGROUP_SUPER_MAGIC },
	{ "cgroup2", CGROUP2_SUPER_MAGIC }, { "overlay", OVERLAYFS_SUPER_MAGIC },
	{ "xfs", XFS_SUPER_MAGIC }, { "btrfs", BTRFS_SUPER_MAGIC },
};

static uint64_t fs_type(const char *name)
{
	char *end;

	for (size_t i = 0; i < sizeof fs_types / sizeof *fs_types; i++)
		if (!strcmp(fs_types[i].name, name)) return fs_types[i].magic;
	errno = 0;
	uint64_t v = strtoull(name, &end, 0);
	if (!v || *end || errno || *name < '0' || *name > '9')
		die_usage("--statfs: unknown file system type '%s' (a number is allowed too)",
			name);
	return v;
}

/* Cuts text at its '=' and returns what follows. */
static char *split(char *text, const char *option)
{
	char *eq = strchr(text, '=');
	if (!eq || eq == text || !eq[1]) die_usage("--%s needs LEFT=RIGHT, not '%s'", option, text);
	*eq = 0;
	return eq + 1;
}

static char *absolute(const char *path)
{
	char cwd[PATH_MAX], out[PATH_MAX];

	if (!getcwd(cwd, sizeof cwd))
		die_errno(EX_SYS, -errno, "cannot read the current directory");
	if (path_join(out, cwd, path) < 0) die_usage("the path '%s' is too long", path);
	return xstrdup(out);
}

/* Links in TO are resolved, because /proc/self/fd has the resolved name. */
static void add_map(struct view_config *v, const char *text, bool over)
{
	const char *option = over ? "replace" : "map";
	_cleanup_free_ char *from = xstrdup(text);
	char *to = split(from, option);
	char *real = realpath(to, NULL);
	struct stat st;

	if (!real || stat(real, &st) < 0) die_errno(EX_FAIL, -errno, "--%s: %s", option, to);
	if (*from != '/') die_usage("--%s: FROM must be an absolute path, not '%s'", option, from);
	v->maps = xrealloc(v->maps, (v->map_n + 1) * sizeof *v->maps);
	v->maps[v->map_n++] = (struct path_map){ absolute(from), real, over,
		!S_ISDIR(st.st_mode) && !S_ISREG(st.st_mode) };
}

static void add_fstype(struct view_config *v, const char *text)
{
	char *from = xstrdup(text), *to = split(from, "fstype"), *colon = strchr(to, ':');

	if (colon) *colon++ = 0;
	v->fstypes = xrealloc(v->fstypes, (v->fstype_n + 1) * sizeof *v->fstypes);
	v->fstypes[v->fstype_n++] = (struct fstype){ from, to, colon };
}

static void add_type(struct tracer_config *t, const char *text)
{
	_cleanup_free_ char *path = xstrdup(text);
	char *type = split(path, "statfs");
	bool if_unknown = *type == '?';

	t->types = xrealloc(t->types, (t->type_n + 1) * sizeof *t->types);
	t->types[t->type_n++] = (struct path_type){ absolute(path), fs_type(type + if_unknown),
		if_unknown };
}

/* The first map that has a file counts, so --replace comes before --map. */
static void configure_paths(struct view_config *v, const struct intercept *cfg)
{
	for (size_t i = 0; i < cfg->replace.n; i++) add_map(v, cfg->replace.v[i], true);
	for (size_t i = 0; i < cfg->map.n; i++) add_map(v, cfg->map.v[i], false);
	for (size_t i = 0; i < cfg->fstype.n; i++) add_fstype(v, cfg->fstype.v[i]);
	v->controllers = (const char **)cfg->controller.v;
	v->controller_n = cfg->controller.n;
	v->cgroup = cfg->cgroup || cfg->controller.n;
	v->namespaces = cfg->runc;
	if (!cfg->seeds) return;
	if (strcmp(cfg->seeds, "k3s"))
		die_usage("--seeds: unknown set '%s'; the only one is k3s", cfg->seeds);
	v->seeds = true;
	add_map(v, "/dev/kmsg=/dev/null", false);
}

static unsigned features(const struct view_config *v, const struct intercept *cfg)
{
	bool files = v->seeds || v->map_n || v->fstype_n || v->cgroup, look = !cfg->opens_only;
	const struct { bool on; unsigned bits; } rows[] = {
		{ files, F_PATH },
		{ files && look, F_STAT },
		{ look && (v->seeds || v->map_n), F_LIST },
		{ v->cgroup, F_CGROUP },
		{ cfg->statfs.n, F_STATFS },
		{ cfg->uname, F_UNAME },
		{ cfg->propagation, F_PROPAGATION },
		{ cfg->mounts, F_MOUNTS | F_PROPAGATION },
		{ cfg->subreaper, F_REAPER },
		{ cfg->runc, F_RUNC | F_PATH },
	};
	unsigned f = 0;

	for (size_t i = 0; i < sizeof rows / sizeof *rows; i++)
		if (rows[i].on) f |= rows[i].bits;
	return f ? f | F_NOTE : 0;
}

static void configure(struct tracer *tr, const struct intercept *cfg)
{
	view_init(&tr->view);
	configure_paths(&tr->view.cfg, cfg);
	for (size_t i = 0; i < cfg->statfs.n; i++) add_type(&tr->cfg, cfg->statfs.v[i]);
	if (cfg->uname && strlen(cfg->uname) > 64)
		die_usage("--uname: a release has at most 64 bytes");
	tr->cfg.uname_release = cfg->uname;
	tr->cfg.features = features(&tr->view.cfg, cfg);
}

static FILE *open_log(const struct intercept *cfg)
{
	if (!cfg->trace) {
		if (!cfg->verbose) return NULL;
		int fd = fcntl(STDERR_FILENO, F_DUPFD_CLOEXEC, 3);
		return fd < 0 ? NULL : fdopen(fd, "w");
	}
	FILE *f = fopen(cfg->trace, "we");
	if (!f) die_errno(EX_FAIL, -errno, "--trace %s", cfg->trace);
	return f;
}

static void probe(struct tracer *tr, int mode)
{
	struct err e = {0};
	int r = probe_tracing(&tr->kernel, &tr->tracees.mem, mode == MODE_SYSCALL, &e);

	if (r < 0)
		die_errno(EX_SYS, r, "no process can be traced here (%s; does a container forbid "
			"ptrace, or is another tracer at work?)", e.text);
	if (mode == MODE_SECCOMP && tr->kernel.engine != ENGINE_SECCOMP)
		die(EX_FAIL, "--mode seccomp: this kernel does not support seccomp filters with "
			"RET_TRACE; --mode auto works without them");
	if (!tr->kernel.cap_ptrace && tr->cfg.features & F_PATH) tr->cfg.features |= F_DUMPABLE;
}

static const char *const aliases[] = { "ptrace_interceptor", NULL };

/* Was it called by the alias? The name stands before the operands (applet_run). */
static bool called_by_alias(const struct args *args)
{
	const char *name = strrchr(args->v[-1], '/');
	return !strcmp(name ? name + 1 : args->v[-1], aliases[0]);
}

/* Is it json? */
static bool stats_format(const char *name)
{
	if (!name || !strcmp(name, stats_names[0])) return false;
	if (strcmp(name, stats_names[1])) die_usage("--stats takes text|json, not '%s'", name);
	return true;
}

static int run(void *cfg_, const struct args *args)
{
	struct intercept *cfg = cfg_;
	static struct tracer tr;
	bool json = stats_format(cfg->stats);

	if (!cfg->seeds && called_by_alias(args)) cfg->seeds = "k3s";
	configure(&tr, cfg);
	if (cfg->list_rules) return report_rules(tr.cfg.features);
	if (cfg->dump_filter) return report_filter(tr.cfg.features);
	if (!args->n) die_usage("missing operand: PROGRAM");
	tr.counters.by_rule = xcalloc(syscall_rule_count, sizeof *tr.counters.by_rule);
	tr.cfg.log = open_log(cfg);
	probe(&tr, cfg->mode);
	int status = run_traced(&tr, args->v, cfg->end_with_main);
	if (cfg->stats) report_stats(&tr, json);
	if (!cfg->trace || !tr.log_error) return status;
	warn_errno(tr.log_error, "--trace %s: the log is incomplete", cfg->trace);
	return status ? status : EX_FAIL;
}

const struct applet applet_intercept = {
	.name = "intercept",
	.aliases = aliases,
	.group = GROUP_TOOL,
	.summary = "run a program and emulate system calls that this kernel cannot answer",
	.usage = "[OPTION…] [--] PROGRAM [ARG…]",
	.opts = opts,
	.cfg_size = sizeof(struct intercept),
	.operands = { "PROGRAM", 0, OPERANDS_ANY },   /* none with --list-rules */
	.flags = APPLET_IN_ORDER,
	.more =
		"The kernel answers first: only what it lacks is emulated, in PROGRAM and all its\n"
		"descendants, in any namespace. Calls that have no rule are not slowed down.\n"
		"Called as ptrace_interceptor, --seeds k3s is implied. The exit status is that of\n"
		"PROGRAM (1 instead of 0 if the log could not be written). Programs that are\n"
		"traced in this way cannot trace others, 32-bit programs are not changed, and\n"
		"io_uring is refused: it opens files without system calls. Emulated files can be\n"
		"opened, examined and listed. To all other calls they do not exist:\n"
		"  create, remove, rename, link, execute\n"
		"  enter (chdir, chroot), watch (inotify_add_watch, fanotify_mark)\n"
		"  change without opening (chmod, chown, utimensat, setxattr)\n"
		"  handles and trees (name_to_handle_at, open_tree)\n"
		"--mounts changes mount(2) alone, not fsopen, fsmount, move_mount and\n"
		"mount_setattr. Files on FUSE are never emulated.\n",
	.run = run,
};
