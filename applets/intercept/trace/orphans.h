/* Who learns of an orphan's end, where the kernel lacks PR_SET_CHILD_SUBREAPER (prctl(2)): the nearest ancestor that asked for it, as if
 * the orphan had become its child. Linux looks in the dying parent's own PID namespace only (find_new_reaper in kernel/exit.c), so
 * processes of others are kept apart here. Numbers are those of our own namespace. Pure. */
#ifndef K3SBOX_ORPHANS_H
#define K3SBOX_ORPHANS_H

#include <stdbool.h>
#include <stddef.h>
#include <sys/types.h>

struct process {
	pid_t pid, parent;         /* parent 0: nobody whom we know */
	bool reaper;               /* asked for orphans */
	bool foreign;              /* in another PID namespace */
	bool foreign_children;     /* those that it makes from now on are */
	bool adopted;              /* parent is a reaper, not who made it */
	bool dead;                 /* status is to be told to the parent */
	int status;                /* wait(2)'s */
};

struct orphans {
	struct process *v;
	size_t n, cap;
};

/* NULL: not known. */
struct process *orphans_find(struct orphans *o, pid_t pid);

/* A process was born. One that is known stays as it is; out of memory it remains unknown. */
void orphans_born(struct orphans *o, pid_t pid, pid_t parent, bool foreign);

/* Forgets those that nobody will ask for: dead, and gone, because their parents did not care (SIGCHLD ignored) or asked in a way that was
 * not seen. */
void orphans_sweep(struct orphans *o, bool (*gone)(pid_t pid));

/* A process has ended with this wait status. The reaper that must be told (SIGCHLD), or 0. */
pid_t orphans_ended(struct orphans *o, pid_t pid, int status);

/* Its parent has waited for it. */
void orphans_waited(struct orphans *o, pid_t pid);

/* The end of one of the reaper's orphans, of this one or (-1) of any: its number with *status filled in, 0 if all live, -1 if there
 * is no such orphan. keep: it can be asked for once more (WNOWAIT). */
pid_t orphans_take(struct orphans *o, pid_t reaper, pid_t which, bool keep, int *status);

void orphans_free(struct orphans *o);

#endif
