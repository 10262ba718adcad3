#include <signal.h>
#include <sys/ptrace.h>
#include <sys/wait.h>

#include "intercept/trace/event.h"
#include "unit.h"

enum { EVENT_SECCOMP = 7, EVENT_STOP = 128 };   /* glibc and musl name them differently */
#define STOPPED(sig, event) ((event) << 16 | (sig) << 8 | 0x7f)

TEST(table)
{
	static const struct { int status; enum event_type type; int value; } rows[] = {
		{ 5 << 8, EV_EXITED, 5 }, { 0, EV_EXITED, 0 }, { SIGKILL, EV_KILLED, SIGKILL },
		{ SIGSEGV | 0x80, EV_KILLED, SIGSEGV },
		{ STOPPED(SIGTRAP, EVENT_SECCOMP), EV_SECCOMP, 0 },
		{ STOPPED(SIGTRAP | 0x80, 0), EV_SYSCALL, 0 },
		{ STOPPED(SIGTRAP, 0), EV_SIGNAL, SIGTRAP },
		{ STOPPED(SIGSTOP, 0), EV_SIGNAL, SIGSTOP },
		{ STOPPED(SIGURG, 0), EV_SIGNAL, SIGURG }, { STOPPED(64, 0), EV_SIGNAL, 64 },
		{ STOPPED(SIGSTOP, EVENT_STOP), EV_GROUP_STOP, SIGSTOP },
		{ STOPPED(SIGTTIN, EVENT_STOP), EV_GROUP_STOP, SIGTTIN },
		{ STOPPED(SIGTSTP, EVENT_STOP), EV_GROUP_STOP, SIGTSTP },
		{ STOPPED(SIGTTOU, EVENT_STOP), EV_GROUP_STOP, SIGTTOU },
		{ STOPPED(SIGTRAP, EVENT_STOP), EV_TRAP, 0 },
		{ STOPPED(SIGTRAP, 1), EV_FORK, 0 }, { STOPPED(SIGTRAP, 2), EV_FORK, 0 },
		{ STOPPED(SIGTRAP, 3), EV_FORK, 0 },
		{ STOPPED(SIGTRAP, 5), EV_FORK, 0 }, { STOPPED(SIGTRAP, 4), EV_EXEC, 0 },
		{ STOPPED(SIGTRAP, 6), EV_OTHER, 0 },
		{ STOPPED(SIGTRAP, 99), EV_OTHER, 0 }, { 0xffff, EV_OTHER, 0 },
	};

	for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
		struct trace_event e = event_classify(rows[i].status);
		CHECK(e.type == rows[i].type && e.value == rows[i].value);
	}
}

/* Every status has a class, and the value of a signal is the number of a signal. */
TEST(every_status)
{
	for (int event = 0; event < 260; event++)
		for (int low = 0; low < 65536; low++) {
			struct trace_event e = event_classify(event << 16 | low);
			CHECK(e.type >= EV_EXITED && e.type <= EV_OTHER && e.value >= 0
				&& e.value < 256);
		}
}

UNIT_MAIN("event")
