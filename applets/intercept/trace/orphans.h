/* Reparented children where the kernel lacks PR_SET_CHILD_SUBREAPER (prctl(2)): which subreaper
 * must learn of the end of a process whose parent has died. That is the nearest ancestor that asked
 * for it. Linux looks only in the PID namespace of the dying parent (find_new_reaper in
 * kernel/exit.c), so processes of other namespaces are kept apart. Process IDs are those of the
 * tracer's own namespace. Pure: a table of processes, no system call. */
#ifndef K3SBOX_ORPHANS_H
#define K3SBOX_ORPHANS_H

#include <stdbool.h>
#include <stddef.h>
#include <sys/types.h>

/* A process; not every one is an orphan, but each may become one. */
struct orphan {
	pid_t pid, parent;         /* parent 0: none in this table */
	bool reaper;               /* called prctl(PR_SET_CHILD_SUBREAPER) */
	bool foreign;              /* in another PID namespace */
	bool foreign_children;     /* the children that it makes from now on will be */
	bool adopted;              /* was reparented: parent is a subreaper */
	bool dead;                 /* ended, and the parent has not waited for it */
	int status;                /* of wait(2), if dead */
};

struct orphans {
	struct orphan *v;
	size_t n, cap;
};

/* NULL: unknown. */
struct orphan *orphans_find(struct orphans *o, pid_t pid);

/* A process was born. A known one stays as it is; if memory is short, the process remains
 * unknown. */
void orphans_born(struct orphans *o, pid_t pid, pid_t parent, bool foreign);

/* Removes dead processes for which the kernel has none any more (gone): their parents ignore
 * SIGCHLD, or waited in a way that was not seen. */
void orphans_sweep(struct orphans *o, bool (*gone)(pid_t pid));

/* A process has ended with this wait status. Returns the subreaper that must get SIGCHLD, or 0. */
pid_t orphans_ended(struct orphans *o, pid_t pid, int status);

/* Its parent has waited for it. */
void orphans_waited(struct orphans *o, pid_t pid);

/* Waits, for the subreaper, for one of its adopted children: `which`, or any (-1). Returns its
 * process ID with *status filled in, 0 if all of them live, -1 if there is none. keep: it can be
 * waited for once more (WNOWAIT). */
pid_t orphans_take(struct orphans *o, pid_t reaper, pid_t which, bool keep, int *status);

void orphans_free(struct orphans *o);

#endif
