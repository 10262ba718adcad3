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

enum { TEXT_MAX = 4 << 20, DEPTH_MAX = 40 };

struct line {
	const char *p, *end;       /* content without indentation and line end */
	uint32_t indent, number;   /* number: in the file */
};

struct parser {
	struct yaml *y;
	struct line *lines;        /* those with content */
	size_t n, at;
	uint32_t total;            /* lines of the file */
	int depth;
	bool failed;
};

static void fail(struct parser *p, const char *what)
{
	if (!p->failed) {
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

/* A scalar up to the end of the line, a comment, or (in a flow) one of ",]}". NULL: refused. */
static const char *scalar(const char *s, const char *end, bool flow, char **out)
{
	if (*s == '\'') return single_quoted(s, end, out);
	if (*s == '"') return double_quoted(s, end, out);
	if (strchr("&*!|>%@`", *s)) return NULL;
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

/* "|" or "|-": the deeper lines as they are. Comment lines inside were dropped, blank ones too: fit
 * for PEM and the like. */
static uint32_t literal(struct parser *p, uint32_t parent_indent)
{
	_cleanup_buf_ struct buf b = {0};
	uint32_t first = p->lines[p->at].number, base = 0;

	for (p->at++; p->at < p->n && p->lines[p->at].indent > parent_indent; p->at++) {
		struct line *l = &p->lines[p->at];
		if (!base) base = l->indent;
		for (uint32_t i = base; i < l->indent; i++) buf_putc(&b, ' ');
		buf_add(&b, l->p, (size_t)(l->end - l->p));
		buf_putc(&b, '\n');
	}
	return add_node(p, (struct yaml_node){ YAML_SCALAR, .line = first,
		.value = dup_range(b.data ? b.data : "", b.data ? b.data + b.len : "") });
}

static uint32_t block_node(struct parser *p);

/* The value that stands in line at from s on (the key's or dash's line), or in the lines below
 * it. */
static uint32_t value_node(struct parser *p, const char *s, uint32_t indent, bool in_map)
{
	struct line *l = &p->lines[p->at];
	uint32_t id = 0;

	s = skip_blank(s, l->end);
	if (at_end(s, l->end)) {
		uint32_t line = l->number;
		p->at++;
		if (p->at < p->n) {
			struct line *below = &p->lines[p->at];
			/* A sequence may stand at its key's own column. */
			bool dash = *below->p == '-' &&
				(below->p + 1 == below->end || below->p[1] == ' ');
			if (below->indent > indent || (in_map && dash && below->indent == indent))
				return block_node(p);
		}
		return add_node(p, (struct yaml_node){ YAML_NULL, .line = line });
	}
	if (*s == '|') {
		const char *rest = s + 1 < l->end && (s[1] == '-' || s[1] == '+') ? s + 2 : s + 1;
		if (at_end(skip_blank(rest, l->end), l->end)) return literal(p, indent);
	}
	char *value = NULL, quote = *s;
	const char *e;
	if (*s == '[' || *s == '{') {
		e = flow_node(p, s, l->end, &id);
	} else {
		e = scalar(s, l->end, false, &value);
		if (e) id = add_node(p, scalar_node(value, quote));
	}
	if (!e || !at_end(skip_blank(e, l->end), l->end)) {
		fail(p, "this kind of value is not understood");
		return id;
	}
	p->at++;
	if (p->at < p->n && p->lines[p->at].indent > indent)
		fail(p, "a value that goes on in the next line is not understood");
	return id;
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

static bool has_key(const struct parser *p, uint32_t map, const char *key)
{
	return yaml_get(p->y, &p->y->nodes[map], key) != NULL;
}

static void mapping(struct parser *p, uint32_t id, uint32_t indent)
{
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
		if (has_key(p, id, key)) {
			fail(p, "this key occurs twice");
			free(key);
			return;
		}
		uint32_t child = value_node(p, s, indent, true);
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

int yaml_parse(struct yaml *y, const char *text, size_t len)
{
	struct parser p = { .y = y };

	*y = (struct yaml){0};
	if (len > TEXT_MAX) return -EFBIG;
	if (split(&p, text, len)) {
		if (p.n && (*p.lines[0].p == '{' || *p.lines[0].p == '[')) {
			uint32_t id;
			const char *e = flow_node(&p, p.lines[0].p, p.lines[0].end, &id);
			if (!e || !at_end(skip_blank(e, p.lines[0].end), p.lines[0].end))
				fail(&p, "JSON over several lines is not understood");
			p.at = 1;
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
