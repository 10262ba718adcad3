/* Takes back what init did. */
#include <errno.h>
#include <stddef.h>
#include <stdio.h>
#include <unistd.h>

#include "app/applet.h"
#include "base/cleanup.h"
#include "base/die.h"
#include "base/err.h"
#include "base/io.h"
#include "cluster/presence.h"
#include "plan/plan.h"

struct clean_options {
	const char *data_dir;
	bool quiet;
};

static const struct opt opts[] = {
	{ OPT_PATH, 0, "data-dir", offsetof(struct clean_options, data_dir), "DIR",
		.help = "k3s's data directory, as given to init" },
	{ OPT_FLAG, 'q', "quiet", offsetof(struct clean_options, quiet),
		.help = "print errors only" },
	{ OPT_END },
};

/* With the lock held: false if a k3s, or what a killed one left, still runs. */
static bool nothing_runs(void)
{
	_cleanup_presence_ struct presence p;
	struct err e = {0};

	if (presence_look(&p, true, &e) < 0) die(EX_FAIL, "%s", e.text);
	if (p.kind != PRESENCE_NONE) return false;
	size_t n;   /* its processes are gone; its mounts may be left */
	if (presence_end_killed(&p, &n, &e) < 0) warn("%s", e.text);
	return true;
}

static void report(void *reported, const struct plan_step *s, int r, const struct err *why)
{
	(void)r;
	*(bool *)reported = true;
	warn("cannot undo '%s': %s", s->row->what, why->text);
}

static int run(void *cfg_, const struct args *args)
{
	const struct clean_options *cfg = cfg_;
	struct plan_options o = { .data_dir = cfg->data_dir };

	(void)args;
	if (geteuid()) die(EX_FAIL, "this needs root: mounts and files of the system are removed");
	bool had_lock = io_exists(K3SBOX_RUN "/lock");
	_cleanup_close_ int lock = runstate_lock(K3SBOX_RUN);
	if (lock < 0 && lock != -EWOULDBLOCK) die_errno(EX_FAIL, lock, K3SBOX_RUN "/lock");
	if (lock < 0 || !nothing_runs())
		die(EX_FAIL, "k3s is running and needs what would be removed: 'k3sbox stop' first");
	_cleanup_close_ int alone = plan_lock();
	if (alone < 0) die_errno(EX_FAIL, alone, K3SBOX_RUN);
	plan_options_complete(&o, NULL, NULL);   /* nothing but the data directory matters */
	bool reported = false;
	int r = plan_undo(&o, report, &reported);
	if (r < 0 && !reported) warn_errno(r, K3SBOX_RUN);
	if (!r && !cfg->quiet) puts("everything that init made is gone");
	if (!had_lock) io_unlink(K3SBOX_RUN "/lock");
	return r < 0 ? EX_FAIL : EX_OK;
}

const struct applet applet_clean = {
	.name = "clean",
	.group = GROUP_CLUSTER,
	.summary = "undo everything that init did",
	.usage = "[--data-dir DIR]",
	.opts = opts,
	.cfg_size = sizeof(struct clean_options),
	.more =
		"Removes the mounts, files and links that 'k3sbox init' made, and nothing else.\n"
		"Running it twice, or after a crash, does no harm. k3s's own data stays; a\n"
		"running k3s has to be stopped first ('k3sbox stop').\n",
	.run = run,
};
