#include "app/opt.h"

#include <errno.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>

#include "base/buf.h"

/* Everything one parse needs; lives on the caller's stack. */
struct parse {
	const struct opt *rows;
	char *cfg;
	struct buf *why;
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
	buf_printf(p->why, "--%s takes ", o->name);
	put_value(p->why, o);
	buf_printf(p->why, ", not '%s'", value);
	return -1;
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
	case OPT_END:
		break;
	}
	return -1;
}

/* "--name", "--name=value", "--name value"; returns how many further words it took, or -1. */
static int long_option(struct parse *p, char *word, char *next)
{
	const char *eq = strchr(word + 2, '=');
	size_t len = eq ? (size_t)(eq - word - 2) : strlen(word + 2);
	const struct opt *o = by_name(p->rows, word + 2, len);

	if (!o) {
		buf_printf(p->why, "unknown option '%.*s'", (int)len + 2, word);
		return -1;
	}
	if (o->type == OPT_FLAG && eq) {
		buf_printf(p->why, "--%s takes no value", o->name);
		return -1;
	}
	if (o->type == OPT_FLAG) return set(p, o, NULL);
	if (eq) return set(p, o, eq + 1);
	if (o->bare) return set(p, o, o->bare);
	if (!next) {
		buf_printf(p->why, "--%s needs a value (", o->name);
		put_value(p->why, o);
		buf_putc(p->why, ')');
		return -1;
	}
	return set(p, o, next) < 0 ? -1 : 1;
}

/* "-x", "-xyz", "-xVALUE", "-x VALUE"; returns how many further words it took, or -1. */
static int short_options(struct parse *p, char *word, char *next)
{
	for (char *c = word + 1; *c; c++) {
		const struct opt *o = by_letter(p->rows, *c);
		if (!o) {
			buf_printf(p->why, "unknown option '-%c'", *c);
			return -1;
		}
		if (o->type == OPT_FLAG) {
			if (set(p, o, NULL) < 0) return -1;
			continue;
		}
		if (c[1]) return set(p, o, c + 1);
		if (!next) {
			buf_printf(p->why, "-%c needs a value (", o->letter);
			put_value(p->why, o);
			buf_putc(p->why, ')');
			return -1;
		}
		return set(p, o, next) < 0 ? -1 : 1;
	}
	return 0;
}

int opt_parse(const struct opt *rows, void *cfg, int argc, char **argv, bool in_order, int *rest, struct buf *why)
{
	static const struct opt none[] = { { .type = OPT_END } };
	struct parse p = { .rows = rows ? rows : none, .cfg = cfg, .why = why };
	int n = 0, i;

	if (rest) *rest = argc;
	for (i = 1; i < argc; i++) {
		char *w = argv[i];
		int took = 0;
		if (!strcmp(w, "--")) {
			i++;
			if (rest) *rest = i;
			break;
		}
		if (w[0] != '-' || !w[1]) {
			if (in_order) break;
			argv[++n] = w;
			continue;
		}
		took = w[1] == '-' ? long_option(&p, w, argv[i + 1]) : short_options(&p, w, argv[i + 1]);
		if (took < 0) return -1;
		i += took;
	}
	if (rest && *rest < argc) {
		if (n + 1 < *rest) argv[n + 1] = NULL;
		return n;
	}
	for (; i < argc; i++) argv[++n] = argv[i];
	argv[n + 1] = NULL;
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

	for (const struct opt *o = rows; o && o->type; o++) {
		_cleanup_buf_ struct buf left = {0};
		buf_printf(&left, "  %c%c%s", o->letter ? '-' : ' ', o->letter ? o->letter : ' ', o->letter ? ", " : "  ");
		buf_printf(&left, "--%s", o->name);
		if (o->type != OPT_FLAG) {
			buf_puts(&left, o->bare ? "[=" : " ");
			put_value(&left, o);
			if (o->bare) buf_putc(&left, ']');
		}
		if (left.len + 2 > COLUMN) buf_printf(out, "%s\n%*s", left.data, COLUMN, "");
		else buf_printf(out, "%-*s", COLUMN, left.data);
		help_text(out, o->help, COLUMN);
	}
}
