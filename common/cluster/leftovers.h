/* What a supervisor that was killed has left running. */
#ifndef K3SBOX_LEFTOVERS_H
#define K3SBOX_LEFTOVERS_H

#include <stddef.h>

#include "cluster/runstate.h"

/* Mark in the environment of k3s and of all that it starts but the containers: "K3SBOX_CHILD=" and which K3SBOX_RUN this is, for
 * another k3sbox may be seen in /proc (a chroot, a mount namespace). */
#define RUN_MARK "K3SBOX_CHILD"
enum { RUN_MARK_SIZE = 64 };
void run_mark(char out[RUN_MARK_SIZE]);

/* For when there is no supervisor any more and its lock is ours: ends what carries RUN_MARK, sweeps, and saves that all of it has
 * stopped. How many processes there were. */
size_t leftovers_end(struct runstate *s);
/* How many there are. */
size_t leftovers_count(void);

#endif
