/* Runs a program under the interceptor: system calls that this kernel cannot answer are answered here. */
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <linux/magic.h>
#include <signal.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "app/applet.h"
#include "base/buf.h"
#include "base/cleanup.h"
#include "base/die.h"
#include "base/spawn.h"
#include "intercept/report.h"
#include "intercept/trace/filter.h"
#include "intercept/trace/probe.h"
#include "intercept/trace/run.h"
#include "intercept/trace/tracer.h"
#include "intercept/view/path.h"

enum mode { MODE_TRACE_AUTO, MODE_SECCOMP, MODE_SYSCALL };
static const char *const mode_names[] = { "auto", "seccomp", "syscall", NULL };
static const char *const stats_names[] = { "text", "json", NULL };

struct intercept {
	bool verbose, propagation, mounts, cgroup, subreaper, runc, opens_only, dump_filter, list_rules, end_with_main;
	const char *trace, *stats, *uname, *seeds;
	struct strv map, replace, statfs, fstype, controller;
	int mode;
};

static const struct opt opts[] = {
	{ OPT_STR, 's', "seeds", offsetof(struct intercept, seeds), "SET",
	  .help = "show the files below /proc/sys that SET (k3s) wants and this kernel lacks,\nand an empty /dev/kmsg; writes are checked and kept" },
	{ OPT_LIST, 'm', "map", offsetof(struct intercept, map), "FROM=TO",
	  .help = "what is missing at or below FROM is looked for at TO" },
	{ OPT_LIST, 'r', "replace", offsetof(struct intercept, replace), "FROM=TO",
	  .help = "what TO has comes from TO, even where FROM has it too" },
	{ OPT_LIST, 't', "statfs", offsetof(struct intercept, statfs), "PATH=TYPE",
	  .help = "statfs at or below PATH says TYPE (ext4, nsfs, … or a number),\nalso where it says ENOSYS; only there with PATH=?TYPE" },
	{ OPT_LIST, 'f', "fstype", offsetof(struct intercept, fstype), "FROM=TO",
	  .help = "mounts of type FROM show as TO in mountinfo and mounts;\nTO:SOURCE changes their source too" },
	{ OPT_STR, 'u', "uname", offsetof(struct intercept, uname), "RELEASE",
		.help = "uname says this kernel release" },
	{ OPT_FLAG, 'p', "propagation", offsetof(struct intercept, propagation),
	  .help = "making a mount shared, private or slave succeeds where the kernel cannot" },
	{ OPT_FLAG, 'M', "mounts", offsetof(struct intercept, mounts),
	  .help = "recursive binds, remounts, devpts and tmpfs options that the kernel lacks\nare done without" },
	{ OPT_LIST, 'C', "controller", offsetof(struct intercept, controller), "NAME",
	  .help = "cgroup v1 controller NAME (pids, devices) shows in /proc/PID/cgroup and\n/proc/cgroups; a cgroup mount whose folder is called NAME shows as its" },
	{ OPT_FLAG, 'c', "cgroup", offsetof(struct intercept, cgroup),
	  .help = "cpuacct.usage_percpu is made from cpuacct.usage where it is missing" },
	{ OPT_FLAG, 'S', "subreaper", offsetof(struct intercept, subreaper),
	  .help = "who sets PR_SET_CHILD_SUBREAPER gets orphans' ends where the kernel cannot" },
	{ OPT_FLAG, 'R', "runc", offsetof(struct intercept, runc),
	  .help = "what runc needs and old sandboxes lack: namespaces can be named and joined, and are\nshared; a mount namespace is "
		"a root folder, pivot_root a chroot; mounts follow\nlinks; pipes can be given away; procfs's root has its number" },
	{ OPT_FLAG, 'o', "opens-only", offsetof(struct intercept, opens_only),
	  .help = "files are there for those who open them, not for stat, access, readlink and\nlistings: a third of the stops, enough for k3s" },
	{ OPT_FLAG, 'e', "end-with-main", offsetof(struct intercept, end_with_main),
	  .help = "when PROGRAM ends, so does everything it left behind" },
	{ OPT_CHOICE, 0, "mode", offsetof(struct intercept, mode), "MODE", mode_names,
	  .help = "seccomp: only calls that a rule names stop; syscall: all do" },
	{ OPT_FLAG, 'v', "verbose", offsetof(struct intercept, verbose),
		.help = "say on standard error what was answered" },
	{ OPT_STR, 0, "trace", offsetof(struct intercept, trace), "FILE", .help = "say it there" },
	{ OPT_STR, 0, "stats", offsetof(struct intercept, stats), "FORMAT", .bare = "text",
	  .help = "counters at the end, on standard error: text or json" },
	{ OPT_FLAG, 0, "dump-filter", offsetof(struct intercept, dump_filter),
		.help = "show the seccomp filter and end" },
	{ OPT_FLAG, 0, "list-rules", offsetof(struct intercept, list_rules),
		.help = "show the table of system calls and end" },
	{ OPT_END },
};

static const struct { const char *name; uint64_t magic; } fs_types[] = {
	{ "ext4", EXT4_SUPER_MAGIC }, { "tmpfs", TMPFS_MAGIC }, { "proc", PROC_SUPER_MAGIC },
	{ "sysfs", SYSFS_MAGIC },
	{ "cgroup", CGROUP_SUPER_MAGIC }, { "cgroup2", CGROUP2_SUPER_MAGIC }, { "nsfs", NSFS_MAGIC },
	{ "overlay", OVERLAYFS_SUPER_MAGIC }, { "xfs", XFS_SUPER_MAGIC }, { "btrfs", BTRFS_SUPER_MAGIC },
};

static uint64_t fs_type(const char *name)
{
	char *end;

	for (size_t i = 0; i < sizeof fs_types / sizeof *fs_types; i++)
		if (!strcmp(fs_types[i].name, name)) return fs_types[i].magic;
	uint64_t v = strtoull(name, &end, 0);
	if (!v || *end) die_usage("--statfs: '%s' is no file-system type (a number is fine too)", name);
	return v;
}

/* Cuts text at its '=' and returns what follows. */
static char *split(char *text, const char *option)
{
	char *eq = strchr(text, '=');
	if (!eq || eq == text || !eq[1]) die_usage("--%s wants LEFT=RIGHT, not '%s'", option, text);
	*eq = 0;
	return eq + 1;
}

static char *absolute(const char *path)
{
	char cwd[PATH_MAX], out[PATH_MAX];

	if (!getcwd(cwd, sizeof cwd)) die_errno(EX_SYS, -errno, "the current folder");
	if (path_join(out, cwd, path) < 0) die_usage("'%s' is too long a path", path);
	return xstrdup(out);
}

/* The names of TO are those the kernel shows in /proc/self/fd, so its links are resolved. */
static void add_map(struct tracer *tr, const char *text, bool over)
{
	_cleanup_free_ char *from = xstrdup(text);
	char *to = split(from, over ? "replace" : "map");
	char *real = realpath(to, NULL);

	if (!real) die_errno(EX_FAIL, -errno, "--%s: %s", over ? "replace" : "map", to);
	if (*from != '/')
		die_usage("--%s: FROM must be an absolute path, not '%s'", over ? "replace" : "map", from);
	tr->maps = xrealloc(tr->maps, (tr->map_n + 1) * sizeof *tr->maps);
	tr->maps[tr->map_n++] = (struct map){ absolute(from), real, over };
}

static void add_fstype(struct tracer *tr, const char *text)
{
	char *from = xstrdup(text), *to = split(from, "fstype"), *colon = strchr(to, ':');

	if (colon) *colon++ = 0;
	tr->fstypes = xrealloc(tr->fstypes, (tr->fstype_n + 1) * sizeof *tr->fstypes);
	tr->fstypes[tr->fstype_n++] = (struct fstype){ from, to, colon };
}

static void add_type(struct tracer *tr, const char *text)
{
	_cleanup_free_ char *path = xstrdup(text);
	char *type = split(path, "statfs");

	tr->types = xrealloc(tr->types, (tr->type_n + 1) * sizeof *tr->types);
	bool if_unknown = *type == '?';
	tr->types[tr->type_n++] = (struct path_type){ absolute(path), fs_type(type + if_unknown), if_unknown };
}

static void apply_lists(struct tracer *tr, const struct intercept *cfg)
{
	for (size_t i = 0; i < cfg->replace.n; i++) add_map(tr, cfg->replace.v[i], true);
	for (size_t i = 0; i < cfg->map.n; i++) add_map(tr, cfg->map.v[i], false);
	for (size_t i = 0; i < cfg->fstype.n; i++) add_fstype(tr, cfg->fstype.v[i]);
	for (size_t i = 0; i < cfg->statfs.n; i++) add_type(tr, cfg->statfs.v[i]);
	if (!cfg->seeds) return;
	if (strcmp(cfg->seeds, "k3s")) die_usage("--seeds: there is no set '%s', only k3s", cfg->seeds);
	tr->seeds = true;
	add_map(tr, "/dev/kmsg=/dev/null", false);
}

static void configure(struct tracer *tr, const struct intercept *cfg)
{
	apply_lists(tr, cfg);
	tr->controllers = (const char **)cfg->controller.v;
	tr->controller_n = cfg->controller.n;
	tr->cgroup = cfg->cgroup || cfg->controller.n;
	tr->uname_release = cfg->uname;
	if (cfg->uname && strlen(cfg->uname) > 64) die_usage("--uname: a release has at most 64 bytes");
	bool files = tr->seeds || tr->map_n || tr->fstype_n || tr->cgroup;
	tr->features = (files ? F_PATH : 0) | (files && !cfg->opens_only ? F_STAT : 0) | (tr->cgroup ? F_CGROUP : 0)
		| (!cfg->opens_only && (tr->seeds || tr->map_n) ? F_LIST : 0) | (tr->type_n ? F_STATFS : 0)
		| (cfg->uname ? F_UNAME : 0) | (cfg->propagation ? F_PROPAGATION : 0)
		| (cfg->mounts ? F_MOUNTS | F_PROPAGATION : 0) | (cfg->subreaper ? F_REAPER : 0)
		| (cfg->runc ? F_RUNC | F_PATH : 0);
	if (tr->features) tr->features |= F_NOTE;
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
	const char *what = "";
	int r = probe_tracing(tr, mode == MODE_SYSCALL, &what);

	if (r < 0) {
		die_errno(EX_SYS, r, "this kernel lets nobody trace (%s; does a container forbid ptrace? is another tracer at work?)", what);
	}
	if (mode == MODE_SECCOMP && tr->engine != ENGINE_SECCOMP)
		die(EX_FAIL, "--mode seccomp: this kernel takes no seccomp filters with RET_TRACE; --mode auto does without");
	if (!tr->cap_ptrace && tr->features & F_PATH) tr->features |= F_DUMPABLE;
}

static const char *const aliases[] = { "ptrace_interceptor", NULL };

/* The name stands before the operands (applet_run). */
static bool called_as_seeds_did(const struct args *args)
{
	const char *name = strrchr(args->v[-1], '/');
	return !strcmp(name ? name + 1 : args->v[-1], aliases[0]);
}

static int run(void *cfg_, const struct args *args)
{
	struct intercept *cfg = cfg_;
	static struct tracer tr;

	tr.mount_events = -1;
	int json = 0;
	if (cfg->stats && strcmp(cfg->stats, stats_names[0]) && !(json = !strcmp(cfg->stats, stats_names[1])))
		die_usage("--stats: text or json, not '%s'", cfg->stats);
	if (!cfg->seeds && called_as_seeds_did(args)) cfg->seeds = "k3s";
	configure(&tr, cfg);
	if (cfg->list_rules) return report_rules(tr.features);
	if (cfg->dump_filter) return report_filter(tr.features);
	if (!args->n) die_usage("missing operand: PROGRAM");
	tr.counts = xcalloc(rule_count, sizeof *tr.counts);
	tr.log = open_log(cfg);
	probe(&tr, cfg->mode);
	int status = tracer_run(&tr, args->v, cfg->end_with_main);
	if (cfg->stats) report_stats(&tr, json);
	return status;
}

const struct applet applet_intercept = {
	.name = "intercept",
	.aliases = aliases,
	.group = GROUP_TOOL,
	.summary = "run a program whose system calls are answered where the kernel cannot",
	.usage = "[OPTION…] [--] PROGRAM [ARG…]",
	.opts = opts,
	.cfg_size = sizeof(struct intercept),
	.operands = { "PROGRAM", 0, OPERANDS_ANY },   /* none with --list-rules */
	.flags = APPLET_IN_ORDER,
	.more = "The kernel answers first: only what it lacks is answered here, in PROGRAM and all that it starts, in any\n"
		"namespace. Calls that no rule names are not slowed down. Called as ptrace_interceptor, --seeds k3s is implied.\n"
		"The exit status is PROGRAM's. Programs under it cannot trace others, 32-bit ones see no rule;\n"
		"io_uring is refused, as it opens files unseen. Files are opened, looked at and listed by these rules, never created,\n"
		"removed, renamed, executed or entered (cd); not those of FUSE.\n",
	.run = run,
};
