/* Limits of this kernel and of this process that a node reaches: open files, and files of /proc/sys
 * that are raised and set back. */
#ifndef K3SBOX_FIX_LIMITS_H
#define K3SBOX_FIX_LIMITS_H

#include <stdint.h>

#include "plan/rows.h"

/* Lets this process and its children open as many files as k3s's own unit for systemd does, or as
 * many as are allowed. How many that are. */
uint64_t limits_raise_files(void);

/* The value of a file below /proc/sys; UINT64_MAX if it has none. */
uint64_t limits_read(const char *name);
/* Is a limit of this fact lower than what it can be raised to? */
bool limits_can_raise(enum fact_id fact);

/* Raises those of the step's fact. */
step_apply limits_raise;
step_undo limits_restore;

#endif
