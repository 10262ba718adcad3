/* The parts of `run`: prepare.c makes a command line of the plan, loop.c supervises. */
#ifndef K3SBOX_RUN_H
#define K3SBOX_RUN_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "base/buf.h"
#include "cluster/runstate.h"
#include "plan/plan.h"
#include "run/egress.h"

enum wait_for { WAIT_NODE, WAIT_API, WAIT_NONE };
enum run_restart { RESTART_ALWAYS, RESTART_NO };

struct run {
	struct plan_options o;
	bool detach, verbose, no_fetch;
	int wait;                  /* enum wait_for */
	int restart;               /* enum run_restart */
	unsigned timeout;          /* seconds */
	int lock;                  /* held while k3s runs */
	struct egress egress;
	/* Inside a world (inside.h): */
	struct process_id outside; /* the supervisor out there; .pid 0: there is no world */
	char address[64];          /* of the machine out there, as text; "": it has none */
	int channel;               /* the socket broker's */
	struct strv netd;          /* its command line */
	pid_t netd_pid, enter_pid; /* 0: does not run */
};

/* ---- prepare.c: plan → command line ---- */

struct prepared {
	struct strv argv;          /* argv[0] is the program's file */
	struct strv env;
	struct runstate state;     /* all but pids and phase filled in */
	unsigned removed;          /* obstacles */
	unsigned port;             /* where k3s is going to listen */
	/* What the plan does for CNI, to do it again; .row NULL: nothing */
	struct plan_step cni;
	struct fact_result cni_seen;
};

/* Probes, plans, applies what lasts, builds the command line. 0, or an exit status, with a
 * message. */
int prepare_launch(struct run *cfg, int argc, char **argv, struct prepared *out);
void prepared_free(struct prepared *p);

/* ---- report.c ---- */

/* Where phases are reported. */
struct loop_reporter {
	int fd;                    /* stdout, or the pipe to the waiting `run -d`; -1: closed */
	bool pipe;
	int64_t t0;                /* monotonic ms at which run began */
};

/* Prints "  9.8 s  text" to the reporter. */
void loop_report(const struct loop_reporter *r, const char *fmt,
	...) __attribute__((format(printf, 2, 3)));
/* Gives the waiting `run -d` this exit status; what this process prints then goes to the log. */
void loop_report_end(struct loop_reporter *r, int status, int log_fd);

/* ---- loop.c ---- */

/* Starts k3s and stays with it to its end. The exit status. */
int loop_supervise(struct run *cfg, struct prepared *p, struct loop_reporter *r);

#endif
