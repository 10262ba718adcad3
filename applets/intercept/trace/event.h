/* What a status of waitpid(2) means to a tracer. Pure. */
#ifndef K3SBOX_EVENT_H
#define K3SBOX_EVENT_H

enum event_type {
	EV_EXITED,       /* value: exit status */
	EV_KILLED,       /* value: signal */
	EV_SECCOMP,      /* the filter returned RET_TRACE */
	EV_SYSCALL,      /* entry or exit of a system call, alternately */
	EV_SIGNAL,       /* value: the signal about to be delivered; resume with it */
	EV_GROUP_STOP,   /* value: the stop signal; resume with LISTEN */
	EV_TRAP,         /* a new thread's first stop, after INTERRUPT, or after a group stop */
	EV_FORK,         /* fork, vfork, clone, or the end of a vfork: inside that call */
	EV_EXEC,         /* inside execve, the new program is in place */
	EV_OTHER,
};

struct trace_event {
	enum event_type type;
	int value;
};

struct trace_event event_classify(int wait_status);

#endif
