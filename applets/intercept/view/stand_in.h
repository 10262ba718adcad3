/* What stands in for which path: a file that the kernel lacks, or one that is shown differently.
 * This answers questions about names and content; opening is calls/open.c's. */
#ifndef K3SBOX_STAND_IN_H
#define K3SBOX_STAND_IN_H

#include <limits.h>
#include <stdbool.h>
#include <sys/stat.h>
#include <sys/types.h>

#include "base/buf.h"
#include "intercept/trace/tracee.h"
#include "intercept/view/view.h"
#include "plan/seeds.h"

#define PROC_SYS "/proc/sys"

struct cgroup_file;

enum stand_in_kind {
	STAND_IN_SEED,       /* a seeded sysctl */
	STAND_IN_SEED_DIR,   /* a directory that has nothing but seeds in it */
	STAND_IN_MAP,        /* --map, --replace: another path */
	STAND_IN_TABLE,      /* /proc/PID/mountinfo, mounts or cgroup, /proc/cgroups: rewritten */
	STAND_IN_CGROUP,     /* a control file that a cgroup lacks */
	STAND_IN_NS,         /* a file in /proc/PID/ns */
};

/* What stands in for one path. Of the middle part each kind has its own member; the others are
 * 0. */
struct stand_in {
	enum stand_in_kind kind;
	bool at_once;                     /* do not ask the kernel first */

	const struct seed *seed;          /* SEED */
	const char *table;                /* TABLE: "mountinfo", … */
	const struct cgroup_file *file;   /* CGROUP */
	pid_t mnt_of;                     /* NS: whose mount namespace; 0: another kind */

	char path[PATH_MAX];              /* canonical, as the tracee sees it */
	char target[PATH_MAX];            /* MAP: as the tracer sees it */
};

/* What stands in for a canonical path; false: nothing does. s need not be initialized, but counts
 * only if this returns true. */
bool stand_in_find(struct view *v, struct tracee *t, const char *path, struct stand_in *s);

/* May anything stand in for a path with this last component? False is final; it takes no system
 * call. */
bool stand_in_may_be_named(const struct view *v, const char *name);

/* Appends the content. 0 or -errno. */
int stand_in_content(struct view *v, struct tracee *t, const struct stand_in *s, struct buf *out);

/* As stat(2) describes it. */
void stand_in_stat(struct view *v, struct tracee *t, const struct stand_in *s, struct stat *st);

mode_t stand_in_mode(const struct stand_in *s);

/* May the tracee open it for `want` (R_OK | W_OK)? 0 or -EACCES: as a sysctl of that mode, owned by
 * root; the mode holds for root too. */
int stand_in_access(const struct tracee *t, const struct stand_in *s, int want);

/* Calls fn for each name that a rule adds to the directory (a canonical path), whether the kernel
 * has it or not. A name may come twice. */
void stand_in_names(struct view *v, const char *dir,
	void (*fn)(void *arg, const char *name, bool is_dir), void *arg);

#endif
