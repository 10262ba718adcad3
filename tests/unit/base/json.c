/* JSON: Go's error texts, look-ups, edits in place. */
#include "base/json.h"

#include <errno.h>
#include <stdlib.h>

#include "base/buf.h"
#include "unit.h"

static struct json j;

static int parse(const char *text)
{
	json_free(&j);
	return json_parse(&j, text, strlen(text));
}

/* Recorded from encoding/json (Go 1.26), json.Unmarshal into an interface. */
static const struct { const char *text, *error; } refused[] = {
	{ "", "unexpected end of JSON input" },
	{ "  ", "unexpected end of JSON input" },
	{ "{bad", "invalid character 'b' looking for beginning of object key string" },
	{ "{\"a\" 1}", "invalid character '1' after object key" },
	{ "{\"a\":1 \"b\"}", "invalid character '\"' after object key:value pair" },
	{ "{\"a\":1,}", "invalid character '}' looking for beginning of object key string" },
	{ "[1,]", "invalid character ']' looking for beginning of value" },
	{ "[1 2]", "invalid character '2' after array element" },
	{ "[1}", "invalid character '}' after array element" },
	{ "{} x", "invalid character 'x' after top-level value" },
	{ "tru", "invalid character ' ' in literal true (expecting 'e')" },
	{ "trux", "invalid character 'x' in literal true (expecting 'e')" },
	{ "nul", "invalid character ' ' in literal null (expecting 'l')" },
	{ "falsy", "invalid character 'y' in literal false (expecting 'e')" },
	{ "-", "invalid character ' ' in numeric literal" },
	{ "-x", "invalid character 'x' in numeric literal" },
	{ "01", "invalid character '1' after top-level value" },
	{ "1.", "invalid character ' ' after decimal point in numeric literal" },
	{ "1e+", "invalid character ' ' in exponent of numeric literal" },
	{ "1ex", "invalid character 'x' in exponent of numeric literal" },
	{ "\"a", "unexpected end of JSON input" },
	{ "\"a\\", "invalid character ' ' in string escape code" },
	{ "\"\\x\"", "invalid character 'x' in string escape code" },
	{ "\"\\u12\"", "invalid character '\"' in \\u hexadecimal character escape" },
	{ "\"a\nb\"", "invalid character '\\n' in string literal" },
	{ "\"\x01\"", "invalid character '\\x01' in string literal" },
	{ "\xef\xbb\xbf{}", "invalid character 'ï' looking for beginning of value" },
	{ "'", "invalid character '\\'' looking for beginning of value" },
	{ "\\", "invalid character '\\\\' looking for beginning of value" },
	{ "\x7f", "invalid character '\\x7f' looking for beginning of value" },
	{ "\x80", "invalid character '\\u0080' looking for beginning of value" },
	{ "{\"a\":", "unexpected end of JSON input" },
	{ "{\"a\"", "unexpected end of JSON input" },
	{ "{\"a\":1", "unexpected end of JSON input" },
	{ "[1", "unexpected end of JSON input" },
};

TEST(go_error_texts)
{
	for (size_t i = 0; i < sizeof refused / sizeof *refused; i++) {
		CHECK(parse(refused[i].text) == -EBADMSG);
		CHECK_STR(j.error, refused[i].error);
		CHECK(!json_root(&j));
	}
}

TEST(nul_byte_and_lengths)
{
	json_free(&j);
	CHECK(json_parse(&j, "1\0", 2) == -EBADMSG);
	CHECK_STR(j.error, "invalid character '\\x00' after top-level value");
	CHECK(j.error_at == 1);
	json_free(&j);
	CHECK(json_parse(&j, "12345", 3) == 0);
	int64_t v;
	CHECK(json_int(&j, json_root(&j), &v) == 0 && v == 123);
}

TEST(depth_10000)
{
	enum { N = 10001 };
	static char text[2 * N];
	memset(text, '[', N);
	memset(text + N, ']', N);
	json_free(&j);
	CHECK(json_parse(&j, text + 1, 2 * (N - 1)) == 0);
	CHECK(j.n == N - 1);
	json_free(&j);
	CHECK(json_parse(&j, text, 2 * N) == -EBADMSG);
	CHECK_STR(j.error, "invalid character '[' exceeded max depth");
}

TEST(tree)
{
	CHECK(parse(" {\"a\": [1, {\"b\": true}, \"x\"], \"c\": {}, \"d\" : null } ") == 0);
	const struct json_node *root = json_root(&j);
	CHECK(root->type == JSON_OBJECT && root->count == 3);
	CHECK(root->start == 1 && root->end == j.len - 1);
	const struct json_node *a = json_get(&j, root, "a");
	CHECK(a && a->type == JSON_ARRAY && a->count == 3);
	const struct json_node *e = json_next(&j, json_first(&j, a));
	CHECK(json_true(&j, json_get(&j, e, "b")));
	e = json_next(&j, e);
	CHECK(json_is(&j, e, "x") && !json_next(&j, e));
	const struct json_node *c = json_next(&j, a);
	CHECK(c->type == JSON_OBJECT && !json_first(&j, c) && json_key_is(&j, c, "C"));
	CHECK(json_next(&j, c)->type == JSON_NULL && !json_next(&j, json_next(&j, c)));
	CHECK(!json_path(&j, root, "a.b") && !json_path(&j, NULL, "a") &&
		json_path(&j, root, "c") == c);
}

TEST(keys_fold_as_in_go)
{
	CHECK(parse("{\"Name\":1,\"NAME\":2,\"name\":3,\"na\\u006de\":4,\"\xc5\xbf"
		"et\":5,\"\\u212a\":6,\"\xc3\x84\":7}") == 0);
	int64_t v = 0;
	CHECK(json_int(&j, json_get(&j, json_root(&j), "name"), &v) == 0 && v == 4);
	CHECK(json_int(&j, json_get(&j, json_root(&j), "set"), &v) == 0 && v == 5);
	CHECK(json_int(&j, json_get(&j, json_root(&j), "k"), &v) == 0 && v == 6);
	CHECK(!json_get(&j, json_root(&j), "\xc3\xa4") && json_get(&j, json_root(&j), "\xc3\x84"));
	CHECK(!json_get(&j, json_root(&j), "nam") && !json_get(&j, json_root(&j), "names"));
}

/* Nodes are counted beforehand, by brackets and commas; those in strings are none. */
TEST(as_many_nodes_as_there_are)
{
	static const struct { const char *text; size_t n; } rows[] = {
		{ "[]", 1 }, { "0", 1 }, { "[1,2,3]", 4 },
		  { "{\"a\":{\"b\":[1,{}]},\"c\":[[],[[]]]}", 9 },
		{ "[\"[,{\\\"[\",\"\\\\\",[5]]", 5 }, { "{\"[{,\\\"\":[1,2]}", 4 },
	};
	for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
		json_free(&j);
		CHECK(json_parse(&j, rows[i].text, strlen(rows[i].text)) == 0 && j.n == rows[i].n);
	}
}

TEST(strings)
{
	char s[64];
	size_t n;
	CHECK(parse("[\"a\\u00e9\\n\\\"\\/\", \"\\ud83d\\ude00\", \"\\ud83d\\u0041\\udc00\", "
		"\"\xff\xc3\", \"a\\u0000b\"]") == 0);
	const struct json_node *e = json_first(&j, json_root(&j));
	CHECK(json_string(&j, e, s, sizeof s, &n) == 0);
	CHECK_STR(s, "a\xc3\xa9\n\"/");
	CHECK(json_string(&j, e, s, 6, &n) == -ENAMETOOLONG && json_string(&j, e, s, 7, &n) == 0 &&
		n == 6);
	e = json_next(&j, e);
	CHECK(json_is(&j, e, "\xf0\x9f\x98\x80"));
	e = json_next(&j, e);
	CHECK(json_is(&j, e, "\xef\xbf\xbd" "A\xef\xbf\xbd"));
	e = json_next(&j, e);
	char *d = json_strdup(&j, e);
	CHECK_STR(d, "\xef\xbf\xbd\xef\xbf\xbd");
	free(d);
	e = json_next(&j, e);
	CHECK(json_string(&j, e, s, sizeof s, &n) == 0 && n == 3 && !memcmp(s, "a\0b", 4));
	CHECK(!json_strdup(&j, json_root(&j)) &&
		json_string(&j, NULL, s, sizeof s, NULL) == -EINVAL);
}

TEST(integers)
{
	static const struct { const char *text; int r; int64_t v; } rows[] = {
		{ "0", 0, 0 }, { "-5", 0, -5 }, { "9223372036854775807", 0, INT64_MAX },
		  { "-9223372036854775808", 0, INT64_MIN },
		{ "9223372036854775808", -ERANGE, 0 },
		  { "123456789012345678901234567890", -ERANGE, 0 },
		{ "1.0", -EINVAL, 0 }, { "1e2", -EINVAL, 0 }, { "\"1\"", -EINVAL, 0 },
		  { "true", -EINVAL, 0 },
	};
	for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
		int64_t v = 0;
		CHECK(parse(rows[i].text) == 0);
		CHECK(json_int(&j, json_root(&j), &v) == rows[i].r && v == rows[i].v);
	}
}

/* Applies what fn asks for to text. */
static const char *edited(const char *text, void (*fn)(struct json_edits *e,
	const struct json_node *root))
{
	static struct buf out;
	struct json_edits e = { .j = &j };

	buf_free(&out);
	if (parse(text) < 0) return "does not parse";
	fn(&e, json_root(&j));
	int r = json_edit_apply(&e, &out);
	json_edits_free(&e);
	if (r < 0) return r == -EINVAL ? "EINVAL" : "error";
	struct json again;
	r = json_parse(&again, out.data, out.len);
	json_free(&again);
	return r < 0 ? "result does not parse" : out.data;
}

static void replace_a(struct json_edits *e, const struct json_node *root)
{
	json_edit_replace(e, json_get(e->j, root, "a"), "[7]");
}

static void append_two(struct json_edits *e, const struct json_node *root)
{
	json_edit_append(e, root, "x\n", "1");
	json_edit_append(e, root, "y", "{}");
}

static void drop_all_append(struct json_edits *e, const struct json_node *root)
{
	append_two(e, root);
	for (const struct json_node *n = json_first(e->j, root); n; n = json_next(e->j, n))
		json_edit_remove(e, root, n);
}

static void overlap(struct json_edits *e, const struct json_node *root)
{
	json_edit_remove(e, root, json_get(e->j, root, "a"));
	json_edit_append(e, json_get(e->j, root, "a"), "z", "1");
}

static void nested_appends(struct json_edits *e, const struct json_node *root)
{
	json_edit_append(e, root, "z", "1");
	json_edit_append(e, json_get(e->j, root, "a"), "q", "2");
	json_edit_remove(e, root, json_get(e->j, root, "b"));
	json_edit_remove(e, root, json_get(e->j, root, "b"));
}

TEST(edits)
{
	CHECK_STR(edited("{ \"a\" : 1 , \"b\":2}", replace_a), "{ \"a\" : [7] , \"b\":2}");
	CHECK_STR(edited("{}", append_two), "{\"x\\n\": 1, \"y\": {}}");
	CHECK_STR(edited("{\n  \"a\": 1\n}\n",
		append_two), "{\n  \"a\": 1,\n  \"x\\n\": 1,\n  \"y\": {}\n}\n");
	CHECK_STR(edited("{ \"a\":1, \"b\":2 }", drop_all_append), "{ \"x\\n\": 1, \"y\": {} }");
	CHECK_STR(edited("{\"a\":{}}", overlap), "EINVAL");
	CHECK_STR(edited("{\"b\":1, \"a\":{}}", nested_appends), "{\"a\":{\"q\": 2},\"z\": 1}");
}

static unsigned drop_mask;
static bool and_append;

static void drop_masked(struct json_edits *e, const struct json_node *root)
{
	unsigned i = 0;
	if (and_append) json_edit_append(e, root, NULL, "9");
	for (const struct json_node *n = json_first(e->j, root); n; n = json_next(e->j, n), i++)
		if (drop_mask >> i & 1) json_edit_remove(e, root, n);
}

/* Every subset of five elements, with and without a new last one. */
TEST(removing_any_set)
{
	for (drop_mask = 0; drop_mask < 64; drop_mask++) {
		and_append = drop_mask & 32;
		char want[32] = "";
		size_t n = 0;
		for (int i = 0; i < 6; i++) {
			if (i == 5 ? !and_append : drop_mask >> i & 1) continue;
			n += (size_t)snprintf(want + n, sizeof want - n, "%s%d", n ? ","
				: "", i == 5 ? 9 : i);
		}
		char whole[40];
		snprintf(whole, sizeof whole, "[%s]", want);
		CHECK_STR(edited("[0,1,2,3,4]", drop_masked), whole);
	}
}

TEST(the_end)
{
	json_free(&j);
	CHECK(!json_root(&j));
}

UNIT_MAIN("json")
