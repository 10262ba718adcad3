/* What this kernel can do for a tracer, found out with a child that does it. */
#ifndef K3SBOX_PROBE_TRACE_H
#define K3SBOX_PROBE_TRACE_H

#include "intercept/trace/tracer.h"

/* Sets engine (unless force_syscall), seccomp_first, has_syscall_info, cap_ptrace, spin and the ways to
 * memory. 0; or -errno if tracing is not possible at all, with the request that failed in *what. */
int probe_tracing(struct tracer *tr, bool force_syscall, const char **what);

/* Puts the filter on the calling thread: without no_new_privs if that is allowed, so that setuid
 * programs keep working. 0 or -errno. */
struct sock_filter;
int filter_install(const struct sock_filter *f, size_t n);

/* What SEIZE is called with. */
unsigned trace_options(bool seccomp);

#endif
