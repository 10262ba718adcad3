/* Stops k3s and starts it with the options of the last run. */
#include <errno.h>
#include <stddef.h>
#include <stdlib.h>
#include <unistd.h>

#include "app/applet.h"
#include "base/buf.h"
#include "base/die.h"
#include "base/err.h"
#include "base/io.h"
#include "cluster/runstate.h"

struct restart {
	unsigned timeout;
};

static const struct restart defaults = { .timeout = 60 };

static const struct opt opts[] = {
	{ OPT_SECONDS, 0, "timeout", offsetof(struct restart, timeout), "TIME",
	  .help = "kill k3s and its pods after this time (60 s; 0: at once)" },
	{ OPT_END },
};

static int call(const char *name, const struct strv *words)
{
	const struct applet *a = applet_find(name);
	char **argv = xcalloc(words->n + 2, sizeof *argv);

	argv[0] = (char *)name;
	for (size_t i = 0; i < words->n; i++) argv[i + 1] = words->v[i];
	int status = applet_call(a, (int)words->n + 1, argv);
	free(argv);
	return status;
}

static int run(void *cfg_, const struct args *args)
{
	const struct restart *cfg = cfg_;
	_cleanup_runstate_ struct runstate s;
	_cleanup_strv_ struct strv stop = {0}, start = {0};

	(void)args;
	struct err e = {0};
	int r = runstate_load(&s, K3SBOX_RUN, &e);
	if (r < 0) {
		if (r == -ENOENT) warn("k3sbox has not run here: use 'k3sbox run -d'");
		else warn("%s%s", e.text, r == -EBADMSG ? "; 'k3sbox stop', then 'k3sbox run -d'"
			: "");
		return EX_FAIL;
	}
	strv_addf(&stop, "--timeout=%u", cfg->timeout);
	int status = call("stop", &stop);
	if (status) return status;
	/* Names after -- may be relative to the directory that run was called in. */
	if (*s.directory && chdir(s.directory) < 0)
		warn_errno(-errno, "%s, where k3s was started", s.directory);
	strv_add(&start, "--detach");
	for (size_t i = 0; i < s.argv.n; i++) strv_add(&start, s.argv.v[i]);
	return call("run", &start);
}

const struct applet applet_restart = {
	.name = "restart",
	.group = GROUP_CLUSTER,
	.summary = "stop k3s and start it in the background with the options of the last run",
	.usage = "[--timeout TIME]",
	.opts = opts,
	.defaults = &defaults,
	.cfg_size = sizeof(struct restart),
	.more =
		"k3s starts in the same directory, with the current environment variables.\n",
	.run = run,
};
