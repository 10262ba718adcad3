/* waitpid's status → what happened. Pure. */
#ifndef K3SBOX_EVENT_H
#define K3SBOX_EVENT_H

enum event_type {
	EV_EXITED,       /* value: exit status */
	EV_KILLED,       /* value: signal */
	EV_SECCOMP,      /* the filter said TRACE */
	EV_SYSCALL,      /* entry or exit, by turns */
	EV_SIGNAL,       /* value: the signal about to be delivered; resume with it */
	EV_GROUP_STOP,   /* value: the stop signal; resume with LISTEN */
	EV_TRAP,         /* first stop of a new thread, answer to INTERRUPT, or SIGCONT after a group stop; resume plainly */
	EV_FORK,         /* fork, vfork, clone, or the end of a vfork: inside that call */
	EV_EXEC,         /* inside execve, the new program is in place */
	EV_OTHER,        /* resume plainly */
};

struct event {
	enum event_type type;
	int value;
};

struct event event_classify(int wait_status);

#endif
