/* Shows the obstacles on this machine and what k3sbox does about them. Changes nothing. */
#include <stddef.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "app/applet.h"
#include "base/die.h"
#include "doctor/explain.h"
#include "doctor/report.h"
#include "plan/journal.h"
#include "plan/isolate.h"
#include "plan/plan.h"
#include "run/inside.h"

struct doctor {
	struct plan_options o;
	int format;
	bool quiet;
	const char *explain, *report;
};

static const struct opt opts[] = {
	{ OPT_CHOICE, 'o', "output", offsetof(struct doctor, format), .choices = output_formats,
	  .help = "output format" },
	{ OPT_FLAG, 'q', "quiet", offsetof(struct doctor, quiet),
	  .help = "show obstacles and the result only" },
	{ OPT_STR, 0, "explain", offsetof(struct doctor, explain), "ERROR",
	  .help = "show what is known about this error text, and nothing else ('': all)" },
	{ OPT_PATH, 0, "report", offsetof(struct doctor, report), "FILE",
	  .help = "write what a bug report needs: this, status and logs, with secrets masked" },
	PLAN_OPT_ROWS(struct doctor, o),
	{ OPT_END },
};

/* The words of k0s sysinfo. */
enum verdict { PASS, WARNING, REJECTED, SKIPPED };
static const char *const verdicts[] = {
	[PASS] = "pass", [WARNING] = "warning", [REJECTED] = "rejected", [SKIPPED] = "skipped",
};

static const struct plan_step *first_step(const struct plan *p, const struct fact *f)
{
	for (size_t i = 0; i < p->n; i++)
		if (p->steps[i].fact == f) return &p->steps[i];
	return NULL;
}

static enum verdict judge(const struct plan *p, size_t fact)
{
	if (p->results[fact].state == RESULT_SKIPPED) return SKIPPED;
	const struct plan_step *s = first_step(p, &facts[fact]);
	if (!s) return PASS;
	return s->row || facts[fact].severity == DEGRADED ? WARNING : REJECTED;
}

static void print_steps(const struct plan *p, const struct fact *f)
{
	for (size_t i = 0; i < p->n; i++) {
		const struct step_row *row = p->steps[i].row;
		if (p->steps[i].fact == f && row)
			printf("          -> %s: %s\n", mechanisms[row->by].name, row->what);
	}
	const struct plan_step *s = first_step(p, f);
	const char *help = s && !s->row ? plan_help(f, s->seen) : NULL;
	if (s && !s->row) printf("          -> %s\n", help ? help : "no remedy is known");
}

/* EX_FAIL: what was asked for cannot run; EX_LIMITED: it can, but not all of it works. */
static int judge_all(const struct doctor *cfg, const struct plan *p, const struct buf *limits)
{
	if (plan_blocked(p, ALL_FATAL)) return EX_FAIL;
	if (plan_blocked(p, NODE_FATAL)) return cfg->o.mode == MODE_NODE ? EX_FAIL : EX_LIMITED;
	return limits->len ? EX_LIMITED : EX_OK;
}

static void print_verdict(const struct doctor *cfg, const struct plan *p, const struct buf *limits)
{
	if (plan_blocked(p, ALL_FATAL)) {
		puts("\nresult: k3s cannot run here");
	} else if (plan_blocked(p, NODE_FATAL)) {
		puts("\nresult: no node can run here, only the control plane; 'k3sbox run' starts "
			"that");
	} else {
		printf("\nresult: %s can run here%s%s\n", cfg->o.mode == MODE_CONTROL_PLANE
			? "the control plane" : "a node with pods",
			limits->len ? ", with limits: " : "", limits->len ? limits->data : "");
	}
}

static void print_text(const struct doctor *cfg, const struct plan *p)
{
	for (size_t i = 0; i < FACT_COUNT; i++) {
		const struct fact_result *r = &p->results[i];
		if (cfg->quiet && r->state != RESULT_OBSTACLE) continue;
		printf("%-8s  %s: %s\n", verdicts[judge(p, i)], facts[i].name,
			*r->why ? r->why : facts[i].title);
		print_steps(p, &facts[i]);
	}
}

/* What the shim's file or the interceptor's command line has for it. */
static void json_rule(struct buf *b, const struct step_row *row)
{
	bool shim = row->by == BY_SHIM;
	char rule[100];

	if (!shim && row->by != BY_INTERCEPT) return;
	snprintf(rule, sizeof rule, "%s%s%s", shim ? shim_rule_name(row->rule) : "",
		shim && row->arg ? " " : "", row->arg ? row->arg : "");
	buf_puts(b, ", \"rule\": ");
	buf_json(b, rule);
}

static void json_steps(struct buf *b, const struct plan *p, const struct fact *f)
{
	const char *sep = "";

	buf_puts(b, "[");
	for (size_t i = 0; i < p->n; i++) {
		const struct step_row *row = p->steps[i].row;
		if (p->steps[i].fact != f || !row) continue;
		buf_printf(b, "%s{\"mechanism\": \"%s\", \"what\": ", sep,
			mechanisms[row->by].name);
		buf_json(b, row->what);
		json_rule(b, row);
		buf_putc(b, '}');
		sep = ", ";
	}
	buf_putc(b, ']');
}

static void print_json(const struct plan *p)
{
	_cleanup_buf_ struct buf b = {0};

	buf_puts(&b, "[");
	for (size_t i = 0; i < FACT_COUNT; i++) {
		buf_printf(&b, "%s\n  {\"path\": \"%s\", \"displayName\": ", i ? "," : "",
			facts[i].name);
		buf_json(&b, facts[i].title);
		buf_printf(&b, ", \"category\": \"%s\", \"message\": ", verdicts[judge(p, i)]);
		buf_json(&b, p->results[i].why);
		buf_puts(&b, ", \"steps\": ");
		json_steps(&b, p, &facts[i]);
		buf_putc(&b, '}');
	}
	buf_puts(&b, "\n]\n");
	fwrite(b.data, 1, b.len, stdout);
}

/* What init removed is no obstacle any more, and would not be shown. */
static void print_journal(void)
{
	_cleanup_journal_ struct journal j = {0};
	bool any = false;
	int r = journal_load(&j);

	if (r < 0) warn_errno(r, "%s", JOURNAL_FILE);
	for (size_t i = 0; i < j.n; i++) {
		const struct step_row *row = j.v[i].row;
		if (!mechanisms[row->by].lasts) continue;
		if (!any) puts("\nAlready removed ('k3sbox clean' undoes it):");
		any = true;
		printf("          %s, by %s: %s\n", facts[row->fact].name, mechanisms[row->by].name,
			row->what);
	}
	if (j.unknown)
		printf("\n%u %s in %s by another version of k3sbox, not shown\n", j.unknown,
			j.unknown == 1 ? "entry" : "entries", JOURNAL_FILE);
}

static int examine(const struct doctor *cfg)
{
	struct fact_result results[FACT_COUNT];
	_cleanup_buf_ struct buf limits = {0};
	struct plan p;

	plan_probe(&cfg->o, results);
	plan_make(&cfg->o, results, &p);
	plan_limits(&p, &limits);
	if (cfg->format == OUTPUT_JSON) {
		print_json(&p);
	} else {
		print_text(cfg, &p);
		print_journal();
		print_verdict(cfg, &p, &limits);
	}
	int status = judge_all(cfg, &p, &limits);
	plan_free(&p);
	fflush(stdout);
	return status;
}

/* Process 1 of a throw-away world. */
static int examine_inside(struct run *world, void *arg)
{
	struct doctor *cfg = arg;

	cfg->o = world->o;
	return examine(cfg);
}

static int examine_world(struct doctor *cfg, const struct isolation_result *isolation)
{
	struct run world = { .o = cfg->o };

	if (cfg->format != OUTPUT_JSON)
		printf("k3s gets namespaces of its own here, in which the following was found"
			"%s%s\n\n",
			*isolation->why.text ? "; outside: " : "", isolation->why.text);
	fflush(stdout);
	return inside_run(&world, isolation->user, examine_inside, cfg);
}

static int examine_all(struct doctor *cfg, const struct args *args)
{
	struct strv user = { .v = args->rest };
	struct isolation_result isolation;
	struct err why = {0};

	while (user.v[user.n]) user.n++;
	if (plan_options_complete(&cfg->o, &user, &why) < 0)
		warn("%s; flags that it sets may be overruled", why.text);
	cfg->o.for_doctor = true;
	/* Inside a world netd would be between, and the reason why a registry cannot be reached
	 * be lost. */
	if (!geteuid()) plan_probe_early(&cfg->o);
	if (isolate_decide(&cfg->o, &isolation) < 0) {
		warn("--namespaces=yes: %s", isolation.why.text);
		return EX_FAIL;
	}
	int status = isolation.wanted ? examine_world(cfg, &isolation) : examine(cfg);
	k3s_args_free(&cfg->o.args);
	return status;
}

static int run(void *cfg_, const struct args *args)
{
	struct doctor *cfg = cfg_;

	if (cfg->explain) return explain_print(cfg->explain);
	if (!cfg->report) return examine_all(cfg, args);
	int fd = report_begin();
	if (fd < 0) {
		warn_errno(fd, "cannot collect a report");
		return EX_FAIL;
	}
	cfg->format = OUTPUT_TEXT;
	cfg->quiet = false;
	examine_all(cfg, args);
	return report_end(fd, cfg->report, cfg->o.data_dir);
}

const struct applet applet_doctor = {
	.name = "doctor",
	.group = GROUP_CLUSTER,
	.summary = "show the obstacles to k3s on this machine and what k3sbox does about them",
	.usage = "[-q] [-o json] [OPTION…] [-- K3S-FLAG…]",
	.opts = opts,
	.cfg_size = sizeof(struct doctor),
	.more =
		"pass      it works here\n"
		"warning   it does not, and this is what k3sbox does about it\n"
		"rejected  it does not, and nothing here helps\n"
		"skipped   not tested, for the reason that is shown\n"
		"Each line is the result of doing the real thing, in temporary namespaces;\n"
		"nothing is changed. Flags for k3s behind --, and those in its configuration\n"
		"files, are respected.\n"
		"Exit status: 0 all of it works, 2 it works with the limits in the last line, 1\n"
		"it does not.\n",
	.flags = APPLET_REST,
	.run = run,
};
