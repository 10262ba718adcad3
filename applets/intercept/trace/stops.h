/* Waiting for the next stop of any tracee. */
#ifndef K3SBOX_STOPS_H
#define K3SBOX_STOPS_H

#include <stdbool.h>
#include <stddef.h>
#include <sys/types.h>

struct stop_wait {
	bool spin;             /* poll for a while before sleeping (probe.h) */
	pid_t resumed;         /* the thread that was resumed last; 0: none yet */
	/* How many waits sleep at once because polling was in vain, and how many of them are
	 * left. */
	unsigned pause, rest;
};

/* The thread of the next stop or end of any of n tracees, as waitpid(2); -1 with errno. */
pid_t stops_next(struct stop_wait *w, size_t n, int *status);
/* The same without waiting; 0 or less: none. */
pid_t stops_more(int *status);

#endif
