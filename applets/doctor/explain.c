/* Explains an error text by the rows of the facts and steps. Probes nothing. */
#include "doctor/explain.h"

#include <stdbool.h>
#include <stdio.h>
#include <string.h>

#include "base/die.h"
#include "cluster/log.h"
#include "plan/rows.h"
#include "plan/symptom.h"

static bool is_about(const struct fact *f, const char *text)
{
	return !*text || symptom_is(f->symptom, text) || symptom_is(f->title, text) ||
		!strcmp(f->name, text);
}

/* The lines of a text, or one that it does not have. */
static void print(const char *label, const char *text)
{
	do {
		int n = (int)strcspn(text, "\n");
		printf("  %-9s%.*s\n", label, n, text);
		text += n + (text[n] == '\n');
		label = "";
	} while (*text);
}

static void explain(const struct fact *f)
{
	const char *label = "k3sbox:";

	printf("%s\n", f->name);
	if (f->symptom) print("error:", f->symptom);
	printf("  cause:   k3s needs this: %s\n", f->title);
	for (size_t i = 0; i < STEP_COUNT; i++) {
		const struct step_row *row = &step_rows[i];
		if (&facts[row->fact] != f) continue;
		printf("  %-9s%s: %s\n", label, mechanisms[row->by].name, row->what);
		label = "";
	}
	if (f->help) print("outside:", f->help);
}

int explain_print(const char *text)
{
	const char *cause = log_cause(text);
	bool any = false;

	for (size_t i = 0; i < FACT_COUNT; i++) {
		if (!is_about(&facts[i], text)) continue;
		explain(&facts[i]);
		any = true;
	}
	if (!any && cause) printf("likely cause: %s\n", cause);
	if (any || cause) return EX_OK;
	warn("nothing here explains '%s'; try fewer words of it, or 'k3sbox doctor'", text);
	return EX_FAIL;
}
