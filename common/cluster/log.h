/* k3s's log: one file of bounded size and one older. */
#ifndef K3SBOX_RUN_LOG_H
#define K3SBOX_RUN_LOG_H

#include <stdbool.h>
#include <stddef.h>

#include "base/buf.h"

enum { LOG_MAX = 16 << 20 };   /* bytes; then the content moves to "….1" */

/* Makes a new log (an old one moves to PATH.1). A descriptor for appending, or -errno. */
int log_open(const char *path);

/* Moves the content to PATH.1 if it is over max. The writer keeps its descriptor, so what it writes
 * while the last bytes are copied is the only thing that can be lost. 0 or -errno. */
int log_rotate(const char *path, size_t max);

/* Where the last n lines begin (bytes), or -errno. */
long long log_lines_at(const char *path, unsigned n);

/* The last n lines, or the last MiB if they are longer. 0 or -errno. */
int log_tail(const char *path, unsigned n, struct buf *out);

/* Writes what is added to the file to out_fd, until stop() returns true (NULL: without end); from
 * its end, or from byte `from`. -errno on error. */
int log_follow(const char *path, long long from, int out_fd, bool (*stop)(void *arg), void *arg);

/* Pure. What k3s or the kubelet last said in these lines about why it cannot go on, to the line's
 * end: "Node password rejected, …"; and in *help, what to do. Cuts the text. NULL if they said
 * nothing of the kind. */
const char *log_waits(char *text, const char **help);

/* What run writes to the log when it starts k3s again. */
#define LOG_AGAIN "k3sbox: k3s is started again\n"

/* Pure. The line of k3s's log that says best why it ended, without time, level and quotes: the last
 * fatal one, else the end of a part, else the last error. Empty if there is none. */
void log_last_error(const char *text, char *out, size_t size);

/* Why the k3s that was started last has ended, by this exit status and its log. */
void log_end(const char *path, int status, char *out, size_t size);

/* Pure. The cause that the last lines of k3s's log point to, with what to do; NULL if none is
 * known. */
const char *log_cause(const char *text);

#endif
