/* Says what stands in the way here and what k3sbox does about it. */
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "app/applet.h"
#include "base/die.h"
#include "plan/plan.h"

enum format { TEXT, JSON };
static const char *const formats[] = { [TEXT] = "text", [JSON] = "json", NULL };

struct doctor {
	struct options o;
	int format;
};

static const struct opt opts[] = {
	{ OPT_CHOICE, 'o', "output", offsetof(struct doctor, format), .choices = formats, .help = "how to print it" },
	PLAN_OPT_ROWS(struct doctor, o),
	{ OPT_END },
};

/* k0s sysinfo's words. */
enum category { PASS, WARNING, REJECTED, SKIPPED };
static const char *const categories[] = { [PASS] = "pass", [WARNING] = "warning", [REJECTED] = "rejected", [SKIPPED] = "skipped" };

static const struct step *first_step(const struct plan *p, const struct fact *f)
{
	for (size_t i = 0; i < p->n; i++)
		if (p->steps[i].fact == f) return &p->steps[i];
	return NULL;
}

static enum category judge(const struct plan *p, size_t fact)
{
	if (p->results[fact].state == FACT_SKIPPED) return SKIPPED;
	const struct step *s = first_step(p, &facts[fact]);
	if (!s) return PASS;
	return s->row || facts[fact].severity == DEGRADED ? WARNING : REJECTED;
}

static void print_steps(const struct plan *p, const struct fact *f)
{
	for (size_t i = 0; i < p->n; i++)
		if (p->steps[i].fact == f && p->steps[i].row)
			printf("          -> %s: %s\n", mechanism_names[p->steps[i].row->by], p->steps[i].row->what);
	const struct step *s = first_step(p, f);
	if (s && !s->row) printf("          -> %s\n", f->help ? f->help : "nothing is known to help");
}

static void print_verdict(const struct plan *p)
{
	puts(plan_blocked(p, ALL_FATAL) ? "\nhere: k3s cannot run"
		: plan_blocked(p, NODE_FATAL) ? "\nhere: a control plane alone, no node; 'k3sbox run' starts that" : "\nhere: a node with pods");
}

static void print_text(const struct plan *p)
{
	for (size_t i = 0; i < fact_count; i++) {
		enum category c = judge(p, i);
		printf("%-8s  %s: %s\n", categories[c], facts[i].name, *p->results[i].why ? p->results[i].why : facts[i].title);
		print_steps(p, &facts[i]);
	}
}

static void json_steps(struct buf *b, const struct plan *p, const struct fact *f)
{
	const char *sep = "";

	buf_puts(b, "[");
	for (size_t i = 0; i < p->n; i++) {
		const struct step_row *row = p->steps[i].row;
		if (p->steps[i].fact != f || !row) continue;
		buf_printf(b, "%s{\"mechanism\": \"%s\", \"what\": ", sep, mechanism_names[row->by]);
		buf_json(b, row->what);
		if (row->rule) {
			buf_puts(b, ", \"rule\": ");
			buf_json(b, row->rule);
		}
		buf_putc(b, '}');
		sep = ", ";
	}
	buf_putc(b, ']');
}

static void print_json(const struct plan *p)
{
	_cleanup_buf_ struct buf b = {0};

	buf_puts(&b, "[");
	for (size_t i = 0; i < fact_count; i++) {
		buf_printf(&b, "%s\n  {\"path\": \"%s\", \"displayName\": ", i ? "," : "", facts[i].name);
		buf_json(&b, facts[i].title);
		buf_printf(&b, ", \"category\": \"%s\", \"message\": ", categories[judge(p, i)]);
		buf_json(&b, p->results[i].why);
		buf_puts(&b, ", \"steps\": ");
		json_steps(&b, p, &facts[i]);
		buf_putc(&b, '}');
	}
	buf_puts(&b, "\n]\n");
	fwrite(b.data, 1, b.len, stdout);
}

/* What init did earlier is fine by now, and would go unseen. */
static void print_journal(void)
{
	_cleanup_buf_ struct buf b = {0};

	plan_journal(&b);
	if (!b.len) return;
	bool any = false;
	for (char *line = b.data, *next; line && *line; line = next) {
		next = strchr(line, '\n');
		if (next) *next++ = 0;
		char *f[3] = { line, NULL, NULL };
		char *by = strchr(line, '\t');
		if (!by || !plan_lasts(by + 1)) continue;
		if (!any) puts("\nRemoved already ('k3sbox clean' takes it back):");
		any = true;
		for (int i = 1; i < 3 && f[i - 1]; i++)
			if ((f[i] = strchr(f[i - 1], '\t'))) *f[i]++ = 0;
		if (f[2]) f[2][strcspn(f[2], "\t")] = 0;
		printf("          %s, by %s: %s\n", f[0], f[1] ? f[1] : "?", f[2] ? f[2] : "?");
	}
}

static int run(void *cfg_, const struct args *args)
{
	struct doctor *cfg = cfg_;
	struct plan p;

	(void)args;
	options_complete(&cfg->o);
	struct fact_result *results = xcalloc(fact_count, sizeof *results);
	plan_probe(&cfg->o, results);
	plan_make(&cfg->o, results, &p);
	if (cfg->format == JSON) print_json(&p);
	else print_text(&p), print_journal(), print_verdict(&p);
	int status = EX_OK;
	for (size_t i = 0; i < fact_count; i++)
		if (judge(&p, i) == REJECTED) status = EX_FAIL;
	plan_free(&p);
	free(results);
	return status;
}

const struct applet applet_doctor = {
	.name = "doctor",
	.group = GROUP_CLUSTER,
	.summary = "say what stands in k3s's way here and what k3sbox does about it",
	.usage = "[-o json] [OPTION…]",
	.opts = opts,
	.cfg_size = sizeof(struct doctor),
	.more = "pass      it works here\n"
		"warning   it does not, and this is what k3sbox does about it\n"
		"rejected  it does not, and nothing here helps: exit status 1\n"
		"skipped   not looked at: it depends on another, or concerns nodes alone\n"
		"Every line comes from doing the real thing, in throw-away namespaces; nothing is changed.\n",
	.run = run,
};
