#include "intercept/trace/event.h"

#include <signal.h>
#include <sys/ptrace.h>
#include <sys/wait.h>

/* With SEIZE a group stop is an event stop that carries the stop signal; ptrace(2), "Group-stop". */
static struct event event_stop(int sig)
{
	switch (sig) {
	case SIGSTOP: case SIGTSTP: case SIGTTIN: case SIGTTOU:
		return (struct event){ EV_GROUP_STOP, sig };
	default:
		return (struct event){ EV_TRAP, 0 };
	}
}

struct event event_classify(int st)
{
	if (WIFEXITED(st)) return (struct event){ EV_EXITED, WEXITSTATUS(st) };
	if (WIFSIGNALED(st)) return (struct event){ EV_KILLED, WTERMSIG(st) };
	if (!WIFSTOPPED(st)) return (struct event){ EV_OTHER, 0 };

	int sig = WSTOPSIG(st);
	switch ((unsigned)st >> 16) {
	case 0: break;
	case PTRACE_EVENT_STOP: return event_stop(sig);
	case PTRACE_EVENT_SECCOMP: return (struct event){ EV_SECCOMP, 0 };
	case PTRACE_EVENT_EXEC: return (struct event){ EV_EXEC, 0 };
	case PTRACE_EVENT_FORK: case PTRACE_EVENT_VFORK: case PTRACE_EVENT_CLONE: case PTRACE_EVENT_VFORK_DONE:
		return (struct event){ EV_FORK, 0 };
	default: return (struct event){ EV_OTHER, 0 };
	}
	/* A plain SIGTRAP is a signal like any other: breakpoints and raise(SIGTRAP) must arrive. */
	if (sig == (SIGTRAP | 0x80)) return (struct event){ EV_SYSCALL, 0 };
	return (struct event){ EV_SIGNAL, sig };
}
