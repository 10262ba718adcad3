/* Starts a program under the interceptor. */
#ifndef K3SBOX_RUN_TRACE_H
#define K3SBOX_RUN_TRACE_H

#include "intercept/calls/tracer.h"

/* Runs it until it and, unless end_with_main, all its descendants have ended. Returns its exit
 * status, or 128 + n if signal n killed it. */
int run_traced(struct tracer *tr, char **argv, bool end_with_main);

#endif
