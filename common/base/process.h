/* Processes as /proc shows them: one, known by pid and start time, and trees of them. */
#ifndef K3SBOX_PROCESS_H
#define K3SBOX_PROCESS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

struct process_id {
	pid_t pid;                 /* 0: none */
	uint64_t start;            /* field 22 of /proc/PID/stat; 0: not known */
};

/* Is a process with this pid and start time alive (a zombie is not)? */
bool process_alive(const struct process_id *p);
/* The identity of a living process; .pid 0 if there is none. */
struct process_id process_identify(pid_t pid);
/* Pure: parent, state and start time out of /proc/PID/stat. The name may hold anything, ") R"
 * too. */
bool process_parse_stat(const char *text, pid_t *parent, char *state, uint64_t *start);

/* The state of a thread as /proc shows it, 'S', 'R', …; 'X': there is no such thread. */
char process_thread_state(pid_t pid, pid_t thread);

/* In the environment of what belongs to a k3s that k3sbox runs: the mark's name (what it says:
 * cluster/leftovers.h). */
#define PROCESS_MARK "K3SBOX_CHILD"
/* Has the process's environment an assignment ("NAME=value") for which match() is true? */
bool process_environment(pid_t pid, bool (*match)(const char *assignment, const void *arg),
	const void *arg);

/* Signals that very process and no other: through a pidfd where there is one. 0 or -errno (-ESRCH:
 * it is gone). */
int process_signal(const struct process_id *p, int sig);

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

/* Pure. Keeps of the list only the living descendants of root (root itself not), children behind
 * their parents. */
void procs_below(struct procs *all, pid_t root);

/* Keeps those for which process_environment() is true, and everything below them. Never this
 * process itself. */
void procs_marked(struct procs *all, bool (*match)(const char *assignment, const void *arg),
	const void *arg);

/* Pure. Takes what is below a shim for a shim, too: pods. */
void procs_spread_shims(struct procs *all);

/* Sends sig to all of them, to shims too if shims. Returns how many there were. */
size_t procs_signal(const struct procs *all, int sig, bool shims);

/* How many are alive, shims counted or not. */
size_t procs_count(const struct procs *all, bool shims);

/* Frees the stack below the caller's frame, for a process that needed much of it once and now
 * waits: sandboxes back it in pieces of 2 MiB. */
void process_trim_stack(void);

#endif
