/* A pseudo-terminal of its own for a command in a world, which can have job control on it: the
 * terminal of this process belongs to another session. Settings and size are taken over, and what
 * is typed goes to it as it is. */
#ifndef K3SBOX_TERMINAL_H
#define K3SBOX_TERMINAL_H

#include <termios.h>

struct terminal {
	int master, replica;       /* -1: there is none */
	struct termios before;     /* of the terminal on standard input */
};

/* Makes one if standard input and output are a terminal, which from then on is in raw mode. 0, or
 * -errno; then nothing has changed, and master and replica are -1. */
int terminal_open(struct terminal *t);

/* Its size becomes that of the terminal on standard input. Safe in a signal handler. */
void terminal_resize(const struct terminal *t);

/* The caller has no use for the replica once the command has it. */
void terminal_close_replica(struct terminal *t);

/* Copies in both directions until `until` can be read, and then what has been printed by then.
 * hang_up() is called once if the terminal on standard input ends. */
void terminal_relay(struct terminal *t, int until, void (*hang_up)(void));

/* Restores the terminal on standard input. */
void terminal_close(struct terminal *t);

#endif
