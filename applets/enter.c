/* Runs a command in the namespaces that the cluster has of its own. */
#include <errno.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include "app/applet.h"
#include "base/die.h"
#include "base/err.h"
#include "base/io.h"
#include "world/enter.h"

static int run(void *cfg, const struct args *args)
{
	static const char fallback[] = "/bin/sh";
	const char *shell = getenv("SHELL");
	char *interactive[] = { (char *)(shell && *shell && io_exists(shell) ? shell : fallback), NULL };
	struct err e = {0};

	(void)cfg;
	int r = enter_run(args->n ? args->v : interactive, &e);
	if (r >= 0) return r;
	if (r == -ENOENT || r == -ECONNREFUSED) {
		warn("no cluster with namespaces of its own is running here ('k3sbox status' tells what is)");
		return EX_STOPPED;
	}
	warn("%s", e.text);
	return EX_FAIL;
}

const struct applet applet_enter = {
	.name = "enter",
	.group = GROUP_CLUSTER,
	.summary = "run a shell or a command in the cluster's own namespaces",
	.usage = "[COMMAND [ARG…]]",
	.operands = { "COMMAND", 0, OPERANDS_ANY },
	.flags = APPLET_IN_ORDER,
	.more = "Where k3s runs in namespaces of its own ('k3sbox run --namespaces'), its processes, mounts and network\n"
		"cannot be seen from outside. Without a command, $SHELL or /bin/sh is started. The shell has no job\n"
		"control, because the terminal belongs to the session outside. Exit status: the command's; 3 if no such\n"
		"cluster runs.\n",
	.run = run,
};
