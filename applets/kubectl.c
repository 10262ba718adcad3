/* Runs kubectl with this cluster's kubeconfig: the one in k3s, or the one in PATH. */
#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "app/applet.h"
#include "base/die.h"
#include "base/io.h"
#include "cluster/presence.h"
#include "plan/plan.h"

static int become(const char *path, char **argv)
{
	execv(path, argv);
	int e = errno;
	warn_errno(-errno, "%s", path);
	return e == ENOENT ? EX_NOTFOUND : EX_NOEXEC;
}

static int run_raw(int argc, char **argv)
{
	_cleanup_presence_ struct presence p;
	struct plan_options o = {0};
	char path[PATH_MAX];
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
	if (o.k3s) {
		char **with_verb = xcalloc((size_t)argc + 2, sizeof *with_verb);
		with_verb[0] = (char *)"k3s";
		with_verb[1] = (char *)"kubectl";
		for (int i = 1; i < argc; i++) with_verb[i + 1] = argv[i];
		/* k3s unpacks itself into its data directory, which need not be the default one. */
		if (known && *s->data_dir) setenv("K3S_DATA_DIR", s->data_dir, 0);
		return become(o.k3s, with_verb);
	}
	if (!io_find_program("kubectl", getenv("PATH"), path, sizeof path))
		return become(path, argv);
	warn("neither k3s nor kubectl is in PATH");
	return EX_NOTFOUND;
}

const struct applet applet_kubectl = {
	.name = "kubectl",
	.group = GROUP_CLUSTER,
	.summary = "run kubectl on this cluster",
	.usage = "[KUBECTL-ARGUMENT…]",
	.flags = APPLET_RAW | APPLET_ASKED,
	.run_raw = run_raw,
};
