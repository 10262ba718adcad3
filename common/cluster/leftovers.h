/* The processes of a k3s, known by a mark in their environment: what lives where the state file or
 * the lock in K3SBOX_RUN are gone, and what a supervisor that was killed has left running. */
#ifndef K3SBOX_LEFTOVERS_H
#define K3SBOX_LEFTOVERS_H

#include <stdbool.h>
#include <stddef.h>

#include "base/process.h"
#include "cluster/runstate.h"

struct err;

/* The mark: "K3SBOX_CHILD=RUN/ROOT", in the environment of k3s and of all that it starts but the
 * containers. RUN is the identity of the directory K3SBOX_RUN, ROOT that of the mount namespace and
 * its root directory. One that agrees is enough: RUN does not survive the removal of the directory,
 * and a second mount namespace may share it. Another k3sbox that is visible in /proc (a container,
 * a chroot) has neither. */
#define LEFTOVERS_MARK PROCESS_MARK
enum { LEFTOVERS_MARK_SIZE = 128 };
void leftovers_mark(char out[LEFTOVERS_MARK_SIZE]);

/* Pure. Does a process that carries the mark `theirs` belong to the k3sbox whose mark is `ours`? */
bool leftovers_mark_agrees(const char *ours, const char *theirs);

/* What a supervisor calls itself (PR_SET_NAME), so that it is known as the parent of a marked
 * process. */
#define LEFTOVERS_SUPERVISOR "k3sbox-run"

/* The processes with our mark, and all below them. 0 or -errno. procs_free() in every case. */
int leftovers_read(struct procs *all);

/* The living supervisor among their parents; .pid 0 if there is none. */
struct process_id leftovers_supervisor(const struct procs *all);

/* For when there is no supervisor any more and its lock is ours: ends the processes, sweeps, and
 * saves that all of it has stopped. 0, or -errno if something is left; *n: how many processes there
 * were. */
int leftovers_end(struct runstate *s, size_t *n, struct err *e);

#endif
