/* What a path argument of a tracee means, as the tracee sees it. */
#ifndef K3SBOX_RESOLVE_H
#define K3SBOX_RESOLVE_H

#include <stdbool.h>

#include "intercept/view/stand_in.h"

/* Does the path lead to something that a stand-in exists for? Then it is in s. Relative paths,
 * descriptors, "..", symlinks, chroots and /proc/self are followed as the kernel follows them;
 * nofollow: as O_NOFOLLOW. If the same path was asked for before, this costs one look into a
 * table. */
bool resolve(struct view *v, struct tracee *t, int dirfd, const char *raw, bool nofollow,
	struct stand_in *s);

/* Where the path leads, with or without a stand-in; what does not exist is kept as text. out has
 * PATH_MAX bytes. */
bool resolve_path(struct view *v, struct tracee *t, int dirfd, const char *raw, char *out);

/* The canonical path of a descriptor; false: it has none. */
bool resolve_fd(struct view *v, struct tracee *t, int fd, char *out);

/* The path as text, starting at the root: out is not normalised, and no link is followed. */
bool resolve_text(struct view *v, struct tracee *t, int dirfd, const char *raw, char *out);

#endif
