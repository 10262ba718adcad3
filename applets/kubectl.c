/* Runs kubectl, crictl or ctr on this cluster: the one in k3s, or the one in PATH. */
#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "app/applet.h"
#include "base/die.h"
#include "base/err.h"
#include "base/io.h"
#include "cluster/presence.h"
#include "plan/plan.h"
#include "world/enter.h"

static int become(const char *path, char **argv)
{
	execv(path, argv);
	int e = errno;
	warn_errno(-errno, "%s", path);
	return e == ENOENT ? EX_NOTFOUND : EX_NOEXEC;
}

/* ctr and crictl speak to containerd, whose socket lies in the cluster's own namespaces if it has
 * any. */
static int become_inside(const char *path, char **argv)
{
	struct err e = {0};
	int status;

	argv[0] = (char *)path;
	int r = enter_run(argv, false, &status, &e);
	if (r == -ENOTCONN) return become(path, argv);
	if (r < 0) warn("%s", e.text);
	return status;
}

static int run_k3s(const char *k3s, const char *verb, int argc, char **argv)
{
	char **with_verb = xcalloc((size_t)argc + 2, sizeof *with_verb);
	bool inside = strcmp(verb, "kubectl");

	with_verb[0] = (char *)"k3s";
	with_verb[1] = (char *)verb;
	for (int i = 1; i < argc; i++) with_verb[i + 1] = argv[i];
	return inside ? become_inside(k3s, with_verb) : become(k3s, with_verb);
}

static int run_raw(int argc, char **argv)
{
	_cleanup_presence_ struct presence p;
	struct plan_options o = {0};
	char path[PATH_MAX];
	const char *slash = strrchr(argv[0], '/'), *verb = slash ? slash + 1 : argv[0];
	/* Not for root alone: what a state that cannot be read does not tell is k3s's default. */
	bool known = !presence_look(&p, false, NULL) && p.have_state;
	const struct runstate *s = &p.s;

	/* The state of the last run names both; without it, k3s's defaults hold. */
	if (known && *s->k3s_path && !access(s->k3s_path, X_OK)) o.k3s = s->k3s_path;
	plan_options_complete(&o, NULL, NULL);   /* only for the path of k3s */
	const char *kubeconfig = known && *s->kubeconfig ? s->kubeconfig
		: "/etc/rancher/k3s/k3s.yaml";
	setenv("KUBECONFIG", kubeconfig, 1);
	if (known && !presence_alive(&p)) warn("k3s is stopped: k3sbox run -d");
	else if (access(kubeconfig, R_OK) < 0)
		warn("cannot read %s: %s; 'k3sbox status' shows whether k3s runs", kubeconfig,
			strerror(errno));
	/* k3s unpacks itself into its data directory, which need not be the default one. */
	if (known && *s->data_dir) setenv("K3S_DATA_DIR", s->data_dir, 0);
	if (o.k3s) return run_k3s(o.k3s, verb, argc, argv);
	if (!io_find_program(verb, getenv("PATH"), path, sizeof path)) return become(path, argv);
	warn("neither k3s nor %s is in PATH", verb);
	return EX_NOTFOUND;
}

static const char *const aliases[] = { "crictl", "ctr", NULL };

const struct applet applet_kubectl = {
	.name = "kubectl",
	.aliases = aliases,
	.group = GROUP_CLUSTER,
	.summary = "run k3s's kubectl on this cluster; as crictl and ctr, these",
	.usage = "[ARGUMENT…]",
	.flags = APPLET_RAW | APPLET_ASKED,
	.run_raw = run_raw,
};
