/* What a status of waitpid(2) means to a tracer. */
#include "intercept/trace/event.h"

#include <signal.h>
#include <sys/ptrace.h>
#include <sys/wait.h>

/* With SEIZE a group stop is an event stop that carries the stop signal; ptrace(2),
 * "Group-stop". */
static struct trace_event event_stop(int sig)
{
	switch (sig) {
	case SIGSTOP: case SIGTSTP: case SIGTTIN: case SIGTTOU:
		return (struct trace_event){ EV_GROUP_STOP, sig };
	default:
		return (struct trace_event){ EV_TRAP, 0 };
	}
}

static struct trace_event signal_stop(int sig)
{
	/* A plain SIGTRAP is a signal like any other: breakpoints and raise(SIGTRAP) must
	 * arrive. */
	if (sig == (SIGTRAP | 0x80)) return (struct trace_event){ EV_SYSCALL, 0 };
	return (struct trace_event){ EV_SIGNAL, sig };
}

struct trace_event event_classify(int st)
{
	if (WIFEXITED(st)) return (struct trace_event){ EV_EXITED, WEXITSTATUS(st) };
	if (WIFSIGNALED(st)) return (struct trace_event){ EV_KILLED, WTERMSIG(st) };
	if (!WIFSTOPPED(st)) return (struct trace_event){ EV_OTHER, 0 };

	switch ((unsigned)st >> 16) {
	case 0: return signal_stop(WSTOPSIG(st));
	case PTRACE_EVENT_STOP: return event_stop(WSTOPSIG(st));
	case PTRACE_EVENT_SECCOMP: return (struct trace_event){ EV_SECCOMP, 0 };
	case PTRACE_EVENT_EXEC: return (struct trace_event){ EV_EXEC, 0 };
	case PTRACE_EVENT_FORK: case PTRACE_EVENT_VFORK:
	case PTRACE_EVENT_CLONE: case PTRACE_EVENT_VFORK_DONE:
		return (struct trace_event){ EV_FORK, 0 };
	default: return (struct trace_event){ EV_OTHER, 0 };
	}
}
