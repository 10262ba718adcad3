#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

#include "clock.h"
#include "proc.h"
#include "run.h"
#include "sweep.h"

void run_mark(char out[RUN_MARK_SIZE])
{
	struct stat st;

	if (stat(K3SBOX_RUN, &st) < 0) st = (struct stat){0};
	snprintf(out, RUN_MARK_SIZE, RUN_MARK "=%llx-%llx", (unsigned long long)st.st_dev, (unsigned long long)st.st_ino);
}

size_t leftovers_count(void)
{
	char mark[RUN_MARK_SIZE];
	_cleanup_procs_ struct procs all;

	run_mark(mark);
	if (procs_read(&all) < 0) return 0;
	procs_marked(&all, mark);
	return all.n;
}

size_t leftovers_end(struct runstate *s)
{
	char mark[RUN_MARK_SIZE];
	static const struct { int sig; int rounds; } steps[] = { { SIGTERM, 30 }, { SIGKILL, 30 } };
	size_t found = 0;

	run_mark(mark);
	for (size_t i = 0; i < sizeof steps / sizeof *steps; i++) {
		for (int round = 0; round < steps[i].rounds; round++) {
			_cleanup_procs_ struct procs all;
			if (procs_read(&all) < 0) break;
			procs_marked(&all, mark);
			size_t left = procs_count(&all, steps[i].sig == SIGKILL);
			if (!found) found = all.n;
			if (!left) break;
			if (!round || steps[i].sig == SIGKILL) procs_signal(&all, steps[i].sig, steps[i].sig == SIGKILL);
			clock_sleep_ms(100);
		}
	}
	sweep(s);
	s->phase = PHASE_STOPPED;
	runstate_save(s, K3SBOX_RUN);
	return found;
}
