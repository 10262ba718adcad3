/* The part of YAML that is understood, and what is refused. */
#include "base/yaml.h"

#include <errno.h>

#include "unit.h"

static struct yaml y;

static const struct yaml_node *parse(const char *text)
{
	yaml_free(&y);
	return yaml_parse(&y, text, strlen(text)) ? NULL : yaml_root(&y);
}

/* "a.b" below the root. */
static const char *at(const char *path)
{
	const struct yaml_node *n = yaml_root(&y);
	char key[64];
	for (;;) {
		size_t len = strcspn(path, ".");
		snprintf(key, sizeof key, "%.*s", (int)len, path);
		n = yaml_get(&y, n, key);
		if (!path[len]) return yaml_str(n);
		path += len + 1;
	}
}

TEST(mappings)
{
	CHECK(parse("---\n# c\na: 1\nb:\n  c: two words   # comment\n  d:\n    e: 'it''s'\n\nf: "
		"\"x\\n\\\"y\\\"\"\n"));
	CHECK_STR(at("a"), "1");
	CHECK_STR(at("b.c"), "two words");
	CHECK_STR(at("b.d.e"), "it's");
	CHECK_STR(at("f"), "x\n\"y\"");
	CHECK(!at("g") && !at("a.b"));
}

TEST(sequences)
{
	const struct yaml_node *r =
		parse("l:\n- a\n- b: 1\n  c: 2\n-\n  d: 3\n- - x\n  - y\nm:\n    - z\n");
	CHECK(r && r->count == 2);
	const struct yaml_node *l = yaml_get(&y, r, "l"), *i = yaml_first(&y, l);
	CHECK(l->type == YAML_SEQ && l->count == 4);
	CHECK_STR(yaml_str(i), "a");
	i = yaml_next(&y, i);
	CHECK_STR(yaml_str(yaml_get(&y, i, "c")), "2");
	CHECK(i->line == 2 && i->end == 4);
	i = yaml_next(&y, i);
	CHECK_STR(yaml_str(yaml_get(&y, i, "d")), "3");
	i = yaml_next(&y, i);
	CHECK(i->type == YAML_SEQ && i->count == 2 && !yaml_next(&y, i));
	CHECK(yaml_get(&y, r, "m")->count == 1);
}

TEST(flow)
{
	CHECK(parse("a: []\nb: {}\nc: [x, 'y, z', 3]\nd: {k: v, l: [1]}\n"));
	const struct yaml_node *c = yaml_get(&y, yaml_root(&y), "c");
	CHECK(c->count == 3 && c->flow);
	CHECK_STR(yaml_str(yaml_next(&y, yaml_first(&y, c))), "y, z");
	CHECK_STR(at("d.k"), "v");
	CHECK(parse("{\"a\": \"b\", \"c\": [1, 2]}"));
	CHECK_STR(at("a"), "b");
}

TEST(nulls_and_strings)
{
	CHECK(parse("a:\nb: null\nc: ~\nd: \"null\"\ne: a#b\nf: http://x:1/y\n"));
	for (const char *k = "abc"; *k; k++)
		CHECK(yaml_get(&y, yaml_root(&y), (char[]){ *k, 0 })->type == YAML_NULL);
	CHECK_STR(at("d"), "null");
	CHECK_STR(at("e"), "a#b");
	CHECK_STR(at("f"), "http://x:1/y");
}

TEST(literal)
{
	CHECK(parse("a: |\n  one\n   two\nb: |-\n  three\nc: x\n"));
	CHECK_STR(at("a"), "one\n two\n");
	CHECK_STR(at("c"), "x");
}

/* What Go's yaml.v2 reads. */
TEST(values_over_several_lines)
{
	CHECK(parse("plain: one\n  two # c\n\n  three\nquoted: 'it''s\n\n\n  # no comment'\n"
		"escaped: \"a \\\n   b\n  \\\"c\"  # comment\nlist:\n- x\n  y\n- z\n"));
	CHECK_STR(at("plain"), "one two\nthree");
	CHECK_STR(at("quoted"), "it's\n\n# no comment");
	CHECK_STR(at("escaped"), "a b \"c");
	const struct yaml_node *l = yaml_get(&y, yaml_root(&y), "list");
	CHECK(l->count == 2 && l->line == 11 && l->end == 15);
	CHECK_STR(yaml_str(yaml_first(&y, l)), "x y");
	CHECK(parse("a:\n  x\n  y\nb:\n  [u,\n  v]\nc:\n  |\n  z\n"));
	CHECK_STR(at("a"), "x y");
	CHECK_STR(at("c"), "z\n");
	CHECK(yaml_get(&y, yaml_root(&y), "b")->count == 2);
	CHECK(parse("a: [x, # c ]\n  'y,\n  z'\n  # [\n ]\nb: {\n}\n"));
	CHECK(yaml_get(&y, yaml_root(&y), "a")->count == 2);
	CHECK(parse("{\n  \"a\": \"b\",\n  \"c\": [\n    1\n  ]\n}\n") && yaml_root(&y)->count == 2);
	CHECK_STR(at("a"), "b");
}

TEST(blocks)
{
	CHECK(parse("a: >-\n  one\n  two\n\n  three\n\n\n   four\n  five\n\nb: |+\n  # text\n\n"
		"c: |2\n   x\nd: >\n  y\n"));
	CHECK_STR(at("a"), "one two\nthree\n\n\n four\nfive");
	CHECK_STR(at("b"), "# text\n\n");
	CHECK_STR(at("c"), " x\n");
	CHECK_STR(at("d"), "y\n");
}

static const struct yaml_node *parse_partly(const char *text)
{
	yaml_free(&y);
	return yaml_parse_partly(&y, text, strlen(text)) ? NULL : yaml_root(&y);
}

TEST(anchors)
{
	CHECK(parse_partly("a: &x 1\nb: *x\nl: &l\n- u: v\n- !!str w\nm: *l\na: 2\n---\nn: *no\n"));
	CHECK_STR(at("b"), "1");
	const struct yaml_node *m = yaml_get(&y, yaml_root(&y), "m");
	CHECK(m && m->count == 2 && !*y.error);
	CHECK_STR(yaml_str(yaml_get(&y, yaml_first(&y, m), "u")), "v");
	CHECK(!yaml_get(&y, yaml_root(&y), "n"));
	char bomb[2048] = "a0: &a0 x\n";
	for (int i = 1; i < 12; i++)
		snprintf(bomb + strlen(bomb), 100, "a%d: &a%d\n- *a%d\n- *a%d\n- *a%d\n", i, i, i - 1,
			i - 1, i - 1);
	CHECK(parse_partly(bomb) && y.n < 10000 && *y.error);
}

TEST(what_is_not_understood_costs_a_key)
{
	const struct yaml_node *r = parse_partly("\xef\xbb\xbf" "a: \"\\q\"\nb: *no\nc:\n  ? x\n  : y\n"
		"d: [1,\ne: {f\n  g\nh: 1\n");
	CHECK(r && r->count == 6 && !strncmp(y.error, "line 1: ", 8));
	for (const struct yaml_node *n = yaml_first(&y, r); n; n = yaml_next(&y, n))
		CHECK(n->type == (*n->key == 'h' ? YAML_SCALAR : YAML_UNKNOWN));
	CHECK_STR(at("h"), "1");
	CHECK(!parse_partly("no mapping\n"));
}

TEST(empty)
{
	CHECK(parse("")->type == YAML_NULL);
	CHECK(parse("# nothing\n\n---\n")->type == YAML_NULL);
}

TEST(windows_line_ends)
{
	CHECK(parse("a: 1\r\nb:\r\n  - 2\r\n"));
	CHECK_STR(at("a"), "1");
}

TEST(refused)
{
	static const char *const bad[] = {
		"a: &x 1\nb: *x\n", "a: !!int 1\n", "---\na: 1\n---\nb: 2\n",
		"a: 1\n  b: 2\n", "a:\n    b: 1\n  c: 2\n", "a: |x\n  b\n", "a: 'x\n  y\nb: 2\n",
		"\ta: 1\n", "a: [1, 2\n", "a: {b\n", "a: 1\na: 2\n", "just text\n", "a: 'open\n",
		"a: \"\\q\"\n", "- a\nb: 1\n", "a: 1\n- b\n",
		"a: [1] 2\n", "a: x\n y: z\n", "? a\n: b\n", "a: 1\n- b: c\n", "{a: 1}\nb: 2\n",
	};
	for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
		yaml_free(&y);
		int r = yaml_parse(&y, bad[i], strlen(bad[i]));
		CHECK(r == -EBADMSG && !strncmp(y.error, "line ", 5));
	}
}

TEST(depth)
{
	char text[4096] = "a: ", *p = text + 3;
	for (int i = 0; i < 1000; i++) *p++ = '[';
	CHECK(!parse(text));
	memset(text, '-', 4);
	p = text;
	for (int i = 0; i < 1000; i++) *p++ = '-', *p++ = ' ';
	*p = 0;
	CHECK(!parse(text));
	yaml_free(&y);
}

UNIT_MAIN("yaml")
