/* `run -d` under the name that one looks for beside stop. */
#include <stdlib.h>
#include <string.h>

#include "app/applet.h"
#include "base/die.h"

static int run_raw(int argc, char **argv)
{
	if (argc > 1 && !strcmp(argv[1], "--help")) return applet_help(applet_find("start"));
	char **words = xcalloc((size_t)argc + 2, sizeof *words);

	words[0] = (char *)"run";
	words[1] = (char *)"--detach";
	for (int i = 1; i < argc; i++) words[i + 1] = argv[i];
	int status = applet_call(applet_find("run"), argc + 1, words);
	free(words);
	return status;
}

const struct applet applet_start = {
	.name = "start",
	.group = GROUP_CLUSTER,
	.summary = "start k3s in the background: the same as 'run --detach'",
	.usage = "[OPTION…] [-- K3S-FLAG…]",
	.flags = APPLET_RAW,
	.more =
		"Its options are those of run ('k3sbox run --help').\n",
	.run_raw = run_raw,
};
