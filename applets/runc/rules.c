/* The rules: their table, their file, and their application to a document. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/die.h"
#include "runc/shim.h"

const struct shim_rule shim_rule_rows[SHIM_RULE_COUNT] = {
#define SHIM_RULE(id, ...) [SHIM_##id] = { __VA_ARGS__ },
#include "plan/shim_rules.def"
};

static const struct shim_rule *find(const char *name, size_t len)
{
	for (size_t i = SHIM_NONE + 1; i < SHIM_RULE_COUNT; i++)
		if (strlen(shim_rule_rows[i].name) == len &&
			!memcmp(shim_rule_rows[i].name, name, len))
			return &shim_rule_rows[i];
	return NULL;
}

#define BLANKS " \t\r"

static void add_words(struct strv *words, char *text)
{
	for (char *rest = text, *w; (w = strsep(&rest, BLANKS));)
		if (*w) strv_add(words, w);
}

/* The same rule twice is one with both arguments; one that once had none stays unlimited. */
static void use(struct shim_rules *r, const struct shim_rule *rule, char *args)
{
	struct strv words = {0};
	size_t i = 0;

	add_words(&words, args);
	while (i < r->n && r->v[i].rule < rule) i++;
	if (i == r->n || r->v[i].rule != rule) {
		r->v = xrealloc(r->v, (r->n + 1) * sizeof *r->v);
		memmove(r->v + i + 1, r->v + i, (r->n++ - i) * sizeof *r->v);
		r->v[i] = (struct shim_use){ .rule = rule, .args = words };
		return;
	}
	if (!words.n) strv_free(&r->v[i].args);
	for (size_t k = 0; k < words.n && r->v[i].args.n; k++) strv_add(&r->v[i].args, words.v[k]);
	strv_free(&words);
}

/* Why the line is none. */
static int refuse(struct err *e, unsigned number, const char *name, size_t len,
	const struct shim_rule *rule)
{
	int shown = len < 80 ? (int)len : 80;

	if (!rule)
		return err_set(e, -EINVAL, "line %u: unknown rule '%.*s' (k3sbox oci-shim "
			"--list-rules shows them)", number, shown, name);
	if (rule->argument)
		return err_set(e, -EINVAL, "line %u: %s needs %s", number, rule->name,
			rule->argument);
	return err_set(e, -EINVAL, "line %u: %s takes no argument", number, rule->name);
}

static int parse_line(struct shim_rules *r, char *line, unsigned number, struct err *e)
{
	char *hash = line;

	/* A comment begins a word: paths may have a '#' in them. */
	while ((hash = strchr(hash, '#')) && hash > line && !strchr(BLANKS, hash[-1])) hash++;
	if (hash) *hash = 0;
	line += strspn(line, BLANKS);
	size_t len = strcspn(line, BLANKS);
	char *args = line + len + strspn(line + len, BLANKS);
	for (char *end = args + strlen(args); end > args && strchr(BLANKS, end[-1]);) *--end = 0;
	if (!len) return 0;
	if (len == 4 && !memcmp(line, "runc", 4) && *args == '/') {
		free(r->runc);
		r->runc = xstrdup(args);
		return 0;
	}
	const struct shim_rule *rule = find(line, len);
	const char *takes = rule ? rule->argument : NULL;
	if (!rule || (!takes && *args) || (takes && *takes != '[' && !*args))
		return refuse(e, number, line, len, rule);
	use(r, rule, args);
	return 0;
}

int shim_rules_parse(struct shim_rules *r, const char *text, struct err *e)
{
	*r = (struct shim_rules){ 0 };
	char *copy = xstrdup(text), *rest = copy, *line;
	int result = 0;

	for (unsigned number = 1; !result && (line = strsep(&rest, "\n")); number++)
		result = parse_line(r, line, number, e);
	free(copy);
	return result;
}

void shim_rules_free(struct shim_rules *r)
{
	for (size_t i = 0; i < r->n; i++) strv_free(&r->v[i].args);
	free(r->v);
	free(r->runc);
	*r = (struct shim_rules){ 0 };
}

static int parse(struct json *j, const char *text, size_t len, struct err *e)
{
	int r = json_parse(j, text, len);

	if (r == -EBADMSG) return err_set(e, r, "byte %zu: %s", j->error_at, j->error);
	if (r == -EFBIG) return err_set(e, r, "larger than 64 MiB");
	if (r < 0) return err_set(e, r, "%s", strerror(-r));
	if (json_root(j)->type != JSON_OBJECT) return err_set(e, -EBADMSG, "is not a JSON object");
	return 0;
}

int shim_rules_edit(const struct shim_rules *r, const struct shim_input *in, shim_look *look,
	struct buf *out, struct buf *notes, struct err *e)
{
	_cleanup_json_ struct json j = { 0 };
	_cleanup_buf_ struct buf mounts = { 0 };
	struct json_edits edits = { .j = &j };
	struct shim_edit edit = {
		.j = &j, .out = &edits, .doc = in->doc, .mounts = &mounts, .notes = notes,
	};
	struct shim_sight sight;

	int result = parse(&j, in->text, in->len, e);
	if (result < 0) return result;
	look(&sight, in->bundle, &j);
	edit.sight = &sight;
	for (size_t i = 0; i < r->n; i++)
		if (r->v[i].rule == &shim_rule_rows[SHIM_MOUNT_OPTIONS])
			edit.no_options = &r->v[i].args;
	for (size_t i = 0; i < r->n; i++) {
		edit.args = &r->v[i].args;
		if (r->v[i].rule->documents & in->doc) r->v[i].rule->run(&edit);
	}
	edit_finish(&edit);
	if (edits.n) result = json_edit_apply(&edits, out);
	json_edits_free(&edits);
	return result < 0 ? err_errno(e, result, "cannot be edited") : 0;
}
