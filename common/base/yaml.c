/* The parser of a part of YAML. Not for writing it: files are edited by lines. */
#include "base/yaml.h"

#include <errno.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/buf.h"
#include "base/die.h"
#include "base/text.h"

/* JOIN_MAX: bytes of a value over several lines; CLONES_MAX: nodes, once aliases are copied. */
enum { TEXT_MAX = 4 << 20, DEPTH_MAX = 40, JOIN_MAX = 1 << 16, CLONES_MAX = 1 << 12 };

struct line {
	const char *p, *end;       /* content without indentation and line end */
	uint32_t indent, number;   /* number: in the file */
};

struct anchor { const char *name; size_t len; uint32_t id; };

struct parser {
	struct yaml *y;
	const char *text_end;
	bool partly;               /* yaml_parse_partly() */
	struct anchor anchors[16]; /* later ones are not understood */
	size_t anchor_count;
	struct line *lines;        /* those with content */
	size_t n, at;
	uint32_t total;            /* lines of the file */
	int depth;
	bool failed;
};

static void fail(struct parser *p, const char *what)
{
	if (!p->failed && !*p->y->error) {
		unsigned number = p->at < p->n ? p->lines[p->at].number + 1 : p->total;
		snprintf(p->y->error, sizeof p->y->error, "line %u: %s", number, what);
	}
	p->failed = true;
}

static uint32_t add_node(struct parser *p, struct yaml_node n)
{
	struct yaml *y = p->y;
	if (!(y->n & (y->n - 1)))
		y->nodes = xrealloc(y->nodes, (y->n ? y->n * 2 : 8) * sizeof *y->nodes);
	y->nodes[y->n] = n;
	return (uint32_t)y->n++;
}

static void link_child(struct parser *p, uint32_t parent, uint32_t *last, uint32_t child)
{
	struct yaml_node *v = p->y->nodes;
	if (*last) v[*last].next = child;
	else v[parent].child = child;
	v[parent].count++;
	*last = child;
}

static const char *skip_blank(const char *s, const char *end)
{
	while (s < end && (*s == ' ' || *s == '\t')) s++;
	return s;
}

static const char *word_end(const char *s, const char *end)
{
	while (s < end && *s != ' ' && *s != '\t') s++;
	return s;
}

/* At the end of the line, or at a comment? */
static bool at_end(const char *s, const char *end)
{
	return s == end || *s == '#';
}

static char *dup_range(const char *s, const char *end)
{
	char *d = xmalloc((size_t)(end - s) + 1);
	memcpy(d, s, (size_t)(end - s));
	d[end - s] = 0;
	return d;
}

/* 'it''s': quotes are doubled. Returns where it ends, or NULL. */
static const char *single_quoted(const char *s, const char *end, char **out)
{
	_cleanup_buf_ struct buf b = {0};

	for (s++; s < end; s++) {
		if (*s != '\'') {
			buf_putc(&b, *s);
		} else if (s + 1 < end && s[1] == '\'') {
			buf_putc(&b, *s++);
		} else {
			*out = dup_range(b.data ? b.data : "", b.data ? b.data + b.len : "");
			return s + 1;
		}
	}
	return NULL;
}

/* "a\n": the escapes that JSON has too, less \u, which nothing here writes. */
static const char *double_quoted(const char *s, const char *end, char **out)
{
	static const char from[] = "\\\"/ntr0", to[] = "\\\"/\n\t\r";
	_cleanup_buf_ struct buf b = {0};

	for (s++; s < end; s++) {
		if (*s == '"') {
			*out = dup_range(b.data ? b.data : "", b.data ? b.data + b.len : "");
			return s + 1;
		}
		if (*s == '\\') {
			const char *e = ++s < end ? strchr(from, *s) : NULL;
			if (!e || !*e || *e == '0') return NULL;
			buf_putc(&b, to[e - from]);
		} else {
			buf_putc(&b, *s);
		}
	}
	return NULL;
}

/* Up to the end of the line, a comment, or (in a flow) one of ",]}". */
static const char *scalar_plain(const char *s, const char *end, bool flow, char **out)
{
	const char *e = s;
	while (e < end) {
		if (*e == '#' && e > s && (e[-1] == ' ' || e[-1] == '\t')) break;
		if (flow && strchr(",]}", *e)) break;
		if (flow && *e == ':' && (e + 1 == end || e[1] == ' ')) break;
		e++;
	}
	const char *stop = e;
	while (stop > s && (stop[-1] == ' ' || stop[-1] == '\t')) stop--;
	*out = dup_range(s, stop);
	return e;
}

/* A scalar in one line; where it ends. NULL: refused. */
static const char *scalar(const char *s, const char *end, bool flow, char **out)
{
	if (*s == '\'') return single_quoted(s, end, out);
	if (*s == '"') return double_quoted(s, end, out);
	return strchr("&*!|>%@`", *s) ? NULL : scalar_plain(s, end, flow, out);
}

static bool is_null(const char *s)
{
	return !*s || !strcmp(s, "~") || !strcmp(s, "null");
}

static struct yaml_node scalar_node(char *value, char quote)
{
	if (quote == '"' || quote == '\'' || !is_null(value))
		return (struct yaml_node){ YAML_SCALAR, .value = value };
	free(value);
	return (struct yaml_node){ YAML_NULL };
}

static const char *flow_node(struct parser *p, const char *s, const char *end, uint32_t *id);

/* "key: " in a flow mapping; returns where the value starts. */
static const char *flow_key(const char *s, const char *end, char **key)
{
	*key = NULL;
	s = scalar(s, end, true, key);
	if (!s) return NULL;
	s = skip_blank(s, end);
	if (s < end && *s == ':') return skip_blank(s + 1, end);
	free(*key);
	*key = NULL;
	return NULL;
}

static const char *flow_items(struct parser *p, const char *s, const char *end, uint32_t id,
	char close)
{
	uint32_t last = 0;

	for (s = skip_blank(s, end); s < end && *s != close; s = skip_blank(s, end)) {
		uint32_t child;
		char *key = NULL;
		if (close == '}' && !(s = flow_key(s, end, &key))) return NULL;
		s = s < end ? flow_node(p, s, end, &child) : NULL;
		if (!s) {
			free(key);
			return NULL;
		}
		p->y->nodes[child].key = key;
		link_child(p, id, &last, child);
		s = skip_blank(s, end);
		if (s < end && *s == ',') s++;
		else if (s == end || *s != close) return NULL;
	}
	return s < end ? s + 1 : NULL;
}

static const char *flow_node(struct parser *p, const char *s, const char *end, uint32_t *id)
{
	uint32_t line = p->lines[p->at].number;

	if (*s == '[' || *s == '{') {
		if (++p->depth > DEPTH_MAX) return NULL;
		enum yaml_type type = *s == '[' ? YAML_SEQ : YAML_MAP;
		*id = add_node(p, (struct yaml_node){ type, .flow = 1, .line = line,
			.end = line + 1 });
		s = flow_items(p, s + 1, end, *id, *s == '[' ? ']' : '}');
		p->depth--;
		return s;
	}
	char *value = NULL, quote = *s;
	s = scalar(s, end, true, &value);
	if (!s) return NULL;
	struct yaml_node n = scalar_node(value, quote);
	n.line = line;
	n.end = line + 1;
	*id = add_node(p, n);
	return s;
}

/* The key of "key: value" and where the value starts; NULL if the line is no such thing. */
static const char *block_key(const struct line *l, char **key)
{
	const char *s = l->p;

	*key = NULL;
	if (*s == '"' || *s == '\'') {
		s = scalar(s, l->end, false, key);
		if (s && s < l->end && *s == ':') return s + 1;
		free(*key);
		*key = NULL;
		return NULL;
	}
	if (strchr("&*!|>%@`[{?#", *s) || (*s == '-' && (s + 1 == l->end || s[1] == ' ')))
		return NULL;
	for (; s < l->end; s++)
		if (*s == ':' && (s + 1 == l->end || s[1] == ' ' || s[1] == '\t')) break;
	if (s == l->end) return NULL;
	*key = dup_range(l->p, s);
	return s + 1;
}

/* ---- values over several lines: read from the text itself, since empty lines count ---- */

static struct text_lines lines_below(const struct parser *p)
{
	const char *end = p->lines[p->at].end;
	const char *eol = memchr(end, '\n', (size_t)(p->text_end - end));

	eol = eol ? eol + 1 : p->text_end;
	return text_lines(eol, (size_t)(p->text_end - eol));
}

/* Goes on at the first line with content that is not before `number`. */
static void skip_to(struct parser *p, uint32_t number)
{
	while (p->at < p->n && p->lines[p->at].number < number) p->at++;
}

static size_t indent_of(const struct text_lines *l)
{
	size_t n = 0;
	while (n < l->len && l->line[n] == ' ') n++;
	return n;
}

static size_t trimmed(const char *s, size_t n)
{
	while (n && strchr(" \t\r", s[n - 1])) n--;
	return n;
}

/* A block scalar's header behind its | or >; false if it is none. */
static bool block_header(const char *s, const char *end, size_t parent, char *chomp, size_t *base)
{
	for (; s < end && strchr("+-123456789", *s); s++) {
		if (*s > '0') *base = parent + (size_t)(*s - '0');
		else *chomp = *s;
	}
	return at_end(skip_blank(s, end), end);
}

/* "|" keeps the line ends of the deeper lines, ">" makes blanks of them, but around lines that are
 * empty or deeper still. */
static uint32_t block_scalar(struct parser *p, const char *s, uint32_t parent)
{
	_cleanup_buf_ struct buf b = {0};
	struct text_lines l = lines_below(p);
	uint32_t first = p->lines[p->at].number, number = first + 1;
	bool folds = false;
	size_t base = 0;
	char chomp = 0;

	if (!block_header(s + 1, p->lines[p->at].end, parent, &chomp, &base)) return 0;
	for (; text_line(&l); number++) {
		size_t n = trimmed(l.line, l.len), indent = indent_of(&l);
		if (n && !base) base = indent;
		if (n && (indent < base || base <= parent)) break;
		bool plain = *s == '>' && n && indent == base;
		if (plain && folds && b.len && b.data[b.len - 1] == '\n') {
			size_t breaks = 1;
			while (breaks < b.len && b.data[b.len - 1 - breaks] == '\n') breaks++;
			if (breaks == 1) b.data[b.len - 1] = ' ';
			else b.len--;
		}
		if (n) folds = plain;
		if (n > base) buf_add(&b, l.line + base, n - base);
		buf_putc(&b, '\n');
	}
	if (chomp != '+')
		while (b.len && b.data[b.len - 1] == '\n') b.len--;
	if (!chomp && b.len) buf_putc(&b, '\n');
	skip_to(p, number);
	return add_node(p, (struct yaml_node){ YAML_SCALAR, .line = first,
		.value = dup_range(b.data ? b.data : "", b.data ? b.data + b.len : "") });
}

/* Are the quotes and brackets closed that the text begins with? A comment is cut off. */
static bool is_closed(struct buf *b)
{
	char quote = 0;
	int depth = 0;

	for (size_t i = 0; i < b->len; i++) {
		char c = b->data[i], before = i ? b->data[i - 1] : ' ';
		if (quote) {
			if (c == '\\' && quote == '"') i++;
			else if (c == quote && c == '\'' && b->len - i > 1 && b->data[i + 1] == c)
				i++;   /* doubled */
			else if (c == quote) quote = 0;
		} else if ((c == '"' || c == '\'') && strchr(" \t[{,:", before)) {
			quote = c;
		} else if (c == '#' && strchr(" \t", before)) {
			b->len = i;
		} else if (strchr("[]{}", c)) {
			depth += c == '[' || c == '{' ? 1 : -1;
		}
		if (!quote && depth <= 0) return true;
	}
	return false;
}

/* Adds a line to a value: a line break is a blank, n empty lines are n line breaks, and a
 * backslash at the end of a line in double quotes takes the break away. */
static void add_line(struct buf *b, bool escapes, unsigned empty, const char *s, size_t n)
{
	size_t slashes = 0;

	while (slashes < b->len && b->data[b->len - 1 - slashes] == '\\') slashes++;
	if (escapes && slashes % 2) b->len--;
	else if (!empty) buf_putc(b, ' ');
	for (; empty; empty--) buf_putc(b, '\n');
	buf_add(b, s, n);
}

/* The quoted or bracketed text that begins at s, in one line; *next is the number of the line
 * behind it. */
static void join_closed(struct parser *p, const char *s, struct buf *b, uint32_t *next)
{
	struct text_lines l = lines_below(p);
	unsigned empty = 0;
	bool escapes = *s == '"', flow = *s == '[' || *s == '{';

	buf_add(b, s, (size_t)(p->lines[p->at].end - s));
	*next = p->lines[p->at].number + 1;
	for (; !is_closed(b) && b->len < JOIN_MAX && text_line(&l); ++*next) {
		size_t from = indent_of(&l), n = trimmed(l.line, l.len);
		if (n <= from || (flow && l.line[from] == '#')) {
			empty += !flow;
			continue;
		}
		add_line(b, escapes, empty, l.line + from, n - from);
		empty = 0;
	}
}

/* A plain scalar goes on in the deeper lines, unless these have a key. */
static void join_plain(struct parser *p, uint32_t indent, char **value)
{
	_cleanup_buf_ struct buf b = {0};

	buf_puts(&b, *value);
	while (p->at < p->n && p->lines[p->at].indent > indent && b.len < JOIN_MAX) {
		const struct line *l = &p->lines[p->at];
		char *more, *key;
		bool has_key = block_key(l, &key);
		const char *e = has_key ? NULL : scalar_plain(l->p, l->end, false, &more);
		free(key);
		if (!e) {
			fail(p, "a value that goes on in the next line is not understood");
			return;
		}
		add_line(&b, false, l->number - l[-1].number - 1, more, strlen(more));
		free(more);
		p->at++;
	}
	free(*value);
	*value = dup_range(b.data, b.data + b.len);
}

/* ---- anchors ---- */

static uint32_t clone(struct parser *p, uint32_t id)
{
	struct yaml_node n = p->y->nodes[id];
	uint32_t last = 0, copy;

	if (p->y->n > CLONES_MAX) return 0;
	n.key = NULL;
	n.next = 0;
	if (n.value) n.value = xstrdup(n.value);
	uint32_t child = n.child;
	n.child = n.count = 0;
	copy = add_node(p, n);
	for (; child; child = p->y->nodes[child].next) {
		const char *key = p->y->nodes[child].key;
		uint32_t c = clone(p, child);
		if (!c) return 0;
		p->y->nodes[c].key = key ? xstrdup(key) : NULL;
		link_child(p, copy, &last, c);
	}
	return copy;
}

/* "*name" → a copy of what was anchored, or 0. */
static uint32_t alias(struct parser *p, const char *s, const char *end)
{
	size_t len = (size_t)(word_end(s, end) - s);

	for (size_t i = p->anchor_count; i--;)
		if (p->anchors[i].len == len && !memcmp(p->anchors[i].name, s, len) &&
			at_end(skip_blank(s + len, end), end))
			return p->at++, clone(p, p->anchors[i].id);
	return 0;
}

/* Skips tags; the anchor that stands before a value is *a (name NULL: none). */
static const char *properties(const struct parser *p, const char *s, const char *end,
	struct anchor *a)
{
	*a = (struct anchor){0};
	for (; p->partly && s < end && (*s == '&' || *s == '!');) {
		const char *e = word_end(s, end);
		if (*s == '&') *a = (struct anchor){ s + 1, (size_t)(e - s - 1), 0 };
		s = skip_blank(e, end);
	}
	return s;
}

static uint32_t block_node(struct parser *p);

static uint32_t value_node(struct parser *p, const char *s, uint32_t indent, bool in_map);

/* What stands below a key or dash with nothing behind it. */
static uint32_t value_below(struct parser *p, uint32_t indent, bool in_map)
{
	uint32_t line = p->lines[p->at++].number;

	if (p->at < p->n) {
		struct line *below = &p->lines[p->at];
		/* A sequence may stand at its key's own column. */
		bool dash = *below->p == '-' && (below->p + 1 == below->end || below->p[1] == ' ');
		char *key = NULL;
		bool block = dash || block_key(below, &key);
		free(key);
		if (below->indent > indent && !block) return value_node(p, below->p, indent, false);
		if (below->indent > indent || (in_map && dash && below->indent == indent))
			return block_node(p);
	}
	return add_node(p, (struct yaml_node){ YAML_NULL, .line = line });
}

/* A quoted scalar or a flow, perhaps over several lines. 0: not understood. */
static uint32_t closed_value(struct parser *p, const char *s)
{
	_cleanup_buf_ struct buf b = {0};
	uint32_t next, id = 0;
	char *value = NULL;

	join_closed(p, s, &b, &next);
	const char *end = b.data + b.len, *e;
	if (*s == '[' || *s == '{') {
		e = flow_node(p, b.data, end, &id);
	} else {
		e = scalar(b.data, end, false, &value);
		if (e) id = add_node(p, scalar_node(value, *s));
	}
	if (!e || !at_end(skip_blank(e, end), end)) return 0;
	skip_to(p, next);
	return id;
}

static uint32_t plain_value(struct parser *p, const char *s, uint32_t indent)
{
	char *value;

	if (!scalar(s, p->lines[p->at].end, false, &value)) return 0;
	p->at++;
	join_plain(p, indent, &value);
	return add_node(p, scalar_node(value, *s));
}

/* The value that stands in line at from s on (the key's or dash's line), or in the lines below
 * it. */
static uint32_t value_node(struct parser *p, const char *s, uint32_t indent, bool in_map)
{
	const char *end = p->lines[p->at].end;
	struct anchor a;
	uint32_t id;

	s = properties(p, skip_blank(s, end), end, &a);
	if (at_end(s, end)) id = value_below(p, indent, in_map);
	else if (*s == '|' || *s == '>') id = block_scalar(p, s, indent);
	else if (*s == '*' && p->partly) id = alias(p, s + 1, end);
	else if (strchr("[{\"'", *s)) id = closed_value(p, s);
	else id = plain_value(p, s, indent);
	if (!id) fail(p, "this kind of value is not understood");
	else if (p->at < p->n && p->lines[p->at].indent > indent)
		fail(p, "a value that goes on in the next line is not understood");
	a.id = id;
	if (a.name && p->anchor_count < sizeof p->anchors / sizeof *p->anchors)
		p->anchors[p->anchor_count++] = a;
	return id;
}

static bool has_key(const struct parser *p, uint32_t map, const char *key)
{
	return yaml_get(p->y, &p->y->nodes[map], key) != NULL;
}

/* Skips a value of the outermost mapping that is not understood. */
static uint32_t give_up(struct parser *p, uint32_t line, uint32_t indent)
{
	p->failed = false;
	p->depth = 1;
	for (skip_to(p, line + 1); p->at < p->n; p->at++) {
		const struct line *l = &p->lines[p->at];
		if (l->indent < indent || (l->indent == indent && !strchr("-]}", *l->p))) break;
	}
	return add_node(p, (struct yaml_node){ YAML_UNKNOWN, .line = line });
}

static void mapping(struct parser *p, uint32_t id, uint32_t indent)
{
	const bool outermost = p->depth == 1;
	uint32_t last = 0;

	while (!p->failed && p->at < p->n && p->lines[p->at].indent == indent) {
		struct line *l = &p->lines[p->at];
		uint32_t line = l->number;
		char *key;
		const char *s = block_key(l, &key);
		if (!s) {
			fail(p, "expected \"key: value\"");
			return;
		}
		if (!p->partly && has_key(p, id, key)) {
			fail(p, "this key occurs twice");
			free(key);
			return;
		}
		uint32_t child = value_node(p, s, indent, true);
		if (p->failed && p->partly && outermost) child = give_up(p, line, indent);
		if (!child) {
			free(key);
			return;
		}
		struct yaml_node *n = &p->y->nodes[child];
		n->key = key;
		n->line = line;
		n->indent = indent;
		n->end = p->at < p->n ? p->lines[p->at].number : p->total;
		link_child(p, id, &last, child);
	}
}

static void sequence(struct parser *p, uint32_t id, uint32_t indent)
{
	uint32_t last = 0;

	while (!p->failed && p->at < p->n) {
		struct line *l = &p->lines[p->at];
		if (l->indent != indent || *l->p != '-' || (l->p + 1 < l->end && l->p[1] != ' '))
			break;
		uint32_t line = l->number, child;
		const char *s = skip_blank(l->p + 1, l->end);
		char *key = NULL;
		struct line rest = { s, l->end, indent + (uint32_t)(s - l->p), line };
		bool nested = s < l->end && *s == '-' && (s + 1 == l->end || s[1] == ' ');
		if (!at_end(s, l->end) && (nested || block_key(&rest, &key))) {
			/* "- key: value": the rest of the line starts a block of its own. */
			free(key);
			*l = rest;
			child = block_node(p);
		} else {
			child = value_node(p, l->p + 1, indent, false);
		}
		if (!child) return;
		struct yaml_node *n = &p->y->nodes[child];
		n->line = line;
		n->indent = indent;
		n->end = p->at < p->n ? p->lines[p->at].number : p->total;
		link_child(p, id, &last, child);
	}
}

/* The block that starts at the current line, at its indentation. */
static uint32_t block_node(struct parser *p)
{
	struct line *l = &p->lines[p->at];
	uint32_t indent = l->indent, id;

	if (++p->depth > DEPTH_MAX) {
		fail(p, "nested too deeply");
		return 0;
	}
	if (*l->p == '-' && (l->p + 1 == l->end || l->p[1] == ' ')) {
		id = add_node(p, (struct yaml_node){ YAML_SEQ, .line = l->number,
			.indent = indent });
		sequence(p, id, indent);
	} else {
		id = add_node(p, (struct yaml_node){ YAML_MAP, .line = l->number,
			.indent = indent });
		mapping(p, id, indent);
	}
	p->depth--;
	p->y->nodes[id].end = p->at < p->n ? p->lines[p->at].number : p->total;
	if (p->at < p->n && p->lines[p->at].indent > indent) fail(p, "unexpected indentation");
	return id;
}

/* Cuts the text into the lines that hold something; false with an error for tabs and control
 * characters. */
static bool split(struct parser *p, const char *text, size_t len)
{
	struct text_lines l = text_lines(text, len);

	for (; text_line(&l); p->total++) {
		const char *s = l.line, *c = s, *trim = s + l.len;
		while (c < trim && *c == ' ') c++;
		while (trim > c && (trim[-1] == '\r' || trim[-1] == ' ' || trim[-1] == '\t'))
			trim--;
		bool marker = c == s && trim - c == 3 && !memcmp(c, "---", 3);
		if (p->partly && p->n && (marker || (c == s && trim - c == 3 &&
			!memcmp(c, "...", 3)))) {
			p->text_end = s;   /* only the first document counts */
			break;
		}
		if (c < trim && *c != '#' && !(marker && !p->n)) {
			if (!(p->n & (p->n - 1)))
				p->lines = xrealloc(p->lines,
					(p->n ? p->n * 2 : 16) * sizeof *p->lines);
			p->lines[p->n] = (struct line){ c, trim, (uint32_t)(c - s), p->total };
			p->at = p->n++;
			if (marker || memchr(c, 0, (size_t)(trim - c)) || *c == '\t') {
				fail(p, marker ? "a second document" : "a tab or NUL");
				return false;
			}
		}
	}
	p->at = 0;
	return true;
}

static int parse(struct yaml *y, const char *text, size_t len, bool partly)
{
	struct parser p = { .y = y, .partly = partly };
	static const char bom[] = "\xef\xbb\xbf";

	*y = (struct yaml){0};
	if (len > TEXT_MAX) return -EFBIG;
	if (len >= 3 && !memcmp(text, bom, 3)) text += 3, len -= 3;
	p.text_end = text + len;
	if (split(&p, text, len)) {
		if (p.n && (*p.lines[0].p == '{' || *p.lines[0].p == '[')) {
			/* the root has to be node 0 */
			closed_value(&p, p.lines[0].p);
			if (!p.at) fail(&p, "this is not understood");
		} else if (p.n) {
			block_node(&p);
		} else {
			add_node(&p, (struct yaml_node){ YAML_NULL });
		}
		if (p.at < p.n) fail(&p, "unexpected indentation");
	}
	free(p.lines);
	return p.failed ? -EBADMSG : 0;
}

int yaml_parse(struct yaml *y, const char *text, size_t len)
{
	return parse(y, text, len, false);
}

int yaml_parse_partly(struct yaml *y, const char *text, size_t len)
{
	return parse(y, text, len, true);
}

void yaml_free(struct yaml *y)
{
	for (size_t i = 0; i < y->n; i++) {
		free(y->nodes[i].key);
		free(y->nodes[i].value);
	}
	free(y->nodes);
	y->nodes = NULL;
	y->n = 0;
}

const struct yaml_node *yaml_first(const struct yaml *y, const struct yaml_node *n)
{
	return n && n->child ? &y->nodes[n->child] : NULL;
}

const struct yaml_node *yaml_next(const struct yaml *y, const struct yaml_node *n)
{
	return n && n->next ? &y->nodes[n->next] : NULL;
}

const struct yaml_node *yaml_get(const struct yaml *y, const struct yaml_node *map, const char *key)
{
	if (!map || map->type != YAML_MAP) return NULL;
	for (const struct yaml_node *n = yaml_first(y, map); n; n = yaml_next(y, n))
		if (n->key && !strcmp(n->key, key)) return n;
	return NULL;
}

const char *yaml_str(const struct yaml_node *n)
{
	return n && n->type == YAML_SCALAR ? n->value : NULL;
}
