/* cgroup v1 controllers that a kernel lacks, shown in its tables, and control files that a
 * controller lacks. Pure. */
#ifndef K3SBOX_CGROUPS_H
#define K3SBOX_CGROUPS_H

#include <stdbool.h>
#include <stddef.h>

#include "base/buf.h"

/* /proc/PID/cgroup: adds a line for each name that has none, with the path of the first line. */
void cgroups_of_process(const char *text, size_t n, const char *const *names, size_t name_n,
	struct buf *out);

/* /proc/cgroups: the same. */
void cgroups_of_kernel(const char *text, size_t n, const char *const *names, size_t name_n,
	struct buf *out);

/* mountinfo (info) or mounts: a mount of type cgroup whose mount point ends in one of the names
 * gets that name as its option, instead of the controllers of the hierarchy that is mounted
 * there. */
void cgroups_in_mounts(const char *text, size_t n, bool info, const char *const *names,
	size_t name_n, struct buf *out);

/* A control file that some kernels' controllers lack. */
struct cgroup_file {
	const char *name, *controller;
	const char *content;      /* NULL: made from cpuacct.usage */
	bool writable;            /* what is written is accepted and dropped */
};

/* By its base name. NULL if there is none, or its controller is not one of the names; a file
 * without controller is always found. */
const struct cgroup_file *cgroup_file_find(const char *base, const char *const *names,
	size_t name_n);

#endif
