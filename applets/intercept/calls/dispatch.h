/* A call from stop to stop: the state machine of trace/flight.h. */
#ifndef K3SBOX_DISPATCH_H
#define K3SBOX_DISPATCH_H

#include "intercept/calls/tracer.h"

/* Must all calls of this thread stop? */
bool dispatch_stops_always(struct tracer *tr, struct tracee *t);
void dispatch_seccomp_stop(struct tracer *tr, struct tracee *t);
void dispatch_syscall_stop(struct tracer *tr, struct tracee *t);
/* Resumes the thread with a signal (0: none) to the next stop that matters. */
void dispatch_resume(struct tracer *tr, struct tracee *t, int sig);

#endif
