/* Whose root directory: names of a tracee's files as the tracer can open them. A tracee in another
 * root (chroot, pivot_root, mount namespace) sees other files under the same names. */
#ifndef K3SBOX_ROOT_H
#define K3SBOX_ROOT_H

#include <sys/types.h>

#include "intercept/trace/tracee.h"
#include "intercept/view/view.h"

/* Fills in view.own. */
void root_find_own(struct view *v);

/* Does the tracee see our files? Also sets its root_key. Cached until view_roots_changed(). */
enum root_state root_of(struct view *v, struct tracee *t);

/* A name under which the tracer reaches the tracee's absolute path: the path itself, or below
 * /proc/TID/root. out has PATH_MAX bytes. 0 or -ENAMETOOLONG. */
int root_name(struct view *v, struct tracee *t, const char *path, char *out);

/* The same for the nearest existing directory above path: a stand-in takes its mount, device and
 * file system type from there. */
void root_directory_above(struct view *v, struct tracee *t, const char *path, char *out);

/* Links in /proc name files from the tracer's root: takes the tracee's root off the front of
 * path. */
void root_strip(struct view *v, struct tracee *t, char *path);

#endif
