/* The data directory on a mount that refuses to execute programs: k3s unpacks itself there. */
#ifndef K3SBOX_FIX_EXECUTABLE_H
#define K3SBOX_FIX_EXECUTABLE_H

#include "plan/rows.h"

/* Binds the directory, with all mounts in it, to itself, without noexec. 0 or -errno; then nothing
 * has changed. */
int executable_bind(const char *dir);

step_apply executable_apply;
step_undo executable_undo;

#endif
