/* The parser and the help lines of option rows. Pure: what it says, the frame prints (main.c). */
#include "app/opt.h"

#include <errno.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>

#include "base/buf.h"
#include "base/err.h"
#include "base/text.h"

const char *const output_formats[] = { [OUTPUT_TEXT] = "text", [OUTPUT_JSON] = "json", NULL };

/* Everything that one parse needs; lies on the caller's stack. */
struct parse {
	const struct opt *rows;
	char *cfg;
	struct err *err;
};

static const struct opt *by_name(const struct opt *rows, const char *name, size_t len)
{
	for (const struct opt *o = rows; o->type; o++)
		if (o->name && strlen(o->name) == len && !memcmp(o->name, name, len)) return o;
	return NULL;
}

static const struct opt *by_letter(const struct opt *rows, char c)
{
	for (const struct opt *o = rows; o->type; o++)
		if (o->letter && o->letter == c) return o;
	return NULL;
}

static int number(const char *s, unsigned *out, const char **end)
{
	char *e;

	if (*s < '0' || *s > '9') return -1;
	errno = 0;
	unsigned long n = strtoul(s, &e, 10);
	if (errno || n > INT_MAX) return -1;
	*out = (unsigned)n;
	*end = e;
	return 0;
}

static int seconds(const char *s, unsigned *out)
{
	const char *end;
	unsigned unit;

	if (number(s, out, &end) < 0) return -1;
	if (!*end || !strcmp(end, "s")) unit = 1;
	else if (!strcmp(end, "m")) unit = 60;
	else if (!strcmp(end, "h")) unit = 3600;
	else return -1;
	if (*out > INT_MAX / unit) return -1;
	*out *= unit;
	return 0;
}

static int choice(const struct opt *o, const char *s)
{
	for (int i = 0; o->choices[i]; i++)
		if (!strcmp(o->choices[i], s)) return i;
	return -1;
}

/* What stands for the value in help and messages: "DIR", "node|api|none". */
static void put_value(struct buf *b, const struct opt *o)
{
	if (o->type != OPT_CHOICE) {
		buf_puts(b, o->value ? o->value : "VALUE");
		return;
	}
	for (int i = 0; o->choices[i]; i++) buf_printf(b, "%s%s", i ? "|" : "", o->choices[i]);
}

static int refuse(struct parse *p, const struct opt *o, const char *value)
{
	_cleanup_buf_ struct buf b = {0};

	put_value(&b, o);
	return err_set(p->err, -EINVAL, "--%s takes %s, not '%s'", o->name, b.data, value);
}

static int needs_value(struct parse *p, const char *word, const struct opt *o)
{
	_cleanup_buf_ struct buf b = {0};

	put_value(&b, o);
	return err_set(p->err, -EINVAL, "%s needs a value (%s)", word, b.data);
}

static int set(struct parse *p, const struct opt *o, const char *value)
{
	void *field = p->cfg + o->field;
	const char *end;
	int n;

	switch (o->type) {
	case OPT_FLAG:
		*(bool *)field = true;
		return 0;
	case OPT_STR:
		*(const char **)field = value;
		return 0;
	case OPT_PATH:
		if (!*value) return refuse(p, o, value);
		*(const char **)field = value;
		return 0;
	case OPT_LIST:
		strv_add(field, value);
		return 0;
	case OPT_UINT:
		return number(value, field, &end) < 0 || *end ? refuse(p, o, value) : 0;
	case OPT_SECONDS:
		return seconds(value, field) < 0 ? refuse(p, o, value) : 0;
	case OPT_CHOICE:
		if ((n = choice(o, value)) < 0) return refuse(p, o, value);
		*(int *)field = n;
		return 0;
	case OPT_BARE:
	case OPT_END:
		break;
	}
	return -EINVAL;
}

static int unknown(struct parse *p, const char *name, size_t len)
{
	const struct opt *best = NULL;
	unsigned near = 0;

	for (const struct opt *o = p->rows; o->type; o++)
		if (o->name && text_nearer(name, len, o->name, &near)) best = o;
	if (best)
		return err_set(p->err, -EINVAL, "unknown option '--%.*s'; did you mean --%s?",
			(int)len, name, best->name);
	return err_set(p->err, -ENOENT, "unknown option '--%.*s'", (int)len, name);
}

/* "--name", "--name=value", "--name value": how many further words it took, OPT_HELP, or
 * -EINVAL. */
static int long_option(struct parse *p, const char *word, const char *next)
{
	const char *eq = strchr(word + 2, '=');
	size_t len = eq ? (size_t)(eq - word - 2) : strlen(word + 2);
	const struct opt *o = by_name(p->rows, word + 2, len);

	if (!o && !strcmp(word, "--help")) return OPT_HELP;
	if (!o) return unknown(p, word + 2, len);
	if (o->type == OPT_FLAG && eq)
		return err_set(p->err, -EINVAL, "--%s takes no value", o->name);
	if (o->type == OPT_FLAG) return set(p, o, NULL);
	if (eq) return set(p, o, eq + 1);
	if (o[1].type == OPT_BARE && !(next && o->type == OPT_CHOICE && choice(o, next) >= 0))
		return set(p, o, o[1].value);
	if (!next) return needs_value(p, word, o);
	int r = set(p, o, next);
	return r < 0 ? r : 1;
}

/* "-x", "-xyz", "-xVALUE", "-x VALUE": how many further words it took, OPT_HELP, or -EINVAL. */
static int short_options(struct parse *p, const char *word, const char *next)
{
	for (const char *c = word + 1; *c; c++) {
		const struct opt *o = by_letter(p->rows, *c);
		int r;
		if (!o && *c == 'h') return OPT_HELP;
		if (!o) return err_set(p->err, -ENOENT, "unknown option '-%c'", *c);
		if (o->type == OPT_FLAG) {
			if ((r = set(p, o, NULL)) < 0) return r;
			continue;
		}
		if (c[1]) return set(p, o, c + 1);
		if (!next) return needs_value(p, (char[]){ '-', *c, 0 }, o);
		r = set(p, o, next);
		return r < 0 ? r : 1;
	}
	return 0;
}

/* Ends the operands, of which there are n by now, with what stands in argv[i..]. */
static int take_rest(int n, int i, int argc, char **argv)
{
	for (; i < argc; i++) argv[++n] = argv[i];
	argv[n + 1] = NULL;
	return n;
}

int opt_parse(const struct opt *rows, void *cfg, int argc, char **argv, bool in_order, int *rest,
	struct err *e)
{
	static const struct opt none[] = { { .type = OPT_END } };
	struct parse p = { .rows = rows ? rows : none, .cfg = cfg, .err = e };
	int n = 0;

	for (int i = 1; i < argc; i++) {
		char *w = argv[i];
		if (!strcmp(w, "--") && rest) {
			*rest = i + 1;
			argv[n + 1] = NULL;   /* at most the "--" itself */
			return n;
		}
		if (!strcmp(w, "--")) return take_rest(n, i + 1, argc, argv);
		if (w[0] != '-' || !w[1]) {
			if (in_order) return take_rest(n, i, argc, argv);
			argv[++n] = w;
			continue;
		}
		int took = w[1] == '-' ? long_option(&p, w, argv[i + 1])
			: short_options(&p, w, argv[i + 1]);
		if (took < 0) return took;
		i += took;
	}
	n = take_rest(n, argc, argc, argv);
	if (rest) *rest = n + 1;
	return n;
}

static void help_text(struct buf *out, const char *text, int indent)
{
	for (const char *c = text; *c; c++) {
		buf_putc(out, *c);
		if (*c == '\n') buf_printf(out, "%*s", indent, "");
	}
	buf_putc(out, '\n');
}

void opt_help(const struct opt *rows, struct buf *out)
{
	enum { COLUMN = 30 };
	bool time = false;

	for (const struct opt *o = rows; o && o->type; o++) {
		_cleanup_buf_ struct buf left = {0};
		bool bare = o[1].type == OPT_BARE;
		if (o->type == OPT_BARE) continue;
		time |= o->type == OPT_SECONDS;
		if (o->letter) buf_printf(&left, "  -%c, --%s", o->letter, o->name);
		else buf_printf(&left, "      --%s", o->name);
		if (o->type != OPT_FLAG) {
			buf_puts(&left, bare ? "[=" : " ");
			put_value(&left, o);
			if (bare) buf_putc(&left, ']');
		}
		if (left.len + 2 > COLUMN) buf_printf(out, "%s\n%*s", left.data, COLUMN, "");
		else buf_printf(out, "%-*s", COLUMN, left.data);
		help_text(out, o->help, COLUMN);
	}
	if (time) buf_puts(out, "TIME: seconds, or a number with a unit: 90, 90s, 2m, 1h\n");
}
