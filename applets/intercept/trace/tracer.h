/* The interceptor's own state. Layers, each using only those above it:
 *   event, filter, path, mountinfo, store, orphans   pure
 *   mem, tracee, probe                       the only callers of ptrace(2)
 *   resolve, virtual, special, scratch       what a path or descriptor of a tracee means, and what stands in for it
 *   h_*.c                                    one handler pair per topic; rules.c names them
 *   loop                                     waits, classifies, dispatches, resumes */
#ifndef K3SBOX_TRACER_H
#define K3SBOX_TRACER_H

#include <limits.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <sys/types.h>

#include "base/buf.h"
#include "intercept/calls/rules.h"
#include "intercept/trace/arch_x86_64.h"
#include "intercept/trace/mem.h"
#include "intercept/trace/orphans.h"
#include "intercept/view/mountinfo.h"
#include "intercept/view/special.h"
#include "intercept/view/store.h"

enum engine { ENGINE_SECCOMP, ENGINE_SYSCALL };

/* Where a thread is in a call, as far as we follow it. With the seccomp engine most calls are never seen (OUT all the time).
 *
 *   Linux >= 4.8:        entry stop (only after PTRACE_SYSCALL) → seccomp stop → exit stop (only after PTRACE_SYSCALL)
 *   gVisor, Linux < 4.8: seccomp stop → entry stop → exit stop */
enum phase {
	PH_OUT,        /* in user mode, or in a call that nobody waits for */
	PH_FILTERED,   /* seccomp stop done, its entry stop still to come */
	PH_IN,         /* entry done, an exit stop will come */
};

/* Does the thread see the files that we see? Found out when first needed, anew after a chroot,
 * pivot_root, setns or unshare. */
enum root_state { ROOT_UNKNOWN, ROOT_SAME, ROOT_OTHER };

struct job;

struct tracee {
	pid_t tid, tgid;           /* tgid 0: not asked yet (tracee_tgid) */
	enum phase phase;
	enum root_state root;
	unsigned root_gen;
	uint64_t root_key;         /* which root and mount namespace, as a hash */
	const struct rule *rule;   /* the call in flight that has an exit handler waiting */
	handler *then;             /* it */
	bool forced;               /* the call was skipped and result is what it returns */
	bool swapped;              /* registers were changed: saved has the arguments as the tracee gave them */
	/* the tracee is on its way to issue the call in saved once more; job goes on then */
	bool again;
	bool pivoted;              /* pivot_root was a chroot, and the old root is still to be unmounted */
	bool foreign_child;        /* the child that it is making will be in another PID namespace */
	long result;
	regs_t saved;
	struct job *job;           /* what a handler wants to remember until the call is over; freed with it */
	struct tracee *next;       /* in the hash chain */
};

struct map {
	char *from, *to;           /* absolute, normalised */
	bool over;                 /* --replace: TO answers wherever it has the file; else only what FROM lacks */
};

struct path_type {             /* --statfs PATH=TYPE */
	char *path;
	uint64_t magic;
	bool if_unknown;           /* =?TYPE: only where the kernel says ENOSYS */
};

struct rule_count { uint64_t stops, answered; };

enum { TRACEE_BUCKETS = 1024, PLAIN_SLOTS = 4096, SERVED_ROOTS = 8 };

struct tracer {
	/* what was asked for */
	unsigned features;
	bool seeds, cgroup;
	const char **controllers;  /* --controller */
	size_t controller_n;
	struct map *maps;
	size_t map_n;
	struct fstype *fstypes;
	size_t fstype_n;
	struct path_type *types;
	size_t type_n;
	const char *uname_release;
	FILE *log;                 /* --trace, -v; NULL: silent */

	/* what this kernel can do */
	enum engine engine;
	bool seccomp_first;        /* the seccomp stop comes before the entry stop */
	bool has_syscall_info;     /* PTRACE_GET_SYSCALL_INFO */
	bool cap_ptrace;
	bool spin;                 /* looking for the next stop for a while is faster than sleeping (probe.c) */
	pid_t resumed;             /* the thread that was let go last */
	unsigned spin_pause, spin_rest;   /* waits that sleep at once because looking was in vain; how many are left of them */
	struct mem mem;

	/* tracees */
	struct tracee *tracees[TRACEE_BUCKETS];
	size_t tracee_n, tracee_max;
	pid_t main;                /* 0 once it has ended */
	int main_status;           /* wait status */
	struct { int sig; bool ours; int64_t ms; } last_signal;   /* to the program */
	void (*main_ended)(void);
	void (*main_stopped)(int sig);   /* by this signal, in our process group */
	unsigned root_gen;         /* goes up when any tracee may have changed its root */
	struct stat_id { uint64_t dev, ino; char mnt[48]; } own_root;
	uint64_t own_net;          /* our network namespace (virtual_net_ns) */

	/* absolute paths that lead nowhere of interest, by hash; forgotten after a second and when a
	 * symlink is made */
	struct { uint64_t hash; uint32_t until; unsigned gen; } plain[PLAIN_SLOTS];
	unsigned link_gen;

	/* by root: where the mounts are that a process serves, which may be a tracee */
	struct served { uint64_t root; uint32_t until; struct strv points; } served[SERVED_ROOTS];
	int mount_events;          /* /proc/self/mountinfo, which tells poll(2) of changes; -1: not open */

	struct store store;
	struct specials specials;
	struct scratch *scratch;
	struct orphans orphans;    /* all processes, with --subreaper */
	bool noted_ptrace;

	struct rule_count *counts; /* by row */
	uint64_t stops, signals, births;
};

/* One stop at a system call. */
struct call {
	struct tracer *tr;
	struct tracee *t;
	const struct rule *rule;
	regs_t regs;
	bool dirty;                /* regs must be written back */
	long result;
	handler *then;             /* for EXIT; NULL: the row's own */
};

/* ---- tracee.c ---- */
struct tracee *tracee_find(struct tracer *tr, pid_t tid);
struct tracee *tracee_add(struct tracer *tr, pid_t tid);          /* NULL: out of memory */
void tracee_remove(struct tracer *tr, pid_t tid);
void tracee_sweep(struct tracer *tr);                             /* drops those that went without a word */
void tracee_end_call(struct tracee *t);                           /* forgets the call in flight */
pid_t tracee_tgid(struct tracee *t);
pid_t tracee_parent(struct tracee *t);                            /* 0: it has ended; finds its tgid out as well */
uid_t tracee_euid(const struct tracee *t);
/* "/proc/TID/WHAT". */
void tracee_proc(const struct tracee *t, const char *what, char *out, size_t size);
/* readlink of it; false if it cannot be read. */
bool tracee_link(const struct tracee *t, const char *what, char *out, size_t size);
enum root_state tracee_root(struct tracer *tr, struct tracee *t);
void tracer_own_root(struct tracer *tr);

/* The only ptrace calls outside probe.c. A thread that is gone makes them fail with -ESRCH, which is
 * never an error. */
int tracee_get_regs(struct tracee *t, regs_t *r);
int tracee_set_regs(struct tracee *t, const regs_t *r);
int tracee_resume(struct tracee *t, int request, int sig);
int tracee_interrupt(struct tracee *t);
int tracee_seize(pid_t tid, unsigned options);
unsigned long tracee_event_msg(struct tracee *t);
pid_t tracee_sender(struct tracee *t);   /* of the signal at this stop, by kill(2); 0: another way, or not known */
/* Is the call at this stop one of this architecture's own numbers? (int $0x80 in a 64-bit program has
 * others.) */
bool tracee_native_call(const struct tracer *tr, struct tracee *t);
void *tracee_each(struct tracer *tr, void *(*fn)(struct tracer *, struct tracee *, void *), void *arg);

/* ---- call.c: what handlers do ---- */
static inline uint64_t call_arg(const struct call *c, int i) { return regs_arg(&c->regs, i); }
/* Changes argument or number for the kernel; the tracee gets its own back at the exit stop (so an EXIT
 * must follow). */
void call_set_arg(struct call *c, int i, uint64_t v);
void call_set_nr(struct call *c, long nr);
int call_read(struct call *c, uint64_t addr, void *to, size_t n);
int call_write(struct call *c, uint64_t addr, const void *from, size_t n);
enum verdict call_done(struct call *c, long result);
enum verdict call_exit(struct call *c, handler *then);
/* One line to --trace. */
void call_log(const struct call *c, const char *fmt, ...) __attribute__((format(printf, 2, 3)));
void call_count(struct call *c);

/* ---- loop.c ---- */
int tracer_loop(struct tracer *tr, bool end_with_main);
/* This thread's process is to be stopped at every call from now on (special.c). */
void tracer_heat(struct tracer *tr, pid_t tgid);

#endif
