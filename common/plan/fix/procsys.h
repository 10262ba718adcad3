/* Adds missing files to /proc/sys: a tmpfs over each folder that lacks one, with every real entry bound back into it, so that
 * what exists stays live and what is missing can be read and written. */
#ifndef K3SBOX_PROCSYS_H
#define K3SBOX_PROCSYS_H

#include <stdbool.h>
#include <stddef.h>

struct seed;

#define PROC_SYS "/proc/sys"

/* Can the reader live with what is there? 0; else -errno: of the open, or, for a value that the kubelet would change, of writing
 * the present value back. Nothing is changed. */
int procsys_check(const struct seed *s);

/* Is it worth a mount when procsys_check() fails? (SEED_LOGGED is not.) */
bool procsys_wanted(const struct seed *s);

/* Mounts what is needed; nothing if nothing is. Takes back what it did on error. 0 or -errno; *what (may be NULL) names
 * the path that failed and stays valid until the next call. */
int procsys_apply(const char **what);

/* Removes those mounts. 0 or -errno. */
int procsys_clean(void);

/* Writes all seeds as plain files below root. 0 or -errno. */
int procsys_write_tree(const char *root);

#endif
