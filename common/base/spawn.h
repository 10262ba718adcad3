/* Child processes. No shell, ever. */
#ifndef K3SBOX_SPAWN_H
#define K3SBOX_SPAWN_H

#include <stdbool.h>
#include <stddef.h>
#include <sys/types.h>

struct buf;

struct spawn {
	const char *path;          /* program file; searched nowhere */
	char *const *argv;
	char *const *envp;         /* NULL: this process's */
	/* become 0, 1, 2; -1: keep this process's; SPAWN_NULL: /dev/null */
	int in, out, err;
	bool new_session;          /* setsid(2) */
	int die_with_parent;       /* signal the child gets when the calling thread ends; 0: none */
};

enum { SPAWN_NULL = -2 };

/* Starts it with default signal actions and an empty signal mask. Returns the pid, or -errno: an
 * exec that fails is reported here (through a close-on-exec pipe), not as a child that ends at
 * once. */
pid_t spawn(const struct spawn *s);

/* Waits for a child's end. Its wait status, or -errno. */
int spawn_wait(pid_t pid);

/* Runs it to its end with stdin from /dev/null, appends stdout (up to max bytes, the rest is
 * dropped) to out; stderr too if both. Waits at most timeout_ms (then kills it, -ETIMEDOUT).
 * Returns the wait status, or -errno. */
int spawn_capture(const char *path, char *const *argv, struct buf *out, size_t max, bool both,
	int timeout_ms);

/* Exit status in the shell's convention from a wait status: 0..255, or 128 + signal. */
int spawn_status(int wait_status);

/* Runs fn(arg) in a forked child that shares nothing; returns fn's value (0..255), 128 + signal, or
 * -errno. timeout_ms as above. For probes: mounts, namespaces and limits die with the child. */
int spawn_call(int (*fn)(void *arg), void *arg, int timeout_ms);

#endif
