/* Files in which a step notes what it changes, a line each, before it does; the undo goes by
 * them. */
#ifndef K3SBOX_FIX_NOTED_H
#define K3SBOX_FIX_NOTED_H

#include "base/err.h"

/* Calls undo for each line. Removes the file if all succeed; otherwise the first error is returned,
 * with the line behind `what` in e. No file: 0. */
int noted_undo(const char *file, int (*undo)(const char *line), const char *what, struct err *e);

#endif
