/* Mounts of control groups and of /proc/sys that a container was given read-only: writable for as
 * long as k3s needs them. */
#ifndef K3SBOX_FIX_WRITABLE_H
#define K3SBOX_FIX_WRITABLE_H

#include "base/mounts.h"
#include "plan/rows.h"

/* Is any mount at or below the directory read-only? */
bool writable_is_needed(const struct mounts *m, const char *dir);

/* Makes each such mount writable, and calls note (may be NULL) before it does. Nothing else about
 * the mount changes, nor does any other mount of the same file system. 0 or -errno. */
int writable_make(const struct mounts *m, const char *dir, int (*note)(const char *point));

/* The row's argument is the directory. The undo makes all read-only again that either made
 * writable. */
step_apply writable_apply;
step_undo writable_undo;

#endif
