/* The call in flight: the system call that a thread is in, as far as the interceptor follows it.
 * Each tracee has one. Only calls/dispatch.c, which is the state machine, changes it; handlers see
 * it through calls/call.h.
 *
 * Stops of one call, by kernel, for the seccomp engine (a filter stops calls that have a rule):
 *
 *   Linux >= 4.8:          [entry stop] → seccomp stop → [exit stop]
 *   gVisor, Linux < 4.8:   seccomp stop → [entry stop] → [exit stop]
 *
 * Stops in brackets come only if the thread was resumed with PTRACE_SYSCALL. With the syscall
 * engine, and in watched processes (view/special.h), every call has an entry stop and an exit stop.
 * What happens at a stop:
 *
 *   phase      at a seccomp stop           at a syscall stop
 *   OUT        the call begins: handler    it is the entry stop: the call begins, handler
 *   FILTERED   a new call begins           it is the entry stop of a call begun already: → IN
 *   IN         begun already: nothing      it is the exit stop: the continuation, → OUT
 *
 * The phase after the beginning of a call depends on what the handler returned. A thread whose
 * phase is OUT is resumed to its next filtered call, any other one to its next stop.
 *
 *   verdict    seccomp engine                           syscall engine or watched process
 *   PASS       OUT                                      IN, or FILTERED as below
 *   THEN       FILTERED where the entry stop is still   the same
 *              to come (gVisor), else IN
 *   DONE       OUT after a seccomp stop, else IN        IN */
#ifndef K3SBOX_FLIGHT_H
#define K3SBOX_FLIGHT_H

#include <stdbool.h>
#include <stdint.h>

#include "intercept/trace/arch_x86_64.h"

struct call;
struct call_state;
struct held_call;
struct scratch;
struct syscall_rule;

enum call_phase {
	PHASE_OUT,        /* in user mode, or in a call that is not followed */
	PHASE_FILTERED,   /* after the seccomp stop; the entry stop is still to come */
	PHASE_IN,         /* after the entry; the exit stop will come */
};

/* What a handler returns: how the call goes on. */
enum call_verdict {
	/* At the beginning: the call goes on, with its registers as they are now, and its result is
	 * not looked at. At the exit: the tracee sees c->result, which is the kernel's unless
	 * changed. */
	CALL_PASS,
	/* At the beginning only: the call goes on, and c->then runs at its exit. */
	CALL_THEN,
	/* The call is over, and the tracee sees c->result. */
	CALL_DONE,
	/* At the exit only: the tracee issues the call once more, with the arguments that it gave,
	 * and c->then runs at its beginning. */
	CALL_AGAIN,
};

typedef enum call_verdict call_handler(struct call *c);

struct flight {
	enum call_phase phase;
	/* What runs at the next stop of this call, and the rule that the call is handled by; NULL:
	 * nothing. At the exit stop, or, if `again` is set, when the call begins anew. */
	call_handler *then;
	const struct syscall_rule *rule;
	bool again;                /* the tracee will issue the call in `saved` once more */
	bool forced;               /* the call was skipped, and `result` is what it returns */
	bool swapped;              /* registers were changed; `saved` has the tracee's own */
	long result;
	regs_t saved;
	/* has the strings of this call, in this slot; NULL: none needed */
	struct scratch *pool;
	int slot;
	struct held_call *held;    /* what comes after the mmap(2) of a pool (calls/dispatch.c) */
	struct call_state *state;  /* what its handlers remember; freed when it is over */
};

#endif
