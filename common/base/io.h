/* Files. Functions return 0 (or a count) on success and -errno on failure; they print nothing.
 * Every descriptor opened here is close-on-exec. */
#ifndef K3SBOX_IO_H
#define K3SBOX_IO_H

#include <stdbool.h>
#include <stddef.h>
#include <sys/types.h>

struct buf;

/* Where k3sbox keeps what must not survive a reboot: journal, run state, shim rules. Mode 0700. */
#define K3SBOX_RUN "/run/k3sbox"

/* Appends what is left of fd to b; -EFBIG if more than max bytes are there. Works on /proc files of
 * size 0. */
int io_read_fd(int fd, struct buf *b, size_t max);

/* The same for a file by name. */
int io_read(const char *path, struct buf *b, size_t max);

/* First line of a small file without its line end, NUL-terminated, cut at size; for /proc and
 * /sys. */
int io_read_line(const char *path, char *line, size_t size);

/* Writes all n bytes, through short writes and EINTR. */
int io_write_fd(int fd, const void *data, size_t n);

/* One open(O_WRONLY) + write(2) into a file that exists already (/proc, /sys, cgroup); never
 * creates. */
int io_poke(const char *path, const char *text);

/* Appends the line and its end in one write; a file that is not there is made with this mode. */
int io_add_line(const char *path, mode_t mode, const char *line);

/* Replaces the file by the data: temporary file beside it, mode, fsync, rename, fsync of the
 * directory. A crash or an error at any point leaves the old file or the new one, nothing else (the
 * temporary file is removed on error). A symlink at path is replaced, not followed. */
int io_replace(const char *path, mode_t mode, const void *data, size_t n);

/* Writes into the file itself: for one that cannot be replaced, such as a mount point. The new text
 * goes in first, then what is too long is cut. */
int io_overwrite(const char *path, const void *data, size_t n);

/* Is the open file the one that the path leads to now? */
bool io_is_at(int fd, const char *path);

/* A file without a name that has this text, to be read from its start. A descriptor or -errno. */
int io_memory(const void *data, size_t n);

/* The two halves of io_replace() for data that comes in pieces. io_begin() makes a temporary file
 * beside path, puts its name in temp and returns its descriptor or -errno. io_end() closes it and,
 * if r is 0, gives it the mode and the name path; on an error (r itself or its own) it removes it.
 * Returns 0 or the first error. */
int io_begin(const char *path, char *temp, size_t size);
int io_end(int fd, int r, mode_t mode, const char *temp, const char *path);

/* mkdir -p; directories that exist keep their mode; -ENOTDIR if something else is in the way. */
int io_mkdirs(const char *path, mode_t mode);

/* io_mkdirs() for the directory that path lies in. */
int io_mkparents(const char *path, mode_t mode);

/* Copies from the file's start to its end; the target is replaced as by io_replace(). */
int io_copy(const char *from, const char *to, mode_t mode);

/* Removes a tree without following symlinks or crossing into another file system; no error if it is
 * not there. */
int io_remove_tree(const char *path);

/* Removes a file; no error if it is not there. */
int io_unlink(const char *path);

bool io_exists(const char *path);

/* Full name of the file that this process runs from. 0 or -errno (-ENAMETOOLONG, or /proc is not
 * mounted). */
int io_self_path(char *out, size_t size);

/* "dir/name" into out; -ENAMETOOLONG if it does not fit. */
int io_join(char *out, size_t size, const char *dir, const char *name);

/* The program in PATH (or name itself if it has a slash) that is an executable regular file, other
 * than the file that this process runs from (so that a link to k3sbox never finds itself). 0,
 * -ENOENT or -EACCES. */
int io_find_program(const char *name, const char *path_env, char *out, size_t size);

#endif
