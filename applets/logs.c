/* Prints the log of k3s, and follows it. */
#include <errno.h>
#include <stddef.h>
#include <unistd.h>

#include "app/applet.h"
#include "base/die.h"
#include "base/err.h"
#include "base/io.h"
#include "cluster/log.h"
#include "cluster/runstate.h"

struct logs {
	bool follow;
	unsigned lines;
};

static const struct logs defaults = { .lines = 100 };

static const struct opt opts[] = {
	{ OPT_FLAG, 'f', "follow", offsetof(struct logs, follow),
	  .help = "keep printing what is added" },
	{ OPT_UINT, 'n', "lines", offsetof(struct logs, lines), "N",
	  .help = "start N lines before the end (100; 0: none)" },
	{ OPT_END },
};

static int failed(const char *path, int r)
{
	warn_errno(r, "%s", path);
	return EX_FAIL;
}

static bool at_once(void *arg)
{
	(void)arg;
	return true;
}

static int run(void *cfg_, const struct args *args)
{
	const struct logs *cfg = cfg_;
	_cleanup_runstate_ struct runstate s;

	(void)args;
	struct err e = {0};
	int r = runstate_load(&s, K3SBOX_RUN, &e);
	if (r == -ENOENT) {
		warn("no log: k3sbox has not run here");
		return EX_STOPPED;
	}
	if (r < 0) {
		warn("%s; the log is DATA-DIR/k3sbox/k3s.log", e.text);
		return EX_FAIL;
	}
	long long from = log_lines_at(s.log, cfg->lines);
	r = from < 0 ? (int)from : log_follow(s.log, from, STDOUT_FILENO, cfg->follow ? NULL
		: at_once, NULL);
	return r < 0 && r != -EPIPE ? failed(s.log, r) : EX_OK;
}

const struct applet applet_logs = {
	.name = "logs",
	.group = GROUP_CLUSTER,
	.summary = "show k3s's log",
	.usage = "[-f] [-n N]",
	.opts = opts,
	.defaults = &defaults,
	.cfg_size = sizeof(struct logs),
	.more =
		"The log is DATA-DIR/k3sbox/k3s.log. Once a minute it is rotated to k3s.log.1\n"
		"if it is larger than 16 MiB.\n",
	.run = run,
};
