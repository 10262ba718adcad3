/* Adds missing files to /proc/sys: a tmpfs over each directory that lacks one, with every real
 * entry bound back into it, so that what exists stays live and what is missing can be read and
 * written. */
#ifndef K3SBOX_PROCSYS_H
#define K3SBOX_PROCSYS_H

#include <stdbool.h>

#include "plan/rows.h"

struct seed;

#define PROC_SYS "/proc/sys"

/* Can the reader live with what exists? 0; else -errno: of the open, or, for a value that the
 * kubelet would change, of writing the present value back. Nothing is changed. */
int procsys_check(const struct seed *s);

/* Is it worth a mount when procsys_check() fails? (SEED_LOGGED is not.) */
bool procsys_wanted(const struct seed *s);

/* Mounts what is needed; nothing if nothing is. Undoes it all on error. Uses neither options nor
 * step (may be NULL), nor does the other. */
step_apply procsys_mount;
step_undo procsys_unmount;

/* Writes all seeds as plain files below root. 0 or -errno. */
int procsys_write_tree(const char *root, struct err *e);

#endif
