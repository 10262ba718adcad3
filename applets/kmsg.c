/* The command line of plan/fix/kmsg: makes /dev/kmsg openable. */
#include <errno.h>
#include <stddef.h>
#include <stdio.h>

#include "app/applet.h"
#include "base/die.h"
#include "plan/fix/kmsg.h"

struct kmsg {
	bool check, undo;
};

static const struct opt opts[] = {
	{ OPT_FLAG, 'c', "check", offsetof(struct kmsg, check),
	  .help = "only test whether it can be opened (exit status 0 or 1)" },
	{ OPT_FLAG, 'u', "undo", offsetof(struct kmsg, undo),
	  .help = "remove what this applet made" },
	{ OPT_END },
};

static int report(int r, const struct err *why, const char *done)
{
	if (!r) return puts(done) < 0 ? EX_FAIL : EX_OK;
	if (*why->text) warn("%s", why->text);
	else warn_errno(r, "/dev/kmsg");
	return EX_FAIL;
}

static int run(void *cfg_, const struct args *args)
{
	const struct kmsg *cfg = cfg_;
	struct err why = {0};

	(void)args;
	if (cfg->undo) return report(kmsg_remove(NULL, NULL, &why), &why, "/dev/kmsg: as it was");
	int r = kmsg_check();
	if (cfg->check || !r) return report(r, &why, "/dev/kmsg: can be opened");
	r = (r == -ENOENT ? kmsg_link : kmsg_bind)(NULL, NULL, &why);
	if (!r) r = kmsg_check();
	return report(r, &why, "/dev/kmsg: reads as empty now (/dev/null)");
}

const struct applet applet_kmsg = {
	.name = "kmsg",
	.group = GROUP_TOOL,
	.summary = "make /dev/kmsg openable: the kubelet refuses to start without it",
	.usage = "[--check|--undo]",
	.opts = opts,
	.cfg_size = sizeof(struct kmsg),
	.more =
		"Where it is missing, a link to /dev/null is made; where it cannot be opened,\n"
		"/dev/null is bound over it.\n",
	.run = run,
};
