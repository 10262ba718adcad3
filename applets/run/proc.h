/* Process trees, out of /proc. */
#ifndef K3SBOX_RUN_PROC_H
#define K3SBOX_RUN_PROC_H

#include <stdbool.h>
#include <stddef.h>

#include "runstate.h"

struct proc {
	struct process_id id;
	pid_t parent;
	bool shim;                 /* containerd-shim…: ends only when killed */
	bool zombie;
};

struct procs { struct proc *v; size_t n; };

/* Every process that /proc shows. 0 or -errno. */
int procs_read(struct procs *all);
void procs_free(struct procs *all);
#define _cleanup_procs_ __attribute__((cleanup(procs_free)))

/* Pure. Keeps of the list only the living descendants of root (root itself not), children behind their parents. */
void procs_below(struct procs *all, pid_t root);

/* Keeps those whose environment holds the text "NAME=value", and everything below them: what a supervisor left
 * that was killed. */
void procs_marked(struct procs *all, const char *assignment);

/* Sends sig to all of them, to shims too if shims. Returns how many there were. */
size_t procs_signal(const struct procs *all, int sig, bool shims);

/* How many are alive, shims counted or not. */
size_t procs_count(const struct procs *all, bool shims);

#endif
