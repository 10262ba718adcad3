/* Mount tables with other file system types and sources. */
#include "intercept/view/mountinfo.h"

#include <string.h>

struct mount_field {
	const char *p;
	size_t n;
};

/* The next blank-separated field in [p, end); n = 0 at the end. */
static struct mount_field next(const char *p, const char *end)
{
	while (p < end && *p == ' ') p++;
	const char *q = p;
	while (q < end && *q != ' ') q++;
	return (struct mount_field){ p, (size_t)(q - p) };
}

static bool is(struct mount_field f, const char *s)
{
	return f.n == strlen(s) && !memcmp(f.p, s, f.n);
}

/* mountinfo: "… [optional fields] - TYPE SOURCE OPTIONS"; mounts: "SOURCE TARGET TYPE …". */
static bool find(const char *line, const char *end, bool info, struct mount_field *type,
	struct mount_field *source)
{
	struct mount_field f = next(line, end);

	if (!info) {
		*source = f;
		f = next(f.p + f.n, end);
		*type = next(f.p + f.n, end);
		return type->n > 0;
	}
	for (int i = 0; f.n; i++, f = next(f.p + f.n, end)) {
		if (i < 6 || !is(f, "-")) continue;
		*type = next(f.p + f.n, end);
		*source = next(type->p + type->n, end);
		return source->n > 0;
	}
	return false;
}

/* Copies up to the field, and writes `with` instead of it. Returns what follows it. */
static const char *splice(struct buf *out, const char *from, struct mount_field f, const char *with)
{
	buf_add(out, from, (size_t)(f.p - from));
	buf_puts(out, with);
	return f.p + f.n;
}

static void rewrite_line(const char *line, const char *end, bool info, const struct fstype *rules,
	size_t rule_n, struct buf *out)
{
	struct mount_field type, source;
	size_t i = 0;

	if (find(line, end, info, &type, &source))
		while (i < rule_n && !is(type, rules[i].from)) i++;
	else
		i = rule_n;
	if (i < rule_n) {
		if (!info && rules[i].source) line = splice(out, line, source, rules[i].source);
		line = splice(out, line, type, rules[i].to);
		if (info && rules[i].source) line = splice(out, line, source, rules[i].source);
	}
	buf_add(out, line, (size_t)(end - line));
}

void mountinfo_rewrite(const char *text, size_t n, bool info, const struct fstype *rules,
	size_t rule_n, struct buf *out)
{
	const char *end = text + n;

	while (text < end) {
		const char *nl = memchr(text, '\n', (size_t)(end - text));
		const char *eol = nl ? nl : end;
		rewrite_line(text, eol, info, rules, rule_n, out);
		if (nl) buf_putc(out, '\n');
		text = nl ? nl + 1 : end;
	}
}
