/* The JSON parser and look-ups. Edits are in json_edit.c. */
#include "base/json.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/arena.h"
#include "base/text.h"
#include "base/utf8.h"

enum { DEEPEST = 10000, BIGGEST = 64 << 20 };

/* While a container is open, .next holds its parent's index and .end that of its last child (0:
 * none). */
struct json_scan {
	struct json *j;
	size_t at;
	uint32_t open;             /* innermost open container, valid if depth > 0 */
	unsigned depth;
	uint32_t key, key_end;     /* of the member whose value comes next */
	int err;
};

static bool is_space(char c)
{
	return c == ' ' || c == '\t' || c == '\r' || c == '\n';
}

static bool is_digit(char c)
{
	return c >= '0' && c <= '9';
}

/* At the end Go's scanner is fed one blank, so that numbers end; a literal that is cut short
 * complains about that blank. */
static char peek(const struct json_scan *s)
{
	return s->at < s->j->len ? s->j->text[s->at] : ' ';
}

/* A byte as Go shows it: strconv.Quote of the code point of that number, in single quotes. */
static void quote_byte(unsigned char c, char out[16])
{
	static const char named[] = "\a\b\f\n\r\t\v\\'", letters[] = "abfnrtv\\'";
	const char *at = c ? strchr(named, c) : NULL;

	if (at) snprintf(out, 16, "'\\%c'", letters[at - named]);
	else if (c < 0x20 || c == 0x7f) snprintf(out, 16, "'\\x%02x'", c);
	else if (c < 0x7f) snprintf(out, 16, "'%c'", c);
	else if (c <= 0xa0 || c == 0xad) snprintf(out, 16, "'\\u%04x'", c);
	else snprintf(out, 16, "'%c%c'", 0xc0 | c >> 6, 0x80 | (c & 0x3f));
}

static int bad(struct json_scan *s, const char *context)
{
	char shown[16];

	quote_byte((unsigned char)peek(s), shown);
	snprintf(s->j->error, sizeof s->j->error, "invalid character %s %s", shown, context);
	s->j->error_at = s->at;
	return s->err = -EBADMSG;
}

static int bad_end(struct json_scan *s)
{
	snprintf(s->j->error, sizeof s->j->error, "unexpected end of JSON input");
	s->j->error_at = s->j->len;
	return s->err = -EBADMSG;
}

/* Moves to the next byte that is no space; false at the end of the text. */
static bool skip_space(struct json_scan *s)
{
	while (s->at < s->j->len && is_space(s->j->text[s->at])) s->at++;
	return s->at < s->j->len;
}

static int escape(struct json_scan *s)
{
	s->at++;
	char c = peek(s);
	if (!c || !strchr("bfnrt\\/\"u", c)) return bad(s, "in string escape code");
	s->at++;
	for (int i = 0; c == 'u' && i < 4; i++, s->at++) {
		char h = peek(s);
		if (!is_digit(h) && !(h >= 'a' && h <= 'f') && !(h >= 'A' && h <= 'F'))
			return bad(s, "in \\u hexadecimal character escape");
	}
	return 0;
}

static int scan_string(struct json_scan *s)
{
	const struct json *j = s->j;

	for (s->at++; s->at < j->len;) {
		char c = j->text[s->at];
		if (c == '"') {
			s->at++;
			return 0;
		}
		if ((unsigned char)c < 0x20) return bad(s, "in string literal");
		if (c != '\\') s->at++;
		else if (escape(s) < 0) return s->err;
	}
	return bad_end(s);
}

static int digits(struct json_scan *s, const char *context)
{
	if (!is_digit(peek(s))) return bad(s, context);
	while (is_digit(peek(s))) s->at++;
	return 0;
}

static int scan_number(struct json_scan *s)
{
	if (peek(s) == '-') s->at++;
	if (peek(s) == '0') s->at++;
	else if (digits(s, "in numeric literal") < 0) return s->err;
	if (peek(s) == '.') {
		s->at++;
		if (digits(s, "after decimal point in numeric literal") < 0) return s->err;
	}
	if (peek(s) == 'e' || peek(s) == 'E') {
		s->at++;
		if (peek(s) == '+' || peek(s) == '-') s->at++;
		return digits(s, "in exponent of numeric literal");
	}
	return 0;
}

static int scan_word(struct json_scan *s, const char *word)
{
	for (const char *w = word; *w; w++, s->at++) {
		char context[48];
		if (peek(s) == *w && s->at < s->j->len) continue;
		snprintf(context, sizeof context, "in literal %s (expecting '%c')", word, *w);
		return bad(s, context);
	}
	return 0;
}

/* Every value but the root stands behind a bracket or a comma of its own (and its key). So many
 * there are at most, up to the first error. */
static size_t most_nodes(const char *text, size_t len)
{
	bool in_string = false;
	size_t n = 1;

	for (size_t i = 0; i < len; i++) {
		char c = text[i];
		if (c == '"') in_string = !in_string;
		else if (in_string) i += c == '\\';
		else n += c == ',' || c == '[' || c == '{';
	}
	return n;
}

/* A new node for the value at s->at, linked into the open container. */
static struct json_node *add_node(struct json_scan *s, enum json_type type)
{
	struct json *j = s->j;
	uint32_t index = (uint32_t)j->n++;
	struct json_node *n = &j->nodes[index];
	*n = (struct json_node){ .type = type, .start = (uint32_t)s->at, .key = s->key,
		.key_end = s->key_end };
	if (s->depth) {
		struct json_node *parent = &j->nodes[s->open];
		if (parent->end) j->nodes[parent->end].next = index;
		else parent->child = index;
		parent->end = index;
		parent->count++;
	}
	s->key = s->key_end = 0;
	return n;
}

enum json_state { VALUE, VALUE_OR_END, KEY, KEY_OR_END, AFTER };

static enum json_state open_container(struct json_scan *s, enum json_type type)
{
	if (s->depth == DEEPEST) {
		bad(s, "exceeded max depth");
		return AFTER;
	}
	struct json_node *n = add_node(s, type);
	/* add_node() linked it by its index; the parent's link to it is safe, its own .next is free
	 * until it closes */
	n->next = s->open;
	s->open = (uint32_t)(n - s->j->nodes);
	s->depth++;
	s->at++;
	return type == JSON_ARRAY ? VALUE_OR_END : KEY_OR_END;
}

static enum json_state close_container(struct json_scan *s)
{
	struct json_node *n = &s->j->nodes[s->open];

	n->end = (uint32_t)++s->at;
	s->open = n->next;
	n->next = 0;
	s->depth--;
	return AFTER;
}

static enum json_state value(struct json_scan *s)
{
	char c = peek(s);
	struct json_node *n;
	enum json_type type;

	switch (c) {
	case '{': return open_container(s, JSON_OBJECT);
	case '[': return open_container(s, JSON_ARRAY);
	case '"': type = JSON_STRING; break;
	case 't': case 'f': type = JSON_BOOL; break;
	case 'n': type = JSON_NULL; break;
	default:
		type = JSON_NUMBER;
		if (c == '-' || is_digit(c)) break;
		bad(s, "looking for beginning of value");
		return AFTER;
	}
	n = add_node(s, type);
	if (type == JSON_STRING) scan_string(s);
	else if (type == JSON_NUMBER) scan_number(s);
	else scan_word(s, c == 't' ? "true" : c == 'f' ? "false" : "null");
	n->end = (uint32_t)s->at;
	return AFTER;
}

static enum json_state key(struct json_scan *s)
{
	if (peek(s) != '"') {
		bad(s, "looking for beginning of object key string");
		return VALUE;
	}
	uint32_t start = (uint32_t)s->at;
	if (scan_string(s) < 0) return VALUE;
	s->key = start;
	s->key_end = (uint32_t)s->at;
	if (!skip_space(s)) bad_end(s);
	else if (peek(s) != ':') bad(s, "after object key");
	s->at++;
	return VALUE;
}

static enum json_state after(struct json_scan *s)
{
	bool array = s->j->nodes[s->open].type == JSON_ARRAY;
	char c = peek(s);

	if (c == (array ? ']' : '}')) return close_container(s);
	if (c != ',') bad(s, array ? "after array element" : "after object key:value pair");
	s->at++;
	return array ? VALUE : KEY;
}

static int parse(struct json_scan *s)
{
	enum json_state state = VALUE;

	do {
		if (!skip_space(s)) return bad_end(s);
		char c = peek(s);
		if ((state == VALUE_OR_END && c == ']') || (state == KEY_OR_END && c == '}'))
			state = close_container(s);
		else if (state == VALUE || state == VALUE_OR_END) state = value(s);
		else if (state == KEY || state == KEY_OR_END) state = key(s);
		else state = after(s);
		if (s->err) return s->err;
	} while (s->depth || state != AFTER);
	return skip_space(s) ? bad(s, "after top-level value") : 0;
}

int json_parse(struct json *j, const char *text, size_t len)
{
	return json_parse_in(j, text, len, NULL);
}

int json_parse_in(struct json *j, const char *text, size_t len, struct arena *a)
{
	struct json_scan s = { .j = j };

	*j = (struct json){ .text = text, .len = len, .arena = a };
	if (len > BIGGEST) return -EFBIG;
	size_t size = most_nodes(text, len) * sizeof *j->nodes;
	j->nodes = a ? arena_alloc(a, size) : malloc(size);
	if (!j->nodes) return -ENOMEM;
	int r = parse(&s);
	if (r < 0) j->n = 0;   /* half a tree is no tree */
	return r;
}

void json_free(struct json *j)
{
	if (!j->arena) free(j->nodes);
	*j = (struct json){0};
}

const struct json_node *json_first(const struct json *j, const struct json_node *n)
{
	return n && n->child ? &j->nodes[n->child] : NULL;
}

const struct json_node *json_next(const struct json *j, const struct json_node *n)
{
	return n && n->next ? &j->nodes[n->next] : NULL;
}

static uint32_t hex4(const char *s)
{
	uint32_t v = 0;
	for (int i = 0; i < 4; i++) v = v << 4 | (uint32_t)text_hex(s[i]);
	return v;
}

/* The character behind "\u"; a pair of surrogates is one, a lone one is U+FFFD. p stands on the
 * backslash; returns the bytes read. The scanner has checked the form. */
static size_t unicode_escape(const char *p, const char *end, uint32_t *c)
{
	*c = hex4(p + 2);
	if (*c < 0xd800 || *c > 0xdfff) return 6;
	if (*c < 0xdc00 && end - p >= 12 && p[6] == '\\' && p[7] == 'u') {
		uint32_t low = hex4(p + 8);
		if (low >= 0xdc00 && low <= 0xdfff) {
			*c = 0x10000 + ((*c - 0xd800) << 10) + (low - 0xdc00);
			return 12;
		}
	}
	*c = 0xfffd;
	return 6;
}

/* One character of a literal's inside; returns the bytes read. */
static size_t next_char(const char *p, const char *end, uint32_t *c)
{
	static const char from[] = "bfnrt", to[] = "\b\f\n\r\t";

	if (*p == '\\') {
		if (p[1] == 'u') return unicode_escape(p, end, c);
		const char *at = strchr(from, p[1]);
		*c = (unsigned char)(at ? to[at - from] : p[1]);
		return 2;
	}
	size_t k = utf8_decode(p, (size_t)(end - p), c);
	if (k) return k;
	*c = 0xfffd;
	return 1;
}

/* Decodes the literal text[start,end) with its quotes; the result is at most 3 times as long (bad
 * bytes become U+FFFD). */
static int decode(const struct json *j, uint32_t start, uint32_t end, char *out, size_t size,
	size_t *len)
{
	const char *p = j->text + start + 1, *stop = j->text + end - 1;
	size_t n = 0;

	while (p < stop) {
		uint32_t c;
		char bytes[4];
		p += next_char(p, stop, &c);
		size_t k = utf8_encode(c, bytes);
		if (n + k >= size) return -ENAMETOOLONG;
		memcpy(out + n, bytes, k);
		n += k;
	}
	if (n >= size) return -ENAMETOOLONG;
	out[n] = 0;
	if (len) *len = n;
	return 0;
}

int json_string(const struct json *j, const struct json_node *n, char *out, size_t size,
	size_t *len)
{
	if (!n || n->type != JSON_STRING) return -EINVAL;
	return decode(j, n->start, n->end, out, size, len);
}

char *json_strdup(const struct json *j, const struct json_node *n)
{
	if (!n || n->type != JSON_STRING) return NULL;
	size_t size = (size_t)(n->end - n->start) * 3 + 1;
	char *s = malloc(size);
	if (s && decode(j, n->start, n->end, s, size, NULL) < 0) {
		free(s);
		return NULL;
	}
	return s;
}

int json_key(const struct json *j, const struct json_node *n, char *out, size_t size)
{
	if (!n || n->key == n->key_end) return -EINVAL;
	return decode(j, n->key, n->key_end, out, size, NULL);
}

/* Go's folding for names in ASCII: besides the letters' case, U+017F is an s and U+212A a k. */
static uint32_t fold(uint32_t c)
{
	if (c >= 'A' && c <= 'Z') return c | 32;
	return c == 0x17f ? 's' : c == 0x212a ? 'k' : c;
}

/* Does the literal text[start,end) say these n bytes? */
static bool equals(const struct json *j, uint32_t start, uint32_t end, const char *s, size_t n,
	bool folded)
{
	const char *p = j->text + start + 1, *stop = j->text + end - 1, *want = s + n;

	while (p < stop && s < want) {
		uint32_t got, c;
		size_t k = utf8_decode(s, (size_t)(want - s), &c);
		if (!k) return false;
		p += next_char(p, stop, &got);
		if (got != c && (!folded || fold(got) != fold(c))) return false;
		s += k;
	}
	return p == stop && s == want;
}

static const struct json_node *get(const struct json *j, const struct json_node *object,
	const char *name, size_t n)
{
	const struct json_node *found = NULL;

	if (!object || object->type != JSON_OBJECT) return NULL;
	for (const struct json_node *m = json_first(j, object); m; m = json_next(j, m))
		if (equals(j, m->key, m->key_end, name, n, true)) found = m;
	return found;
}

const struct json_node *json_get(const struct json *j, const struct json_node *object,
	const char *name)
{
	return get(j, object, name, strlen(name));
}

const struct json_node *json_path(const struct json *j, const struct json_node *from,
	const char *path)
{
	while (from && *path) {
		size_t n = strcspn(path, ".");
		from = get(j, from, path, n);
		path += n + (path[n] == '.');
	}
	return from;
}

bool json_key_is(const struct json *j, const struct json_node *n, const char *name)
{
	return n && n->key != n->key_end && equals(j, n->key, n->key_end, name, strlen(name), true);
}

bool json_is(const struct json *j, const struct json_node *n, const char *string)
{
	return n && n->type == JSON_STRING &&
		equals(j, n->start, n->end, string, strlen(string), false);
}

bool json_true(const struct json *j, const struct json_node *n)
{
	return n && n->type == JSON_BOOL && j->text[n->start] == 't';
}

int json_int(const struct json *j, const struct json_node *n, int64_t *out)
{
	char digits_[24], *end;

	if (!n || n->type != JSON_NUMBER) return -EINVAL;
	for (uint32_t i = n->start; i < n->end; i++)
		if (!is_digit(j->text[i]) && j->text[i] != '-') return -EINVAL;
	size_t len = n->end - n->start;
	if (len >= sizeof digits_) return -ERANGE;
	memcpy(digits_, j->text + n->start, len);
	digits_[len] = 0;
	errno = 0;
	long long v = strtoll(digits_, &end, 10);
	if (errno) return -ERANGE;
	*out = v;
	return 0;
}
