/* Ends what `run` started. */
#include <errno.h>
#include <signal.h>
#include <stddef.h>
#include <stdio.h>
#include <unistd.h>

#include "app/applet.h"
#include "base/cleanup.h"
#include "base/clock.h"
#include "base/die.h"
#include "base/io.h"
#include "cluster/leftovers.h"
#include "cluster/ready.h"
#include "cluster/runstate.h"

struct stop {
	unsigned timeout;
};

static const struct stop defaults = { .timeout = 60 };

static const struct opt opts[] = {
	{ OPT_SECONDS, 0, "timeout", offsetof(struct stop, timeout), "TIME",
	  .help = "how long k3s and its pods may take (60 s); then they are killed (0: at once)" },
	{ OPT_END },
};

/* Signals the supervisor once. It may still prepare, and then the state is that of an earlier run: looked at until it
 * is there. The lock is free when it is gone, however it went. 0; -EAGAIN: it is not gone in time; -EBUSY: it was not to be found
 * in time; or -errno. */
static int end_within(int sig, int64_t ms)
{
	int64_t end = clock_ms() + ms;
	bool told = false;

	for (;; clock_sleep_ms(50)) {
		_cleanup_runstate_ struct runstate s;
		int lock = runstate_lock(K3SBOX_RUN), r = runstate_load(&s, K3SBOX_RUN);
		if (lock >= 0) close(lock);
		if (lock != -EWOULDBLOCK) return 0;
		if (!told && !r) r = process_signal(&s.supervisor, sig);
		if (!told && r < 0 && r != -ESRCH && r != -ENOENT) return r;
		told |= !r;
		if (clock_ms() >= end) return told ? -EAGAIN : -EBUSY;
	}
}

/* Ends what a killed supervisor left, unless another one is there by now. How many processes that were. */
static size_t clear_up(void)
{
	_cleanup_runstate_ struct runstate s = {0};
	_cleanup_close_ int lock = runstate_lock(K3SBOX_RUN);

	if (lock < 0 || runstate_load(&s, K3SBOX_RUN) < 0 || s.phase == PHASE_STOPPED) return 0;
	return leftovers_end(&s);
}

/* Asks, asks again, kills: each only if the one before did not do. */
static int end_supervisor(const struct stop *cfg)
{
	int r = end_within(SIGTERM, (int64_t)cfg->timeout * 1000);

	if (r == -EAGAIN) {
		warn("not stopped after %u s: killed", cfg->timeout);
		r = end_within(SIGTERM, 15000);   /* the second one makes it kill */
	}
	if (r == -EAGAIN) {
		r = end_within(SIGKILL, 5000);
		if (!r) clear_up();
	}
	if (r == -EBUSY) warn("another k3sbox prepares to start k3s: try again");
	else if (r == -EAGAIN) warn("the supervisor cannot even be killed");
	else if (r < 0) warn_errno(r, "the supervisor cannot be signalled");
	return r < 0 ? EX_FAIL : EX_OK;
}

static int run(void *cfg, const struct args *args)
{
	_cleanup_runstate_ struct runstate s;

	(void)args;
	int r = runstate_load(&s, K3SBOX_RUN), lock = r == -EACCES ? r : runstate_lock(K3SBOX_RUN);
	if (lock == -EACCES || r == -EACCES) {
		warn(K3SBOX_RUN " cannot be read: root is needed");
		return EX_FAIL;
	}
	if (lock == -EWOULDBLOCK) {
		int status = end_supervisor(cfg);
		if (!status) puts("stopped");
		return status;
	}
	if (lock >= 0) close(lock);
	size_t n = clear_up();
	if (n) printf("stopped %zu processes that a killed k3sbox left\n", n);
	else puts("nothing is running");
	return EX_OK;
}

const struct applet applet_stop = {
	.name = "stop",
	.group = GROUP_CLUSTER,
	.summary = "stop k3s and its pods: no process and no mount stays",
	.usage = "[--timeout TIME]",
	.opts = opts,
	.defaults = &defaults,
	.cfg_size = sizeof(struct stop),
	.more = "Success too if nothing is running. The data folder stays; 'k3sbox clean' takes back what init made.\n",
	.run = run,
};
