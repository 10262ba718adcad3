#include <signal.h>
#include <stdio.h>
#include <string.h>

#include "clock.h"
#include "proc.h"
#include "run.h"
#include "sweep.h"

size_t leftovers_remove(const char *data_dir)
{
	static const struct { int sig; int rounds; } steps[] = { { SIGTERM, 30 }, { SIGKILL, 30 } };
	size_t found = 0;

	for (size_t i = 0; i < sizeof steps / sizeof *steps; i++) {
		for (int round = 0; round < steps[i].rounds; round++) {
			_cleanup_procs_ struct procs all;
			if (procs_read(&all) < 0) break;
			procs_marked(&all, RUN_MARK);
			size_t left = procs_count(&all, steps[i].sig == SIGKILL);
			if (!found) found = all.n;
			if (!left) break;
			if (!round || steps[i].sig == SIGKILL) procs_signal(&all, steps[i].sig, steps[i].sig == SIGKILL);
			clock_sleep_ms(100);
		}
	}
	sweep(data_dir);
	return found;
}
