/* What a path argument of a tracee means, in the tracee's own eyes. */
#ifndef K3SBOX_RESOLVE_H
#define K3SBOX_RESOLVE_H

#include <stdbool.h>

#include "intercept/trace/job.h"
#include "intercept/trace/tracer.h"

/* Does the path lead to something that a rule names? Then j says to what (kind, path, seed, map, …).
 * Relative paths, descriptors, "..", symlinks, chroots and /proc/self are taken as the kernel takes
 * them; nofollow: as O_NOFOLLOW. Costs no more than a look into a table when the same path was asked
 * before. */
bool resolve(struct tracer *tr, struct tracee *t, int dirfd, const char *raw, bool nofollow, struct job *j);

/* Where the path leads, whether a rule names it or not; what does not exist is kept as text. */
bool resolve_path(struct tracer *tr, struct tracee *t, int dirfd, const char *raw, char *out);

/* A name of the tracee's file for us to open: its path, or that path below /proc/TID/root if it has
 * another root. */
int resolve_for_us(struct tracer *tr, struct tracee *t, const char *path, char *out);

/* The canonical path of a descriptor; false if it has none. */
bool resolve_fd(struct tracer *tr, struct tracee *t, int fd, char *out);

#endif
