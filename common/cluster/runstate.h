/* What a running `k3sbox run` says about itself: one small text file of "key value" lines, replaced
 * as a whole. The lock that it holds proves that it runs; pid and start time tell which process it
 * is (a pid alone may be another's by now). */
#ifndef K3SBOX_RUNSTATE_H
#define K3SBOX_RUNSTATE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "base/buf.h"
#include "base/process.h"

struct err;

enum runstate_phase {
	RUNSTATE_STARTING, RUNSTATE_API, RUNSTATE_READY, RUNSTATE_STOPPING, RUNSTATE_STOPPED,
		RUNSTATE_PHASES
};
/* "starting", "api", "ready", … */
extern const char *const runstate_phase_names[RUNSTATE_PHASES];

struct runstate {
	struct process_id supervisor, k3s;
	enum runstate_phase phase;
	int64_t started;           /* seconds since the epoch */
	int status;                /* of k3s when it last ended */
	int restarts;              /* how often it was started again after it had ended by itself */
	int64_t ended;             /* seconds since the epoch: when it last did; 0: it did not */
	char cause[256];           /* why, by its log; empty: not known */
	bool asked;                /* it ended, or is to end, because it was told to */
	bool frozen;               /* it was stopped by a signal (SIGSTOP) and not continued */
	bool control_plane;
	/* the node's name; empty: unknown, or there is none */
	char node[256];
	char data_dir[256], kubeconfig[256], log[256], version[64], k3s_path[256];
	/* directory that run was called in; empty if its name is longer */
	char directory[256];
	struct strv obstacles;     /* keys of the steps that removed them: plan/rows.h */
	struct strv argv;          /* how run was called, without its own name; for restart */
};

/* Pure. Values are cut to their fields; unknown keys are skipped. 0, or -EBADMSG if it is no state
 * at all. */
int runstate_parse(struct runstate *s, const char *text, size_t len);
void runstate_print(const struct runstate *s, struct buf *out);
void runstate_free(struct runstate *s);
#define _cleanup_runstate_ __attribute__((cleanup(runstate_free)))

/* Reads dir/state. 0; -ENOENT (it never ran here); -EBADMSG if the file is damaged: every state
 * ends in a line that says so, and a file that was cut has none (nor has one of an older k3sbox);
 * or another -errno. Of a damaged one, only the supervisor is in *s, if it can be read. */
int runstate_load(struct runstate *s, const char *dir, struct err *e);
int runstate_save(const struct runstate *s, const char *dir);

/* Takes dir/lock (made if needed): a descriptor that holds it, -EWOULDBLOCK if another process
 * does, or -errno. */
int runstate_lock(const char *dir);

/* Gives it up, for children too that have inherited the descriptor. */
void runstate_unlock(int fd);

#endif
