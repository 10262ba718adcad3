/* What a handler remembers about a call until it is over. */
#ifndef K3SBOX_JOB_H
#define K3SBOX_JOB_H

#include <limits.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "plan/seeds.h"

struct map;
struct lack;
struct cgroup_file;

enum job_kind {
	JOB_SEED,       /* a seeded sysctl */
	JOB_SEED_DIR,   /* a folder that only seeds lie in */
	JOB_MAP,        /* --map, --replace: another path */
	JOB_TABLE,      /* /proc/PID/mountinfo, mounts or cgroup, /proc/cgroups: rewritten */
	JOB_CGROUP,     /* a control file that a cgroup lacks */
	JOB_NS,         /* a file in /proc/PID/ns */
	JOB_OTHER,      /* a handler's own */
};

struct job {
	enum job_kind kind;
	int stage;                 /* the handler's own; 0 at first */
	const struct seed *seed;
	const struct map *map;
	bool at_once;              /* do not ask the kernel first */
	const char *table;         /* JOB_TABLE: "mountinfo", … */
	const struct cgroup_file *file;   /* JOB_CGROUP */
	pid_t mnt_of;              /* JOB_NS: the mount namespace is this process's; 0: another kind */
	int fd;                    /* descriptor argument, or AT_FDCWD */
	uint64_t flags;            /* open flags, or at-flags */
	const struct lack *lack;   /* of mount(2): the last thing that the call was made without; flags has the mount flags left out, */
	bool no_data;              /* and so were its options */
	long error;                /* what the kernel answered */
	uint64_t value;
	int slot;                  /* scratch; -1: none */
	void *pool;
	uint64_t path_addr;        /* the path argument, and its length */
	size_t path_len;
	char path[PATH_MAX];       /* canonical, in the tracee's eyes */
	char target[PATH_MAX];     /* JOB_MAP: in ours */
};

/* Sets all but the two paths, which are for resolve() to fill. */
void job_init(struct job *j, enum job_kind kind);
struct job *job_new(enum job_kind kind);   /* NULL: out of memory */
void job_free(struct job *j);              /* scratch must have been given back */

#endif
