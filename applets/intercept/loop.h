/* The event loop of the interceptor. */
#ifndef K3SBOX_LOOP_H
#define K3SBOX_LOOP_H

#include "intercept/calls/tracer.h"

/* Runs until all tracees, or (end_with_main) the program itself, have ended. 0 or -errno of
 * waitpid(2). */
int loop_run(struct tracer *tr, bool end_with_main);

#endif
