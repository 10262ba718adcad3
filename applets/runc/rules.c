/* The rules: their table, their file, and their run over a document. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/die.h"
#include "runc/shim.h"

/* Whole branches go before what lies in them: an edit inside a branch that goes is left out (edits.c:
 * is_gone()). */
const struct rule shim_rules[] = {
	{ .name = "masked-paths", .argument = "[PATH…]", .documents = DOC_CONFIG, .run = edit_masked_paths,
	  .why = "runc ≥ 1.4 masks folders by a tmpfs with nr_blocks, which gVisor refuses\n"
		"(\"can't mask dir\"): masks folders, all or these, by an empty\n"
		"read-only tmpfs mount instead" },
	{ .name = "readonly-paths", .argument = "[PATH…]", .documents = DOC_CONFIG,
	  .run = edit_readonly_paths,
	  .why = "where a bind mount cannot be remounted read-only: leaves these paths, or all, writable" },
	{ .name = "sysctl", .argument = "[NAME…]", .documents = DOC_CONFIG, .run = edit_sysctl,
	  .why = "containerd ≥ 2 asks for net.ipv4.ip_unprivileged_port_start and ping_group_range\n"
		"(\"open sysctl …: no such file\"): drops these, or all that this kernel does not have" },
	{ .name = "namespace", .argument = "TYPE…", .documents = DOC_CONFIG, .run = edit_namespace,
	  .why = "namespaces that the kernel does not have\n"
		"(\"cgroup namespaces aren't enabled in the kernel\"): shares them" },
	{ .name = "no-oom-score", .documents = DOC_CONFIG | DOC_PROCESS, .run = edit_no_oom_score,
	  .why = "kernels that refuse the way in which runc writes oom_score_adj, whatever the value\n"
		"(\"failed to update /proc/self/oom_score_adj\"): leaves runc's own" },
	{ .name = "oom-score", .documents = DOC_CONFIG | DOC_PROCESS, .run = edit_oom_score,
	  .why = "without CAP_SYS_RESOURCE nothing may lower oom_score_adj\n"
		"(\"can't get final child's PID from pipe: EOF\"): raises what is asked for to\n"
		"what runc itself has" },
	{ .name = "capabilities", .documents = DOC_CONFIG | DOC_PROCESS, .run = edit_capabilities,
	  .why = "kernels that refuse to set capabilities that this sandbox has not got\n"
		"(\"can't apply capabilities\"): drops those" },
	{ .name = "no-new-keyring", .flag = "--no-new-keyring",
	  .why = "kernels without session keyrings, or that never free them\n"
		"(\"unable to join session keyring\"): keeps the caller's" },
	{ .name = "cgroup-path", .documents = DOC_CONFIG, .run = edit_cgroup_path,
	  .why = "cgroups that cannot be made where the kubelet wants them: lets runc choose the place" },
	{ .name = "cgroup-resources", .documents = DOC_CONFIG, .run = edit_cgroup_resources,
	  .why = "cgroup controllers that cannot be written\n"
		"(\"unable to apply cgroup configuration\"): sets no limits" },
	{ .name = "devices", .documents = DOC_CONFIG, .run = edit_devices,
	  .why = "no devices controller and no BPF for it: sets no device rules, other limits stay" },
	{ .name = "mount-options", .argument = "OPTION…", .documents = DOC_CONFIG, .run = edit_mount_options,
	  .why = "mount options that the kernel refuses, with or without a value (\"invalid\n"
		"argument\"): mounts without them" },
};
const size_t shim_rule_count = sizeof shim_rules / sizeof *shim_rules;

static const struct rule *find(const char *name, size_t len)
{
	for (size_t i = 0; i < shim_rule_count; i++)
		if (strlen(shim_rules[i].name) == len && !memcmp(shim_rules[i].name, name, len))
			return &shim_rules[i];
	return NULL;
}

#define BLANKS " \t\r"

static void add_words(struct strv *words, char *text)
{
	for (char *rest = text, *w; (w = strsep(&rest, BLANKS));)
		if (*w) strv_add(words, w);
}

/* The same rule twice is one with both arguments; one that once came without stays unlimited. */
static void use(struct rules *r, const struct rule *rule, char *args)
{
	struct strv words = {0};
	size_t i = 0;

	add_words(&words, args);
	while (i < r->n && r->v[i].rule < rule) i++;
	if (i == r->n || r->v[i].rule != rule) {
		r->v = xrealloc(r->v, (r->n + 1) * sizeof *r->v);
		memmove(r->v + i + 1, r->v + i, (r->n++ - i) * sizeof *r->v);
		r->v[i] = (struct rule_use){ .rule = rule, .args = words };
		return;
	}
	if (!words.n) strv_free(&r->v[i].args);
	for (size_t k = 0; k < words.n && r->v[i].args.n; k++) strv_add(&r->v[i].args, words.v[k]);
	strv_free(&words);
}

static int parse_line(struct rules *r, char *line, unsigned number, struct buf *why)
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
	const struct rule *rule = find(line, len);
	const char *wants = rule ? rule->argument : NULL;
	if (rule && (wants || !*args) && (!wants || *wants == '[' || *args)) {
		use(r, rule, args);
		return 0;
	}
	buf_printf(why, "line %u: ", number);
	int shown = len < 80 ? (int)len : 80;
	if (rule && wants) buf_printf(why, "%s needs %s", rule->name, wants);
	else if (rule) buf_printf(why, "%s takes no argument", rule->name);
	else buf_printf(why, "'%.*s' is no rule (k3sbox oci-shim --list-rules shows them)", shown, line);
	return -EINVAL;
}

int rules_parse(struct rules *r, const char *text, struct buf *why)
{
	*r = (struct rules){ 0 };
	char *copy = xstrdup(text), *rest = copy, *line;
	int result = 0;

	for (unsigned number = 1; !result && (line = strsep(&rest, "\n")); number++)
		result = parse_line(r, line, number, why);
	free(copy);
	return result;
}

void rules_free(struct rules *r)
{
	for (size_t i = 0; i < r->n; i++) strv_free(&r->v[i].args);
	free(r->v);
	free(r->runc);
	*r = (struct rules){ 0 };
}

static int parse(struct json *j, const char *text, size_t len, struct buf *why)
{
	int r = json_parse(j, text, len);

	if (r == -EBADMSG) buf_printf(why, "byte %zu: %s", j->error_at, j->error);
	else if (r == -EFBIG) buf_puts(why, "larger than 64 MiB");
	else if (r < 0) buf_puts(why, strerror(-r));
	else if (json_root(j)->type != JSON_OBJECT) buf_puts(why, "is not a JSON object");
	else return 0;
	return r < 0 ? r : -EBADMSG;
}

int rules_edit(const struct rules *r, enum document doc, const char *text, size_t len, const char *bundle,
	shim_look *look, struct buf *out, struct buf *notes, struct buf *why)
{
	_cleanup_json_ struct json j = { 0 };
	struct json_edits edits = { .j = &j };
	struct sight sight;

	int result = parse(&j, text, len, why);
	if (result < 0) return result;
	look(&sight, bundle, &j);
	const struct strv *no_options = NULL;
	for (size_t i = 0; i < r->n; i++)
		if (r->v[i].rule->run == edit_mount_options) no_options = &r->v[i].args;
	for (size_t i = 0; i < r->n; i++) {
		const struct rule *rule = r->v[i].rule;
		struct edit e = {
			.j = &j, .out = &edits, .doc = doc, .args = &r->v[i].args, .no_options = no_options,
			.sight = &sight, .notes = notes,
		};
		if (rule->documents & doc) rule->run(&e);
	}
	if (edits.n) result = json_edit_apply(&edits, out);
	if (result < 0) buf_printf(why, "cannot be edited: %s", strerror(-result));
	json_edits_free(&edits);
	return result;
}
