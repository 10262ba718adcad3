/* Prepares this machine: probes, makes the plan, applies what lasts. Flags, the OCI shim and the
 * interceptor are the business of run. */
#include <stddef.h>
#include <stdio.h>
#include <unistd.h>

#include "app/applet.h"
#include "base/cleanup.h"
#include "base/die.h"
#include "fetch/fetch.h"
#include "plan/isolate.h"
#include "plan/plan.h"

struct init {
	struct plan_options o;
	bool dry_run, quiet, no_fetch;
};

static const struct opt opts[] = {
	{ OPT_FLAG, 'n', "dry-run", offsetof(struct init, dry_run),
	  .help = "print the plan, change nothing" },
	{ OPT_FLAG, 'q', "quiet", offsetof(struct init, quiet),
	  .help = "print errors only" },
	PLAN_OPT_ROWS(struct init, o),
	{ OPT_FLAG, 0, "no-fetch", offsetof(struct init, no_fetch),
	  .help = "do not download k3s if there is none" },
	{ OPT_END },
};

static void print_step(const struct plan_step *s)
{
	printf("%-16s %-11s %s\n", s->fact->name, s->row ? mechanisms[s->row->by].name : "-",
		s->row ? s->row->what : s->seen->why);
}

static void report(void *quiet, const struct plan_step *s, int r, const struct err *why)
{
	if (r < 0) warn("%s: cannot %s: %s", s->fact->name, s->row->what, why->text);
	else if (!*(const bool *)quiet) print_step(s);
}

static void explain(const struct plan *p, const struct fact *f, const char *consequence)
{
	const struct fact_result *seen = &p->results[f - facts];
	const char *help = plan_help(f, seen);

	warn("%s%s%s%s", seen->why, consequence, help ? "; " : "", help ? help : "");
}

/* What no step removes and nothing survives. */
static int explain_blocked(const struct plan *p)
{
	int status = EX_OK;

	for (size_t i = 0; i < p->n; i++) {
		const struct plan_step *s = &p->steps[i];
		if (s->row || s->fact->severity == DEGRADED) continue;
		explain(p, s->fact, "");
		status = EX_FAIL;
	}
	return status;
}

static int apply(struct init *cfg, struct plan *p)
{
	struct err why = {0};
	size_t found = p->n;

	if (plan_apply(&cfg->o, p, report, &cfg->quiet, &why) < 0) {
		warn("%s", why.text);
		return EX_FAIL;
	}
	int status = explain_blocked(p);
	if (!status && !cfg->quiet)
		printf("%s; next: k3sbox run -d\n",
			found ? "prepared" : "nothing to do: no obstacle was found");
	return status;
}

static int dry_run(const struct plan *p)
{
	for (size_t i = 0; i < p->n; i++) print_step(&p->steps[i]);
	if (!p->n) puts("nothing to do: no obstacle was found");
	return explain_blocked(p);
}

/* Nothing of a world lasts longer than k3s. */
static int explain_world(struct init *cfg, const struct isolation_result *isolation)
{
	if (!cfg->quiet)
		printf("k3s gets namespaces of its own here%s%s\n"
			"nothing has to be prepared: 'run' does it each time; next: "
			"k3sbox run -d\n",
			*isolation->why.text ? "; outside: " : "", isolation->why.text);
	k3s_args_free(&cfg->o.args);
	return EX_OK;
}

static int run(void *cfg_, const struct args *args)
{
	struct init *cfg = cfg_;
	struct strv user = { .v = args->rest };
	struct isolation_result isolation;
	struct plan p;
	struct err why = {0};

	while (user.v[user.n]) user.n++;
	if (plan_options_complete(&cfg->o, &user, &why) < 0)
		warn("%s; flags that it sets may be overruled", why.text);
	if (!cfg->o.k3s && !cfg->no_fetch && !cfg->dry_run && !geteuid())
		fetch_missing(&cfg->o, cfg->quiet);
	if (isolate_decide(&cfg->o, &isolation) < 0) {
		warn("--namespaces=yes: %s", isolation.why.text);
		return EX_FAIL;
	}
	if (isolation.wanted) return explain_world(cfg, &isolation);
	_cleanup_close_ int lock = cfg->dry_run ? -1 : plan_lock();
	const struct fact *no_node = plan_prepare(&cfg->o, &p);
	if (no_node) explain(&p, no_node, " (so only a control plane can run here)");
	int status = cfg->dry_run ? dry_run(&p) : explain_blocked(&p);
	if (!status && !cfg->dry_run) status = apply(cfg, &p);
	plan_free(&p);
	k3s_args_free(&cfg->o.args);
	return status;
}

const struct applet applet_init = {
	.name = "init",
	.group = GROUP_CLUSTER,
	.summary = "prepare this machine for k3s: find the obstacles and remove them",
	.usage = "[--dry-run] [OPTION…] [-- K3S-FLAG…]",
	.opts = opts,
	.cfg_size = sizeof(struct init),
	.more =
		"Prints a line per step: the obstacle, the mechanism that removes it, what it\n"
		"does. Running it again does no harm; 'k3sbox clean' undoes everything;\n"
		"'k3sbox doctor' explains. Flags, the OCI shim and the interceptor take effect in\n"
		"'k3sbox run'. The K3S-FLAGs that you will give to 'k3sbox run' are respected, as\n"
		"are those in k3s's configuration files.\n",
	.flags = APPLET_ASKED | APPLET_REST,
	.run = run,
};
