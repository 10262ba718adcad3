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
	if (!shell || !*shell || !io_exists(shell)) shell = fallback;
	char *interactive[] = { (char *)shell, NULL };
	struct err e = {0};
	int status;

	(void)cfg;
	int r = enter_run(args->n ? args->v : interactive, !args->n, &status, &e);
	if (r == -ENOTCONN) {
		warn("no cluster with namespaces of its own is running here "
			"('k3sbox status' shows what is)");
		return EX_STOPPED;
	}
	if (r < 0) warn("%s", e.text);
	return status;
}

const struct applet applet_enter = {
	.name = "enter",
	.group = GROUP_CLUSTER,
	.summary = "run a shell or a command in the cluster's own namespaces",
	.usage = "[COMMAND [ARG…]]",
	.operands = { "COMMAND", 0, OPERANDS_ANY },
	.flags = APPLET_IN_ORDER,
	.more = "Where k3s runs in namespaces of its own ('k3sbox run --namespaces'), its\n"
		"processes, mounts and network cannot be seen from outside. Without a command,\n"
		"$SHELL or /bin/sh is started; on a terminal it has one of its own, with job\n"
		"control. Exit status: the command's; 126 or 127 if it cannot be executed;\n"
		"3 if no such cluster is running.\n",
	.run = run,
};
