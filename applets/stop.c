/* Ends what `run` started, or what is left of it. Not for undoing `init`: that is clean. */
#include <errno.h>
#include <signal.h>
#include <stddef.h>
#include <stdio.h>
#include <unistd.h>

#include "app/applet.h"
#include "base/cleanup.h"
#include "base/clock.h"
#include "base/die.h"
#include "base/err.h"
#include "base/io.h"
#include "cluster/presence.h"
#include "plan/journal.h"

struct stop {
	unsigned timeout;
};

static const struct stop defaults = { .timeout = 60 };

static const struct opt opts[] = {
	{ OPT_SECONDS, 0, "timeout", offsetof(struct stop, timeout), "TIME",
	  .help = "kill k3s and its pods after this time (60 s; 0: at once)" },
	{ OPT_END },
};

/* Signals the supervisor, *told or the one that is found, once; true when there is none any more.
 * While it still prepares it is not known, and is looked for until it is. *r: -errno if that
 * fails. */
static bool is_gone(int sig, struct process_id *told, int *r)
{
	_cleanup_presence_ struct presence p = {0};

	*r = 0;
	if (process_alive(told)) return false;
	*r = presence_look(&p, false, NULL);
	if (*r < 0) return false;
	if (!presence_alive(&p)) return true;
	if (told->pid) return p.supervisor.pid != 0;   /* another one has been started since */
	int sent = process_signal(&p.supervisor, sig);
	if (!sent) *told = p.supervisor;
	else if (sent != -ESRCH) *r = sent;
	return false;
}

/* 0; -EAGAIN: it does not end in time; -EBUSY: it was not found in time; or -errno. */
static int end_within(int sig, int64_t ms)
{
	int64_t end = clock_ms() + ms;
	struct process_id told = {0};

	for (;; clock_sleep_ms(50)) {
		int r;
		if (is_gone(sig, &told, &r)) return 0;
		if (r < 0) return r;
		if (clock_ms() >= end) return told.pid ? -EAGAIN : -EBUSY;
	}
}

/* Ends what a killed supervisor left, unless another one has been started since. Returns how many
 * processes that were. */
static size_t clear_up(void)
{
	_cleanup_presence_ struct presence p = {0};
	_cleanup_close_ int lock = runstate_lock(K3SBOX_RUN);

	struct err e = {0};
	size_t n;

	if (lock < 0 && lock != -EWOULDBLOCK) warn_errno(lock, K3SBOX_RUN "/lock");
	if (lock < 0 || presence_look(&p, true, NULL) < 0) return 0;
	if (presence_end_killed(&p, &n, &e) < 0) warn("%s", e.text);
	return n;
}

/* SIGTERM, a second one, SIGKILL: each only if the one before was not enough. */
static int end_supervisor(const struct stop *cfg)
{
	int r = end_within(SIGTERM, (int64_t)cfg->timeout * 1000);

	if (r == -EAGAIN) {
		warn("k3s did not stop within %u s: killing it", cfg->timeout);
		r = end_within(SIGTERM, 15000);   /* the second one makes the supervisor kill */
	}
	if (r == -EAGAIN) r = end_within(SIGKILL, 5000);
	/* nothing to do, unless it was killed: here, or by another at the same time */
	if (!r) clear_up();
	if (r == -EBUSY) warn("another k3sbox is preparing to start k3s: try again");
	else if (r == -EAGAIN) warn("the supervisor could not be killed");
	else if (r < 0) warn_errno(r, "cannot signal the supervisor");
	return r < 0 ? EX_FAIL : EX_OK;
}

/* What init or run prepared is left for the next start. */
static void tell_what_stays(void)
{
	_cleanup_journal_ struct journal j = {0};
	bool any = false;

	journal_load(&j);   /* `clean` says what is wrong with it */
	for (size_t i = 0; i < j.n; i++) any |= mechanisms[j.v[i].row->by].lasts;
	if (any) puts("what was prepared on this machine stays: 'k3sbox clean' undoes it");
}

static int run(void *cfg, const struct args *args)
{
	_cleanup_presence_ struct presence p;
	struct err e = {0};

	(void)args;
	int r = presence_look(&p, false, &e);
	if (r < 0) {
		warn("%s%s", e.text, r == -EACCES ? " (root is needed)" : "");
		return EX_FAIL;
	}
	if (presence_alive(&p)) {
		int status = end_supervisor(cfg);
		if (!status) puts("stopped"), tell_what_stays();
		return status;
	}
	size_t n = clear_up();
	if (n) printf("stopped %zu processes that a killed k3sbox had left\n", n);
	else puts("nothing is running");
	return EX_OK;
}

const struct applet applet_stop = {
	.name = "stop",
	.group = GROUP_CLUSTER,
	.summary = "stop k3s and its pods, and unmount what they leave",
	.usage = "[--timeout TIME]",
	.opts = opts,
	.defaults = &defaults,
	.cfg_size = sizeof(struct stop),
	.more =
		"Succeeds too if nothing is running. The data directory stays, and so do mounts\n"
		"and files that init or run prepared; 'k3sbox clean' undoes these.\n",
	.run = run,
};
