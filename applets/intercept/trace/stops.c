/* Waiting for the next stop of any tracee: polling where that is faster, sleeping otherwise. */
#include "intercept/trace/stops.h"

#include <sys/wait.h>

/* Polls for a while. Among many tracees, all of which waitpid(2) looks through, only the one that
 * was resumed last. In vain: doubles the number of waits that sleep at once. */
static pid_t poll_stops(struct stop_wait *w, size_t n, int *status)
{
	enum { LOOKS = 64, MANY = 16, LONGEST_PAUSE = 64 };
	pid_t which = n > MANY ? w->resumed : -1;

	for (int i = 0; i < LOOKS; i++) {
		pid_t tid = waitpid(which, status, __WALL | WNOHANG);
		if (!tid) continue;
		w->pause = 0;
		return tid;
	}
	w->pause = !w->pause ? 1 : w->pause < LONGEST_PAUSE ? w->pause * 2 : LONGEST_PAUSE;
	w->rest = w->pause;
	return 0;
}

/* A tracee that stops again at once, as most do, would find the tracer asleep on another processor,
 * and waking it costs more than all else here together. */
pid_t stops_next(struct stop_wait *w, size_t n, int *status)
{
	pid_t tid = 0;

	if (w->rest) w->rest--;
	else if (w->spin && w->resumed) tid = poll_stops(w, n, status);
	return tid > 0 ? tid : waitpid(-1, status, __WALL);
}

pid_t stops_more(int *status)
{
	return waitpid(-1, status, __WALL | WNOHANG);
}
