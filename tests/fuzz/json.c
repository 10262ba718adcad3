/* Fuzz target: a text through the parser, every look-up, and edits that depend on it: no crash,
 * what parses can be edited, and the result parses again. */
#include <errno.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "base/buf.h"
#include "base/cleanup.h"
#include "base/json.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void read_all(const struct json *j)
{
	for (size_t i = 0; i < j->n; i++) {
		const struct json_node *n = &j->nodes[i];
		char small[8], key[64];
		int64_t v;
		size_t count = 0;
		if (n->start >= n->end || n->end > j->len || n->key > n->key_end) abort();
		_cleanup_free_ char *s = json_strdup(j, n);
		if ((n->type == JSON_STRING) != (s != NULL)) abort();
		if (s && !memchr(s, 0, strlen(s)) && strlen(s) && !json_is(j, n, s) &&
			!strstr(j->text, "\\u0000")) abort();
		json_string(j, n, small, sizeof small, NULL);
		json_key(j, n, key, sizeof key);
		json_int(j, n, &v);
		json_get(j, n, "name");
		json_path(j, n, "a.b.c");
		for (const struct json_node *m = json_first(j, n); m; m = json_next(j, m)) count++;
		if (count != n->count) abort();
	}
}

/* Which nodes are edited, and how, is taken from the text's bytes. */
static void edit(const struct json *j)
{
	struct json_edits e = { .j = j };
	_cleanup_buf_ struct buf out = {0};
	struct json again;
	unsigned seed = 0;

	for (size_t i = 0; i < j->len; i++) seed = seed * 31 + (unsigned char)j->text[i];
	for (size_t i = 0; i < j->n && i < 64; i++) {
		const struct json_node *n = &j->nodes[i];
		for (const struct json_node *m = json_first(j, n); m; m = json_next(j, m),
			seed = seed * 1103515245 + 12345)
			if (seed >> 16 & 1) json_edit_remove(&e, n, m);
		if (n->type == JSON_OBJECT && seed >> 17 & 1)
			json_edit_append(&e, n, "new\"", "[1]");
		if (n->type == JSON_ARRAY && seed >> 18 & 1) json_edit_append(&e, n, NULL, "{}");
		if (n->type == JSON_NUMBER && seed >> 19 & 1) json_edit_replace(&e, n, "null");
	}
	int r = json_edit_apply(&e, &out);
	json_edits_free(&e);
	if (r) {
		if (r != -EINVAL) abort();
		return;
	}
	if (json_parse(&again, out.data, out.len)) abort();
	json_free(&again);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct json j;
	/* a copy of its own length, so that reading past the end is seen */
	_cleanup_free_ char *text = malloc(size + 1);

	memcpy(text, data, size);
	text[size] = 0;
	int r = json_parse(&j, text, size);
	if ((r == -EBADMSG) != (*j.error != 0) || (r && json_root(&j))) abort();
	if (!r) {
		read_all(&j);
		edit(&j);
	}
	json_free(&j);
	return 0;
}
