/* The table of traced threads, and what can be asked about one. Together with probe.c and mem.c
 * this is all that calls ptrace(2). A thread may die at any moment: then requests fail with -ESRCH,
 * which is never an error; waitpid(2) tells of its end later. */
#ifndef K3SBOX_TRACEE_H
#define K3SBOX_TRACEE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "intercept/trace/flight.h"
#include "intercept/trace/mem.h"

/* Does the thread see the files that the tracer sees? */
enum root_state { ROOT_UNKNOWN, ROOT_SAME, ROOT_OTHER };

struct tracee {
	pid_t tid, tgid;           /* tgid 0: not asked yet (tracee_tgid) */
	struct flight call;
	/* Kept by view/root.c: the answer, the generation that it was found in, and a hash of which
	 * root directory and mount namespace it is. */
	enum root_state root;
	unsigned root_gen;
	uint64_t root_key;
	/* pivot_root was emulated; the old root is yet to be unmounted */
	bool pivoted;
	/* the child that it is making will be in another PID namespace */
	bool foreign_child;
	struct tracee *next;       /* in the hash chain */
};

enum { TRACEE_BUCKETS = 1024 };

struct tracees {
	struct tracee *bucket[TRACEE_BUCKETS];
	size_t n, most;            /* now, and at most at any time */
	struct mem mem;
};

struct tracee *tracee_find(struct tracees *all, pid_t tid);
struct tracee *tracee_add(struct tracees *all, pid_t tid);        /* NULL: out of memory */
void tracee_remove(struct tracees *all, pid_t tid);
/* Removes those that ended without a report from waitpid(2). */
void tracee_sweep(struct tracees *all);
/* Calls fn for each until it returns something else than NULL, and returns that. fn may remove the
 * thread that it is given. */
void *tracee_each(struct tracees *all, void *(*fn)(struct tracee *, void *), void *arg);
/* Forgets the call in flight, except for its phase. */
void tracee_end_call(struct tracee *t);

pid_t tracee_tgid(struct tracee *t);
/* 0: it has ended. Sets tgid as well. */
pid_t tracee_parent(struct tracee *t);
uid_t tracee_euid(const struct tracee *t);
/* "/proc/TID/WHAT". */
void tracee_proc(const struct tracee *t, const char *what, char *out, size_t size);
/* The target of the link of that name; false if it cannot be read. */
bool tracee_link(const struct tracee *t, const char *what, char *out, size_t size);
/* The network namespace as a number that identifies it. */
uint64_t tracee_net_ns(const struct tracee *t);

/* Each returns 0 or -errno. */
int tracee_get_regs(struct tracee *t, regs_t *r);
int tracee_set_regs(struct tracee *t, const regs_t *r);
int tracee_resume(struct tracee *t, int request, int sig);
int tracee_interrupt(struct tracee *t);
int tracee_detach(pid_t tid);
/* seccomp: stops of RET_TRACE are reported; kernels without seccomp filters refuse that
 * (-EINVAL). */
int tracee_seize(pid_t tid, bool seccomp);
unsigned long tracee_event_msg(struct tracee *t);
/* The sender of the signal at this stop, if kill(2) sent it; 0: another way, or unknown. */
pid_t tracee_sender(struct tracee *t);
/* Is the call at this stop one of the 64-bit ABI? (int $0x80 in a 64-bit program has other
 * numbers.) False where PTRACE_GET_SYSCALL_INFO is missing: ask kernel_facts.has_syscall_info
 * first. */
bool tracee_native_call(struct tracee *t);

#endif
