/* cgroup v1 controllers that a kernel lacks, made to show in its tables; and files that a controller
 * lacks. Pure. */
#ifndef K3SBOX_CGROUPS_H
#define K3SBOX_CGROUPS_H

#include <stdbool.h>
#include <stddef.h>

#include "base/buf.h"

/* /proc/PID/cgroup: a line for each name that has none, with the first line's path. */
void cgroups_of_process(const char *text, size_t n, const char *const *names, size_t name_n, struct buf *out);

/* /proc/cgroups: the same. */
void cgroups_of_kernel(const char *text, size_t n, const char *const *names, size_t name_n, struct buf *out);

/* mountinfo (info) or mounts: a mount of type cgroup whose mount point's last component is one of the
 * names gets that name as its option, in place of those of the hierarchy that is mounted there for it. */
void cgroups_in_mounts(const char *text, size_t n, bool info, const char *const *names, size_t name_n,
	struct buf *out);

/* A control file that some kernels' controllers lack. */
struct cgroup_file {
	const char *name, *controller;
	const char *content;      /* NULL: made from cpuacct.usage */
	bool writable;            /* takes what is written and drops it */
};

/* By its base name; NULL if it is none, or its controller is not among the names (NULL controller:
 * always). */
const struct cgroup_file *cgroup_file_find(const char *base, const char *const *names, size_t name_n);

#endif
