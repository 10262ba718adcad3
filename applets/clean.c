/* Takes back what init did. */
#include <errno.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "app/applet.h"
#include "base/cleanup.h"
#include "base/die.h"
#include "base/err.h"
#include "base/io.h"
#include "cluster/presence.h"
#include "cluster/sweep.h"
#include "cluster/wipe.h"
#include "plan/plan.h"

struct clean_options {
	const char *data_dir;
	bool all, quiet;
};

static const struct opt opts[] = {
	{ OPT_PATH, 0, "data-dir", offsetof(struct clean_options, data_dir), "DIR",
		.help = "k3s's data directory, as given to init" },
	{ OPT_FLAG, 'a', "all", offsetof(struct clean_options, all),
		.help = "remove the cluster, too" },
	{ OPT_FLAG, 'q', "quiet", offsetof(struct clean_options, quiet),
		.help = "print errors only" },
	{ OPT_END },
};

/* With the lock held: false if a k3s, or what a killed one left, still runs. */
static bool nothing_runs(struct presence *p)
{
	struct err e = {0};

	if (presence_look(p, true, &e) < 0) die(EX_FAIL, "%s", e.text);
	if (p->kind != PRESENCE_NONE) return false;
	size_t n;   /* its processes are gone; its mounts may be left */
	if (presence_end_killed(p, &n, &e) < 0) warn("%s", e.text);
	return true;
}

static void report(void *reported, const struct plan_step *s, int r, const struct err *why)
{
	(void)r;
	*(bool *)reported = true;
	warn("cannot undo '%s': %s", s->row->what, why->text);
}

/* What is in /run: of a k3s that ran here, and of k3sbox. */
static int clean_run(const struct presence *p)
{
	struct err e = {0};
	int r = p->have_state ? sweep_containerd(&e) : 0;

	if (r < 0) warn("%s", e.text);
	int own = io_remove_tree(K3SBOX_RUN);
	if (own == -EBUSY) own = 0;   /* it is a mount point, of the user or of a world that ends */
	if (own < 0) warn_errno(own, K3SBOX_RUN);
	return r < 0 ? r : own;
}

/* The data directory of the last run, unless the user names one. */
static int clean_cluster(const struct clean_options *cfg, const struct plan_options *o,
	const struct presence *p)
{
	bool known = p->have_state && *p->s.data_dir && !cfg->data_dir;
	char *unmerge[] = { (char *)"kubeconfig", (char *)"--unmerge", NULL };
	struct err e = {0};
	int r = wipe_cluster(known ? p->s.data_dir : o->data_dir, &e);

	if (r < 0) warn("cannot remove %s", e.text);
	if (getenv("HOME") || getenv("KUBECONFIG")) applet_call(applet_find(*unmerge), 2, unmerge);
	return r;
}

static int run(void *cfg_, const struct args *args)
{
	const struct clean_options *cfg = cfg_;
	struct plan_options o = { .data_dir = cfg->data_dir };
	_cleanup_presence_ struct presence p = {0};

	(void)args;
	if (geteuid()) die(EX_FAIL, "this needs root: mounts and files of the system are removed");
	_cleanup_close_ int lock = runstate_lock(K3SBOX_RUN);
	if (lock < 0 && lock != -EWOULDBLOCK) die_errno(EX_FAIL, lock, K3SBOX_RUN "/lock");
	if (lock < 0 || !nothing_runs(&p))
		die(EX_FAIL, "k3s is running and needs what would be removed: 'k3sbox stop' first");
	_cleanup_close_ int alone = plan_lock();
	if (alone < 0) die_errno(EX_FAIL, alone, K3SBOX_RUN);
	plan_options_complete(&o, NULL, NULL);   /* nothing but the data directory matters */
	bool reported = false;
	int r = plan_undo(&o, report, &reported);
	if (r < 0 && !reported) warn_errno(r, K3SBOX_RUN);
	if (!r) r = clean_run(&p);
	if (!r && cfg->all) r = clean_cluster(cfg, &o, &p);
	if (!r && !cfg->quiet) puts("everything that init made is gone");
	return r < 0 ? EX_FAIL : EX_OK;
}

const struct applet applet_clean = {
	.name = "clean",
	.group = GROUP_CLUSTER,
	.summary = "undo everything that init did",
	.usage = "[--all] [--data-dir DIR]",
	.opts = opts,
	.cfg_size = sizeof(struct clean_options),
	.more =
		"Removes the mounts, files and links that 'k3sbox init' made, and what k3sbox and\n"
		"containerd keep in /run; nothing else.\n"
		"Running it twice, or after a crash, does no harm. k3s's own data stays; a\n"
		"running k3s has to be stopped first ('k3sbox stop'). --all also removes the\n"
		"cluster: its data, /etc/rancher/k3s and /etc/rancher/node, /var/lib/kubelet,\n"
		"the links cni0 and flannel.1, its rules of iptables, and the context k3sbox of\n"
		"your kubeconfig.\n",
	.run = run,
};
