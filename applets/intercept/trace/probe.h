/* What this kernel can do for a tracer, found out with a child process that is traced for it. */
#ifndef K3SBOX_PROBE_TRACE_H
#define K3SBOX_PROBE_TRACE_H

#include <stdbool.h>

#include "base/err.h"
#include "intercept/trace/mem.h"

enum trace_engine {
	ENGINE_SECCOMP,   /* a filter stops the calls that a rule names */
	ENGINE_SYSCALL,   /* every call stops at its entry and its exit */
};

struct kernel_facts {
	enum trace_engine engine;
	bool seccomp_first;        /* the seccomp stop comes before the entry stop */
	bool has_syscall_info;     /* PTRACE_GET_SYSCALL_INFO */
	bool cap_ptrace;           /* this process has CAP_SYS_PTRACE */
	/* Polling for the next stop for a while is faster than sleeping: several processors, and a
	 * cheap waitpid(2). */
	bool spin;
};

/* Fills in the facts and the ways to the memory of a tracee. 0; or -errno, if tracing is not
 * possible at all, with the request that failed in e. */
int probe_tracing(struct kernel_facts *k, struct mem *m, bool force_syscall, struct err *e);

#endif
