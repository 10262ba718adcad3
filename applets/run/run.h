/* The parts of `run`. */
#ifndef K3SBOX_RUN_H
#define K3SBOX_RUN_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "buf.h"
#include "plan.h"
#include "runstate.h"

enum wait_for { WAIT_NODE, WAIT_API, WAIT_NONE };

struct run {
	struct options o;
	bool detach, verbose;
	int wait;                  /* enum wait_for */
	unsigned timeout;          /* seconds */
	int lock;                  /* held while k3s runs */
	struct strv config;        /* options of k3s's own configuration file, as arguments */
};

/* Mark in the environment of k3s and of all that it starts but the containers: "K3SBOX_CHILD=" and which K3SBOX_RUN this is, for
 * another k3sbox may be seen in /proc (a chroot, a mount namespace). */
#define RUN_MARK "K3SBOX_CHILD"
enum { RUN_MARK_SIZE = 64 };
void run_mark(char out[RUN_MARK_SIZE]);

/* Folder of the link `crun` that k3s finds in PATH. */
#define RUN_BIN K3SBOX_RUN "/bin"

/* ---- prepare.c: plan → command line ---- */

struct prepared {
	struct strv argv;          /* argv[0] is the program's file */
	struct strv env;
	struct runstate state;     /* all but pids and phase filled in */
	unsigned removed;          /* obstacles */
	unsigned port;             /* where k3s is going to listen */
};

/* Reads k3s's configuration file into cfg->config. A data folder that is named there or behind -- is ours too. */
void prepare_config(struct run *cfg);

/* Probes, plans, applies what lasts, builds the command line. 0, or an exit status after having said why. */
int prepare(struct run *cfg, int argc, char **argv, struct prepared *out);
void prepared_free(struct prepared *p);

/* ---- loop.c ---- */

/* Where phases are told. */
struct reporter {
	int fd;                    /* stdout, or the pipe to the `run -d` that waits; -1: nobody listens any more */
	bool pipe;
	int64_t t0;                /* monotonic ms at which run began */
};

/* "  9.8 s  text" to whom it may concern. */
void report(const struct reporter *r, const char *fmt, ...) __attribute__((format(printf, 2, 3)));
/* Whoever waits gets this exit status; with a pipe, this process stops to be seen (its output goes to the log). */
void report_end(struct reporter *r, int status, int log_fd);

/* Starts k3s and stays with it to its end. The exit status. */
int supervise(const struct run *cfg, struct prepared *p, struct reporter *r);

/* ---- ready.c ---- */

struct ready_result {
	bool api, node, pods;      /* pods: they can be created, and will not have to wait for the network first */
	char name[64];             /* of the node */
	char why[160];             /* what is not ready yet */
};

/* Asks the API in a child that ends soon; its answer comes through *fd. pid or -errno. since: seconds since the
 * epoch; a node's condition that is older is of an earlier run. */
pid_t ready_start(const struct runstate *s, int64_t since, int *fd);
/* After the child ended: its answer. Closes fd. */
void ready_take(int fd, struct ready_result *out);
/* Cheap first look: is there a kubeconfig at all? */
bool ready_worth_asking(const struct runstate *s);
/* The kubeconfig of a cluster: that which k3s writes for people, or the one that it writes first for itself. 0
 * or -errno. */
struct kubeconfig;
int ready_kubeconfig(const struct runstate *s, struct kubeconfig *k, char *why, size_t size);

/* ---- leftovers.c ---- */

/* For when there is no supervisor any more and its lock is ours: ends what carries RUN_MARK, sweeps, and saves that all of it has
 * stopped. How many processes there were. */
size_t leftovers_end(struct runstate *s);
/* How many there are. */
size_t leftovers_count(void);

#endif
