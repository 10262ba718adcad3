/* Option rows: every type, every way to write it, every way to get it wrong. */
#include <errno.h>
#include <stdlib.h>

#include "app/opt.h"
#include "base/buf.h"
#include "base/err.h"
#include "unit.h"

struct cfg {
	bool flag, other;
	const char *str, *wait;
	struct strv list;
	unsigned number, seconds;
	int choice;
};

static const char *const choices[] = { "none", "api", "node", NULL };
static const struct opt rows[] = {
	{ OPT_FLAG, 'f', "flag", offsetof(struct cfg, flag), .help = "a flag" },
	{ OPT_FLAG, 0, "other", offsetof(struct cfg, other),
	  .help = "another,\nwith a second line" },
	{ OPT_STR, 's', "str", offsetof(struct cfg, str), "TEXT", .help = "a string" },
	{ OPT_STR, 'w', "wait", offsetof(struct cfg, wait), "WHAT",
	  .help = "value may be left out" },
	{ OPT_BARE, .value = "node" },
	{ OPT_PATH, 'p', "path", offsetof(struct cfg, str), "FILE", .help = "a name of a file" },
	{ OPT_CHOICE, 0, "pick", offsetof(struct cfg, choice), .choices = choices,
	  .help = "choice may be left out" },
	{ OPT_BARE, .value = "node" },
	{ OPT_LIST, 'l', "list", offsetof(struct cfg, list), "ITEM", .help = "a list" },
	{ OPT_UINT, 'n', "number", offsetof(struct cfg, number), "N", .help = "a number" },
	{ OPT_SECONDS, 0, "seconds", offsetof(struct cfg, seconds), "S", .help = "a time" },
	{ OPT_CHOICE, 'c', "choice", offsetof(struct cfg, choice), .choices = choices,
	  .help = "one of some" },
	{ OPT_END },
};

struct result {
	struct cfg cfg;
	char *argv[32];
	int n, rest;
	char text[512];
	struct err e;
};

/* words: parted by blanks, "_" for an empty word */
static struct result *parse(const char *words, bool in_order)
{
	static struct result r;
	int argc = 1;

	strv_free(&r.cfg.list);
	r = (struct result){ .argv = { "x" } };
	snprintf(r.text, sizeof r.text, "%s", words);
	for (char *w = strtok(r.text, " "); w; w = strtok(NULL, " "))
		r.argv[argc++] = *w == '_' ? w + 1 : w;
	r.n = opt_parse(rows, &r.cfg, argc, r.argv, in_order, &r.rest, &r.e);
	return &r;
}

TEST(values)
{
	struct result *r =
		parse("-f --str=a=b --list x -ly -l z --number 7 --seconds=2m --choice api",
		false);

	CHECK(r->n == 0 && r->cfg.flag && !r->cfg.other && r->cfg.number == 7 &&
		r->cfg.seconds == 120 &&
		r->cfg.choice == 1);
	CHECK_STR(r->cfg.str, "a=b");
	CHECK(r->cfg.list.n == 3 && !strcmp(r->cfg.list.v[1], "y"));
	r = parse("-fsx -n5 --str= --str last", false);
	CHECK(r->n == 0 && r->cfg.flag && r->cfg.number == 5);
	CHECK_STR(r->cfg.str, "last");
	r = parse("-fs -x", false);
	CHECK(r->n == 0);
	CHECK_STR(r->cfg.str, "-x");
	CHECK_STR(parse("--str _", false)->cfg.str, "");
}

TEST(bare_values)
{
	CHECK_STR(parse("--wait op", false)->cfg.wait, "node");
	CHECK(parse("--wait op", false)->n == 1);
	CHECK_STR(parse("--wait=api", false)->cfg.wait, "api");
	CHECK(parse("--pick api", false)->cfg.choice == 1 && parse("--pick api", false)->n == 0);
	CHECK(parse("--pick=api", false)->cfg.choice == 1);
	CHECK(parse("--pick word", false)->cfg.choice == 2);
	CHECK(parse("--pick word", false)->n == 1 && parse("--pick", false)->cfg.choice == 2);
}

TEST(times)
{
	CHECK(parse("--seconds 90", false)->cfg.seconds == 90);
	CHECK(parse("--seconds 90s", false)->cfg.seconds == 90);
	CHECK(parse("--seconds 1h", false)->cfg.seconds == 3600);
	CHECK(parse("--seconds 0", false)->n == 0);
}

TEST(operands)
{
	struct result *r = parse("a -f b - --str s c", false);

	CHECK(r->n == 4 && r->cfg.flag && r->rest == 5 && !r->argv[5]);
	CHECK_STR(r->argv[1], "a");
	CHECK_STR(r->argv[3], "-");
	CHECK_STR(r->argv[4], "c");
	r = parse("-f a --other b", true);
	CHECK(r->n == 3 && r->cfg.flag && !r->cfg.other);
	CHECK_STR(r->argv[2], "--other");
	CHECK(parse("", false)->n == 0);
}

TEST(behind_two_dashes)
{
	struct result *r = parse("a -- -f --nonesuch", false);

	CHECK(r->n == 1 && !r->cfg.flag && !r->argv[2]);
	CHECK_STR(r->argv[r->rest], "-f");
	CHECK_STR(r->argv[r->rest + 1], "--nonesuch");
	r = parse("--", false);
	CHECK(r->n == 0 && !r->argv[r->rest]);
	r = parse("a --", false);
	CHECK(r->n == 1 && !r->argv[2] && !r->argv[r->rest]);
	r = parse("-- a b", false);
	CHECK(r->n == 0 && !strcmp(r->argv[r->rest], "a"));
}

TEST(help_is_an_option)
{
	static const struct { const char *words; bool in_order; int n; } cases[] = {
		{ "--help", false, OPT_HELP }, { "-h", true, OPT_HELP }, { "-fh", false, OPT_HELP },
		{ "a --help", false, OPT_HELP }, { "--str A=B --help", true, OPT_HELP },
		{ "-s A=B -h", true, OPT_HELP }, { "-l a --list=b -fn 3 --help", true, OPT_HELP },
		{ "a --help", true, 2 },          /* the command's own */
		{ "--str --help", false, 0 },     /* a value */
		{ "-- --help", false, 0 }, { "a -- -h", false, 1 }, { "--help=x", false, -ENOENT },
	};

	for (size_t i = 0; i < sizeof cases / sizeof *cases; i++)
		CHECK(parse(cases[i].words, cases[i].in_order)->n == cases[i].n);
}

TEST(misuse)
{
	static const struct { const char *words, *why; } bad[] = {
		{ "--fla", "unknown option '--fla'; did you mean --flag?" },
		{ "--hcoice=x", "unknown option '--hcoice'; did you mean --choice?" },
		{ "--flag=1", "--flag takes no value" }, { "--str", "--str needs a value (TEXT)" },
		  { "-s", "-s needs a value (TEXT)" },
		{ "--number x", "--number takes N, not 'x'" },
		  { "--number -1", "--number takes N" },
		  { "--number 1x", "--number takes N" },
		{ "--number 99999999999", "--number takes N" },
		  { "--number _", "--number takes N" },
		  { "--seconds 5d", "--seconds takes S" },
		{ "--seconds 999999h", "--seconds takes S" }, { "--choice some",
		  "--choice takes none|api|node, not 'some'" },
		{ "--choice", "--choice needs a value (none|api|node)" },
		  { "--choice _", "not ''" }, { "--path _", "--path takes FILE, not ''" },
		{ "--path=", "--path takes FILE, not ''" },
	};

	for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
		struct result *r = parse(bad[i].words, false);
		if (r->n != -EINVAL || !strstr(r->e.text, bad[i].why))
			fprintf(stderr, "%s: %s\n", bad[i].words, r->e.text);
		CHECK(r->n == -EINVAL && strstr(r->e.text, bad[i].why));
	}
}

TEST(unknown_options)
{
	static const struct { const char *words, *why; } bad[] = {
		{ "--nonesuch", "unknown option '--nonesuch'" },
		{ "--nonesuch=1", "unknown option '--nonesuch'" },
		{ "-q", "unknown option '-q'" }, { "-fq", "unknown option '-q'" },
	};

	for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
		CHECK(parse(bad[i].words, false)->n == -ENOENT);
		CHECK(!strcmp(parse(bad[i].words, false)->e.text, bad[i].why));
	}
}

TEST(no_rows)
{
	char *good[] = { "x", "a", NULL }, *bad[] = { "x", "a", "-b", NULL };
	char *help[] = { "x", "-h", NULL }, *two_dashes[] = { "x", "a", "--", "-b", NULL };

	CHECK(opt_parse(NULL, NULL, 2, good, false, NULL, NULL) == 1);
	CHECK(opt_parse(NULL, NULL, 3, bad, false, NULL, NULL) == -ENOENT);
	CHECK(opt_parse(NULL, NULL, 2, help, false, NULL, NULL) == OPT_HELP);
	CHECK(opt_parse(NULL, NULL, 4, two_dashes, false, NULL, NULL) == 2 && !two_dashes[3]);
	CHECK_STR(two_dashes[2], "-b");
}

TEST(help)
{
	_cleanup_buf_ struct buf b = {0};

	opt_help(rows, &b);
	CHECK(strstr(b.data, "  -f, --flag                  a flag\n"));
	CHECK(strstr(b.data, "      --other                 another,\n                            "
		"  with "
		"a second line\n"));
	CHECK(strstr(b.data, "  -s, --str TEXT "));
	CHECK(strstr(b.data, "--wait[=WHAT]"));
	CHECK(strstr(b.data, "--choice none|api|node"));
}

UNIT_MAIN("opt")
