/* Starts the program under the tracer and stays until it, and unless told otherwise all it left behind,
 * has ended. */
#ifndef K3SBOX_RUN_TRACE_H
#define K3SBOX_RUN_TRACE_H

#include "intercept/trace/tracer.h"

/* Returns the program's exit status; 128 + n if signal n killed it. */
int tracer_run(struct tracer *tr, char **argv, bool end_with_main);

#endif
