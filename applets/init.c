/* Prepares this machine: probes, makes the plan, applies what lasts. */
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>

#include "app/applet.h"
#include "base/cleanup.h"
#include "base/die.h"
#include "plan/plan.h"

struct init {
	struct options o;
	bool dry_run, quiet;
};

static const struct opt opts[] = {
	{ OPT_FLAG, 'n', "dry-run", offsetof(struct init, dry_run), .help = "print the plan, change nothing" },
	{ OPT_FLAG, 'q', "quiet", offsetof(struct init, quiet), .help = "print only what goes wrong" },
	PLAN_OPT_ROWS(struct init, o),
	{ OPT_END },
};

static void print(const struct plan *p)
{
	for (size_t i = 0; i < p->n; i++) {
		const struct step *s = &p->steps[i];
		printf("%-16s %-11s %s\n", s->fact->name, s->row ? mechanism_names[s->row->by] : "-", s->row ? s->row->what : s->seen->why);
	}
	if (!p->n) puts("nothing to do: no obstacle was found");
}

static void explain(const struct plan *p, const struct fact *f, const char *consequence)
{
	warn("%s%s%s%s", p->results[f - facts].why, consequence, f->help ? "; " : "", f->help ? f->help : "");
}

/* What no step removes and nothing survives. */
static int unsolved(const struct plan *p)
{
	int status = EX_OK;

	for (size_t i = 0; i < p->n; i++) {
		const struct step *s = &p->steps[i];
		if (s->row || s->fact->severity == DEGRADED) continue;
		explain(p, s->fact, "");
		status = EX_FAIL;
	}
	return status;
}

static int run(void *cfg_, const struct args *args)
{
	struct init *cfg = cfg_;
	struct plan p;

	(void)args;
	options_complete(&cfg->o);
	_cleanup_close_ int lock = cfg->dry_run ? -1 : plan_lock();
	const struct fact *no_node = plan_prepare(&cfg->o, &p);
	if (no_node) explain(&p, no_node, " (so only a control plane can run here)");
	if (cfg->dry_run) print(&p);
	int status = unsolved(&p);
	size_t found = p.n;
	if (!status && !cfg->dry_run) status = plan_apply(&cfg->o, &p, !cfg->quiet) < 0 ? EX_FAIL : unsolved(&p);
	if (!status && !cfg->dry_run && !cfg->quiet)
		printf("%s; next: k3sbox run -d\n", found ? "prepared" : "nothing to do: no obstacle was found");
	plan_free(&p);
	return status;
}

const struct applet applet_init = {
	.name = "init",
	.group = GROUP_CLUSTER,
	.summary = "prepare this machine for k3s: find the obstacles and remove them",
	.usage = "[--dry-run] [OPTION…]",
	.opts = opts,
	.cfg_size = sizeof(struct init),
	.more = "Prints a line per step: the obstacle, the mechanism that removes it, what was done. Running it again does no harm;\n"
		"'k3sbox clean' takes everything back; 'k3sbox doctor' explains. Flags, the OCI shim and the interceptor take effect\n"
		"in 'k3sbox run'.\n",
	.flags = APPLET_ASKED,
	.run = run,
};
