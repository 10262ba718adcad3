/* Mount propagation of /. */
#ifndef K3SBOX_FIX_PROPAGATION_H
#define K3SBOX_FIX_PROPAGATION_H

#include "plan/rows.h"

/* Makes / and all mounts below it shared. */
step_apply propagation_share;
/* Makes them private again, but only if all were (the fact's value was "all"). */
step_undo propagation_unshare;

#endif
