/* Paths as text. Pure. */
#ifndef K3SBOX_PATH_H
#define K3SBOX_PATH_H

#include <stdbool.h>
#include <stddef.h>

/* An absolute path without "//", "/./" and "/../" into out (PATH_MAX bytes). ".." is taken
 * literally, which is right where no component before it is a symlink. base is what a relative `in`
 * starts from; `in` may be "". 0, -ENAMETOOLONG, or -EINVAL (base is not absolute). */
int path_join(char *out, const char *base, const char *in);

/* If path is dir or lies below it: what follows, without the slash ("" for dir itself). Else
 * NULL. */
const char *path_below(const char *path, const char *dir);

/* Has it a ".." component? */
bool path_climbs(const char *path);

/* For /proc/self/…, /proc/thread-self/…, /proc/PID/…, /proc/PID/task/TID/…: what follows ("" for
 * "/proc/self" itself), and the number in *pid (0: self). Else NULL. */
const char *path_proc(const char *path, int *pid);

#endif
