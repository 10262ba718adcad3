/* `run -d` under the name that one looks for beside stop. */
#include <stdlib.h>
#include <string.h>

#include "app/applet.h"
#include "base/die.h"

/* That of run, whose options it takes. */
static int help(void)
{
	const struct applet *start = applet_find("start");
	struct applet run = *applet_find("run");

	run.name = start->name;
	run.usage = start->usage;
	run.summary = start->summary;
	return applet_help(&run);
}

static int run_raw(int argc, char **argv)
{
	if (argc > 1 && !strcmp(argv[1], "--help")) return help();
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
	.summary = "start k3s in the background: the same as 'k3sbox run -d'",
	.usage = "[OPTION…] [-- K3S-FLAG…]",
	.flags = APPLET_RAW,
	.run_raw = run_raw,
};
