/* /dev/kmsg, which the kubelet's OOM watcher opens at its start. */
#ifndef K3SBOX_FIX_KMSG_H
#define K3SBOX_FIX_KMSG_H

#include "plan/rows.h"

/* Can it be opened for reading? 0 or -errno. */
int kmsg_check(void);
/* A symbolic link to /dev/null, where there is none; /dev/null bound over it, where it cannot be
 * opened. They use neither options nor step (may be NULL). */
step_apply kmsg_link, kmsg_bind;
/* Removes link or mount, if they are ours. */
step_undo kmsg_remove;

#endif
