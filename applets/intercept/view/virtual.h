/* What stands in for which path, and what is in it. */
#ifndef K3SBOX_VIRTUAL_H
#define K3SBOX_VIRTUAL_H

#include <stdbool.h>
#include <sys/stat.h>

#include "base/buf.h"
#include "intercept/trace/job.h"
#include "intercept/trace/tracer.h"

#define PROC_SYS "/proc/sys"

/* Does a rule name this canonical path? Fills in kind, path, seed, map, target, at_once. */
bool virtual_find(struct tracer *tr, struct tracee *t, const char *path, struct job *j);

/* The content of what j stands for: 0 or -errno. */
int virtual_content(struct tracer *tr, struct tracee *t, const struct job *j, struct buf *out);

/* What stat(2) says of it. */
void virtual_stat(struct tracer *tr, struct tracee *t, const struct job *j, struct stat *st);

/* 0 if the tracee may open it so (R_OK | W_OK), -EACCES if not: as a sysctl of that mode, owned by root,
 * whose mode binds root too. */
int virtual_access(const struct tracee *t, const struct job *j, int want);

mode_t virtual_mode(const struct job *j);

/* The nearest folder above path that exists, under a name for us to open: what a stand-in's mount, device and type are taken from. */
void virtual_folder(struct tracer *tr, struct tracee *t, const char *path, char *ours);

/* The network namespace of a tracee as a number for the store. */
uint64_t virtual_net_ns(const struct tracee *t);

/* Calls fn for each name that a rule adds to the folder (canonical path), existing or not; names may
 * come twice. */
void virtual_names(struct tracer *tr, const char *dir,
	void (*fn)(void *arg, const char *name, bool is_dir), void *arg);

#endif
