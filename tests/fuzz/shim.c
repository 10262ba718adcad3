/* Fuzz target: rules text, a line "---", a configuration. Whatever comes in: no crash, the
 * result is JSON again, and a second run over it finds nothing left to do. The rules text serves
 * as a command line too. */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"
#include "base/die.h"
#include "runc/shim.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static bool any_directory(const struct shim_sight *s, const char *path)
{
	(void)s;
	return strlen(path) % 2;
}

static bool any_sysctl(const struct shim_sight *s, const char *name)
{
	(void)s;
	return strlen(name) % 2;
}

static void look(struct shim_sight *s, const char *bundle, const struct json *config)
{
	*s = (struct shim_sight){ .is_directory = any_directory, .has_sysctl = any_sysctl,
		.oom_score_adj = 3, .capabilities = 0xff,
		.bundle = bundle, .config = config };
}

static void command_line(char *text)
{
	char *argv[64] = { "runc" };
	int argc = 1;
	struct shim_call c;

	for (char *rest = text, *w; argc < 63 && (w = strsep(&rest, " \n"));) argv[argc++] = w;
	shim_call_parse(&c, argc, argv);
	if (c.verb < 1 || c.verb > argc || !c.bundle) abort();
}

static void edit(const struct shim_rules *rules, enum shim_document doc, const char *text,
	size_t len)
{
	_cleanup_buf_ struct buf once = {0}, twice = {0}, notes = {0};
	struct shim_input in = { doc, text, len, "/b" };
	struct err why = {0};

	if (shim_rules_edit(rules, &in, look, &once, &notes, &why)) {
		if (once.len || !*why.text) abort();
		return;
	}
	if (!once.len) return;
	in.text = once.data;
	in.len = once.len;
	if (shim_rules_edit(rules, &in, look, &twice, &notes, &why) || twice.len)
		abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	_cleanup_free_ char *text = xmalloc(size + 1);
	struct err why = {0};
	_cleanup_shim_rules_ struct shim_rules rules = {0};

	memcpy(text, data, size);
	text[size] = 0;
	char *line = strstr(text, "\n---\n");
	if (!line) return -1;
	*line = 0;
	if (!shim_rules_parse(&rules, text, &why)) {
		const char *config = line + 5;
		size_t len = size - (size_t)(config - text);
		edit(&rules, DOC_CONFIG, config, len);
		edit(&rules, DOC_PROCESS, config, len);
	} else if (!*why.text) {
		abort();
	}
	command_line(text);
	return 0;
}
