/* One stop of a system call, as handlers see it, and what they can do with it.
 *
 * A handler runs when a call begins (the `enter` of its rule), or as the continuation that an
 * earlier handler of the same call named. It ends with one of
 *
 *   return CALL_PASS;            leave the call, or its result, as it is
 *   return call_then(c, fn);     beginning: let it go on; fn runs when it has ended, with c->result
 *   return call_done(c, r);      the tracee sees r; at the beginning the kernel is not asked
 *   return call_again(c, fn);    end: the tracee issues the call once more; fn runs when it begins
 *
 * Between the first stop and the last, handlers may turn the call into any other (call_set_nr(),
 * call_set_arg(), call_set_path()); the tracee gets its own registers back. */
#ifndef K3SBOX_CALL_H
#define K3SBOX_CALL_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "intercept/calls/rules.h"
#include "intercept/calls/state.h"
#include "intercept/calls/tracer.h"

struct call_text { int arg; const char *text; };

struct call {
	struct tracer *tr;
	struct tracee *t;
	const struct syscall_rule *rule;
	regs_t regs;
	bool dirty;                /* regs must be written back */
	long result;               /* at the exit: the kernel's answer */
	call_handler *then;        /* the continuation */
	struct call_text texts[SCRATCH_STRINGS];   /* for dispatch.c to put into the tracee */
	int text_n;
};

/* ---- verdicts ---- */

static inline enum call_verdict call_then(struct call *c, call_handler *fn)
{
	c->then = fn;
	return CALL_THEN;
}

static inline enum call_verdict call_done(struct call *c, long result)
{
	c->result = result;
	return CALL_DONE;
}

static inline enum call_verdict call_again(struct call *c, call_handler *fn)
{
	c->then = fn;
	return CALL_AGAIN;
}

/* A handler that returns CALL_PASS: call_again(c, call_pass) leaves the call to the kernel. */
call_handler call_pass;

/* ---- arguments ---- */

static inline uint64_t call_arg(const struct call *c, int i) { return regs_arg(&c->regs, i); }
/* The next three at the beginning only, and before call_then(). */
void call_set_arg(struct call *c, int i, uint64_t v);
void call_set_nr(struct call *c, long nr);
/* Argument i points to a copy of text, which has at most PATH_MAX bytes and must live until the
 * call is over (in the state, for one). At most SCRATCH_STRINGS per call. If the tracee has no
 * memory for it, the call goes on as the tracee made it, and its result is not looked at. */
void call_set_path(struct call *c, int i, const char *text);

/* ---- the memory of the tracee: 0 or -errno, call_string() the length ---- */

int call_read(struct call *c, uint64_t addr, void *to, size_t n);
int call_write(struct call *c, uint64_t addr, const void *from, size_t n);
ssize_t call_string(struct call *c, int arg, char *to, size_t size);

/* ---- state ---- */

static inline struct call_state *call_state(const struct call *c) { return c->t->call.state; }
/* A zeroed one; NULL: out of memory. */
struct call_state *call_new_state(struct call *c);

/* ---- others ---- */

/* The descriptor that a path argument starts from: the rule's directory descriptor, or AT_FDCWD. */
int call_path_start(const struct call *c, const char *raw);
/* The open stand-in that the descriptor in argument i is, or NULL. */
struct special *call_special(struct call *c, int i);
/* All calls of this process stop from now on, because it holds a hot stand-in (special.h). */
void call_watch_process(struct call *c);
/* One line to the log. */
void call_log(const struct call *c, const char *fmt, ...) __attribute__((format(printf, 2, 3)));
/* Counts the call as answered. */
void call_count(struct call *c);

#endif
