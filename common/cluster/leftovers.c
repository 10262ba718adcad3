#include "cluster/leftovers.h"

#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

#include "base/clock.h"
#include "base/io.h"
#include "base/process.h"
#include "cluster/sweep.h"

void run_mark(char out[RUN_MARK_SIZE])
{
	struct stat st;

	if (stat(K3SBOX_RUN, &st) < 0) st = (struct stat){0};
	snprintf(out, RUN_MARK_SIZE, RUN_MARK "=%llx-%llx", (unsigned long long)st.st_dev, (unsigned long long)st.st_ino);
}

static int read_marked(struct procs *all)
{
	char mark[RUN_MARK_SIZE];
	int r = procs_read(all);

	run_mark(mark);
	if (!r) procs_marked(all, mark);
	return r;
}

size_t leftovers_count(void)
{
	_cleanup_procs_ struct procs all;
	return read_marked(&all) < 0 ? 0 : all.n;
}

size_t leftovers_end(struct runstate *s)
{
	static const struct { int sig; int rounds; } steps[] = { { SIGTERM, 30 }, { SIGKILL, 30 } };
	size_t found = 0;

	for (size_t i = 0; i < sizeof steps / sizeof *steps; i++) {
		for (int round = 0; round < steps[i].rounds; round++) {
			_cleanup_procs_ struct procs all;
			if (read_marked(&all) < 0) break;
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
