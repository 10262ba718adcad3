/* Paths as text. Pure. */
#ifndef K3SBOX_PATH_H
#define K3SBOX_PATH_H

#include <stdbool.h>
#include <stddef.h>

/* An absolute path without "//", "/./" and "/../" (taken literally: right where no component before it
 * is a symlink); base is what a relative path starts from. 0, or -ENAMETOOLONG / -EINVAL (base not
 * absolute). in may be "". out has PATH_MAX bytes. */
int path_join(char *out, const char *base, const char *in);

/* Is path dir or below it? Then what follows it, without the slash ("" for dir itself); else NULL. */
const char *path_below(const char *path, const char *dir);

/* Has it a ".." component? */
bool path_climbs(const char *path);

/* /proc/self/…, /proc/thread-self/…, /proc/PID/…, /proc/PID/task/TID/… → what follows, and whose it is
 * (0: self). NULL if it is none of these. "/proc/self" itself gives "". */
const char *path_proc(const char *path, int *pid);

#endif
