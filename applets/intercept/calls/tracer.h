/* The interceptor's whole state. Rooms, each using only those above it:
 *   trace/   ptrace mechanics: tracees, their stops, their memory
 *   view/    what a path or a descriptor of a tracee means, and what stands in for it
 *   calls/   one file per family of system calls, the table that names their handlers (rules.c),
 *            the filter made from it (filter.c), the way of a call from stop to stop (dispatch.c)
 *   here     loop.c waits and dispatches, run.c starts the program, report.c prints */
#ifndef K3SBOX_TRACER_H
#define K3SBOX_TRACER_H

#include <stdint.h>
#include <stdio.h>

#include "intercept/trace/orphans.h"
#include "intercept/trace/probe.h"
#include "intercept/trace/scratch.h"
#include "intercept/trace/stops.h"
#include "intercept/trace/tracee.h"
#include "intercept/view/view.h"

struct path_type {             /* --statfs PATH=TYPE */
	char *path;
	uint64_t magic;
	bool if_unknown;           /* =?TYPE: only where the kernel says ENOSYS */
};

/* What was asked for, except for what concerns paths (view.cfg); constant once the program runs. */
struct tracer_config {
	unsigned features;         /* enum syscall_feature */
	struct path_type *types;   /* --statfs */
	size_t type_n;
	const char *uname_release; /* --uname */
	FILE *log;                 /* --trace, --verbose; NULL: none */
};

/* The program that was started; its descendants are only tracees. */
struct traced_program {
	pid_t pid;                 /* 0 once it has ended */
	int status;                /* its wait status then */
	struct { int sig; bool ours; int64_t ms; } last_signal;
	void (*ended)(void);
	void (*stopped)(int sig);  /* by this signal, while in our process group */
};

struct tracer_counters {
	struct rule_counter { uint64_t stops, answered; } *by_rule;   /* by row of syscall_rules */
	uint64_t stops, signals, births;
};

struct tracer {
	struct tracer_config cfg;
	struct kernel_facts kernel;
	struct tracees tracees;
	struct stop_wait wait;
	struct scratch *scratch;
	struct orphans orphans;    /* all processes, with --subreaper */
	struct view view;
	struct traced_program program;
	struct tracer_counters counters;
	int log_error;             /* 0, or the first -errno of writing to cfg.log */
	bool noted_ptrace;         /* the user has been warned that tracers do not nest */
};

#endif
