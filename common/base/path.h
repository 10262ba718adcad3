/* Paths as text. Pure: no symlink is looked at. */
#ifndef K3SBOX_BASE_PATH_H
#define K3SBOX_BASE_PATH_H

#include <stdbool.h>
#include <stddef.h>

/* `in` without "//", "/./", "/../" and a slash at its end into out, as Go's filepath.Clean: ".."
 * takes back the component before it, which is right where that is no symlink; at the root it is
 * dropped, at the start of a relative path it stays. "" becomes ".". 0, or -ENAMETOOLONG. */
int path_clean(char *out, size_t size, const char *in);

/* path_clean() of `in`, which starts from base if it is relative; it may be "". out has PATH_MAX
 * bytes. 0, -ENAMETOOLONG, or -EINVAL (base is not absolute). */
int path_join(char *out, const char *base, const char *in);

/* If path is dir or lies below it: what follows, without the slash ("" for dir itself). Else NULL.
 * Compares whole components; dir may end in a slash. */
const char *path_below(const char *path, const char *dir);

/* Is path dir itself, or does it lie below it? */
bool path_within(const char *path, const char *dir);

/* What follows the last slash ("" if that is the end), or all of it. Points into path. */
const char *path_name(const char *path);

/* Is this name "." or ".."? */
bool path_is_dots(const char *name);

/* Does it have a ".." component? */
bool path_climbs(const char *path);

#endif
