/* Names of processes' files in /proc, as text. Pure. */
#ifndef K3SBOX_VIEW_PATH_H
#define K3SBOX_VIEW_PATH_H

#include "base/path.h"

/* For /proc/self/…, /proc/thread-self/…, /proc/PID/…, /proc/PID/task/TID/…: what follows ("" for
 * "/proc/self" itself), and the number in *pid (0: self). Else NULL. */
const char *path_proc(const char *path, int *pid);

#endif
