/* Counts brackets outside of strings; everything else is left to json.c. */
#include "netd/split.h"

#include <errno.h>
#include <string.h>

enum { KEEP = 65536 };   /* a buffer that was larger than that is given back */

void split_init(struct split *s, bool list, size_t max,
	int (*object)(void *arg, const char *text, size_t n), void *arg)
{
	*s = (struct split){ .list = list, .max = max, .object = object, .arg = arg };
}

void split_free(struct split *s)
{
	buf_free(&s->rest);
	buf_free(&s->text);
}

bool split_is_between(const struct split *s)
{
	return !s->depth && !s->in_string;
}

/* Depth at which objects begin. */
static uint32_t level(const struct split *s)
{
	return s->list ? 2 : 0;
}

static bool is_space(char c)
{
	return c == ' ' || c == '\n' || c == '\r' || c == '\t';
}

/* Bytes of the object, or of what is around it. */
static int keep(struct split *s, const char *p, size_t n)
{
	if (s->in_object) {
		s->seen += n;
		if (s->seen <= s->max) buf_add(&s->text, p, n);
		return s->text.failed ? -ENOMEM : 0;
	}
	if (!s->list || s->in_items) return 0;
	if (s->rest.len + n > SPLIT_REST_MAX) return -EMSGSIZE;
	buf_add(&s->rest, p, n);
	return s->rest.failed ? -ENOMEM : 0;
}

static int end_object(struct split *s)
{
	bool large = s->seen > s->max;

	s->in_object = false;
	int r = s->object(s->arg, large ? NULL : s->text.data, s->seen);
	if (s->text.cap > KEEP) buf_free(&s->text);
	else buf_reset(&s->text);
	s->seen = 0;
	return r;
}

/* c comes after all that keep() was given: where an object begins or ends. */
static int bracket(struct split *s, char c)
{
	bool opens = c == '{' || c == '[';
	int r = 0;

	if (opens) {
		bool items = s->list && s->depth == 1 && c == '[' && s->key_n == 5 &&
			!memcmp(s->key, "items", 5);
		if (s->depth == level(s) && (!s->list || s->in_items)) {
			if (c != '{') return -EBADMSG;
			s->in_object = true;
		}
		r = keep(s, &c, 1);
		s->depth++;
		s->in_items |= items;
		return r;
	}
	if (!s->depth--) return -EBADMSG;
	if (s->in_items && s->depth == 1) s->in_items = false;
	r = keep(s, &c, 1);
	return !r && s->in_object && s->depth == level(s) ? end_object(s) : r;
}

/* A byte in a string. */
static void in_string(struct split *s, char c)
{
	if (s->escaped) {
		s->escaped = false;
	} else if (c == '\\') {
		s->escaped = true;
	} else if (c == '"') {
		s->in_string = false;
		return;
	}
	if (s->depth == 1 && s->key_n < sizeof s->key) s->key[s->key_n++] = c;
}

static bool is_special(const struct split *s, char c)
{
	return !s->in_string && (c == '{' || c == '}' || c == '[' || c == ']');
}

int split_feed(struct split *s, const char *p, size_t n)
{
	size_t from = 0;
	int r;

	for (size_t i = 0; i < n; i++) {
		if (s->in_string) {
			in_string(s, p[i]);
		} else if (p[i] == '"') {
			s->in_string = true;
			s->key_n = 0;
			if (!s->depth) return -EBADMSG;
		} else if (is_special(s, p[i])) {
			if ((r = keep(s, p + from, i - from)) < 0) return r;
			if ((r = bracket(s, p[i])) < 0) return r;
			from = i + 1;
		} else if (!s->depth && !is_space(p[i])) {
			return -EBADMSG;
		}
	}
	return keep(s, p + from, n - from);
}
