/* The files that a hierarchy of cgroup version 1 may lack, and which of the kernel's own files
 * tells the same. Pure.
 *
 * What reads them: opencontainers/cgroups fs/cpuacct.go and fs/memory.go (runc, cAdvisor), which
 * accept files on a cgroup file system only, and containerd/cgroups cgroup1. So a missing file is a
 * link to a real one: to another of the same group, or to one of the spare group, which has no
 * processes and whose files read as "", "0" and "1". */
#ifndef K3SBOX_CGROUPFS_FILES_H
#define K3SBOX_CGROUPFS_FILES_H

#include <stdbool.h>

struct files_row {
	const char *name;          /* the missing file */
	const char *beside;        /* it is shown only in groups that have this one */
	bool spare;                /* target lies in the spare group, else in the group itself */
	const char *target;
	/* target stores the largest value of `beside` that was seen so far; not shown itself */
	bool peak;
};

/* NULL: no file that could be missing. */
const struct files_row *files_find(const char *name);
/* The rows by index; NULL behind the last. */
const struct files_row *files_at(unsigned index);

/* Is it kept for a row's peak? */
bool files_keeps_peak(const char *name);

#endif
