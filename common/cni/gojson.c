/* The decoder behind go_decode(): a walk over the JSON text that fills structs by tables and
 * words its errors as encoding/json does. */
#include "cni/gojson.h"

#include <errno.h>
#include <string.h>

#include "base/buf.h"

const struct go_type go_string = { .kind = GO_STRING, .name = "string",
	.size = sizeof(struct str) };
const struct go_type go_int = { .kind = GO_INT, .name = "int", .size = sizeof(int64_t) };
const struct go_type go_bool = { .kind = GO_BOOL, .name = "bool", .size = sizeof(bool) };
const struct go_type go_int_pointer = { .kind = GO_POINTER, .name = "*int",
	.size = sizeof(int64_t *), .elem = &go_int };
const struct go_type go_strings = { .kind = GO_SLICE, .name = "[]string",
	.size = sizeof(struct slice), .elem = &go_string };
const struct go_type go_object = { .kind = GO_OBJECT, .name = "map[string]interface {}",
	.size = sizeof(struct json_node *) };

/* Either a message from go_fail(), or a type error, to which each decoder that it passes adds
 * its context. */
struct failure {
	struct str message;
	const char *value, *type;      /* type error: "number 5", "string" */
	const char *in, *field;        /* struct's name and path of the field; NULL: none */
};

struct go_decoder {
	const struct json *j;
	struct arena *a;
	bool old;
	const char *in;                /* innermost struct, NULL at the top */
	const char *path[16];          /* of fields; deeper than any table here nests */
	int depth;
	bool saved;                    /* first holds a type error, to be reported at the end */
	struct failure first, last;    /* last: the error that ended the decoding */
};

struct arena *go_arena(struct go_decoder *d)
{
	return d->a;
}

int go_fail(struct go_decoder *d, const char *fmt, const char *s, size_t n)
{
	struct buf b = {0};
	const char *at = strstr(fmt, "%s");

	buf_add(&b, fmt, (size_t)(at - fmt));
	buf_add(&b, s, n);
	buf_puts(&b, at + 2);
	d->last = (struct failure){ .message = { arena_copy(d->a, b.data, b.len), b.len } };
	buf_free(&b);
	return -1;
}

/* addErrorContext of encoding/json/decode.go. */
static struct failure in_context(const struct go_decoder *d, struct failure f)
{
	if (!f.type || !d->in) return f;
	struct buf b = {0};
	for (int i = 0; i < d->depth; i++) buf_printf(&b, "%s%s", i ? "." : "", d->path[i]);
	if (f.field && !d->old) buf_printf(&b, "%s%s", b.len ? "." : "", f.field);
	f.in = d->in;
	f.field = arena_copy(d->a, b.data ? b.data : "", b.len);
	buf_free(&b);
	return f;
}

static int mismatch(struct go_decoder *d, const char *value, const struct go_type *type)
{
	if (!d->saved)
		d->first = in_context(d, (struct failure){ .value = value, .type = type->name });
	d->saved = true;
	return 0;
}

/* What a type error calls the JSON value. */
static const char *kind_of(const struct json_node *n)
{
	static const char *const names[] = {
		[JSON_NULL] = "null", [JSON_BOOL] = "bool", [JSON_NUMBER] = "number",
		[JSON_STRING] = "string",
		[JSON_ARRAY] = "array", [JSON_OBJECT] = "object",
	};
	return names[n->type];
}

static struct str string_of(struct go_decoder *d, const struct json_node *n)
{
	size_t size = (size_t)(n->end - n->start) * 3 + 1, len = 0;
	char *s = arena_alloc(d->a, size);

	json_string(d->j, n, s, size, &len);
	return (struct str){ s, len };
}

static int value(struct go_decoder *d, const struct json_node *n, const struct go_type *type,
	char *v);

static int store_int(struct go_decoder *d, const struct json_node *n, const struct go_type *type,
	int64_t *v)
{
	int64_t i;

	if (n->type != JSON_NUMBER) return mismatch(d, kind_of(n), type);
	if (!json_int(d->j, n, &i)) {
		*v = i;
		return 0;
	}
	return mismatch(d, arena_printf(d->a, "number %.*s", (int)(n->end - n->start),
		d->j->text + n->start), type);
}

/* Existing elements are decoded into, not replaced, even those after the end of a shortened
 * slice. */
static int store_slice(struct go_decoder *d, const struct json_node *n, const struct go_type *type,
	struct slice *v)
{
	size_t i = 0, size = type->elem->size;

	for (const struct json_node *e = json_first(d->j, n); e; e = json_next(d->j, e), i++) {
		go_slice_reserve(d->a, v, i + 1, size);
		if (i >= v->n) v->n = i + 1;
		if (value(d, e, type->elem, (char *)v->v + i * size) < 0) return -1;
	}
	v->n = i;
	if (!i) *v = (struct slice){0};
	return 0;
}

static const struct go_field *field_for(struct go_decoder *d, const struct go_type *type,
	const struct json_node *m)
{
	for (const struct go_field *f = type->fields; f->name; f++)
		if (!(f->newer && d->old) && json_key_is(d->j, m, f->name)) return f;
	return NULL;
}

static int store_struct(struct go_decoder *d, const struct json_node *n, const struct go_type *type,
	char *v)
{
	const char *in = d->in;
	int depth = d->depth;

	for (const struct json_node *m = json_first(d->j, n); m; m = json_next(d->j, m)) {
		const struct go_field *f = field_for(d, type, m);
		if (!f) continue;
		if (f->embedded && !d->old) d->path[d->depth++] = f->embedded;
		d->path[d->depth++] = f->name;
		d->in = type->bare;
		/* the error keeps the context */
		if (value(d, m, f->type, v + f->offset) < 0) return -1;
		d->depth = depth;
		d->in = in;
	}
	return 0;
}

static int store_plain(struct go_decoder *d, const struct json_node *n, const struct go_type *type,
	char *v)
{
	static const enum json_type wanted[] = {
		[GO_STRING] = JSON_STRING, [GO_INT] = JSON_NUMBER, [GO_BOOL] = JSON_BOOL,
		[GO_STRUCT] = JSON_OBJECT,
		[GO_SLICE] = JSON_ARRAY, [GO_OBJECT] = JSON_OBJECT,
	};

	if (n->type == JSON_NULL) {
		if (type->kind == GO_SLICE || type->kind == GO_OBJECT) memset(v, 0, type->size);
		return 0;
	}
	if (n->type != wanted[type->kind]) return mismatch(d, kind_of(n), type);
	switch (type->kind) {
	case GO_STRING: *(struct str *)v = string_of(d, n); return 0;
	case GO_INT: return store_int(d, n, type, (int64_t *)v);
	case GO_BOOL: *(bool *)v = json_true(d->j, n); return 0;
	case GO_STRUCT: return store_struct(d, n, type, v);
	case GO_SLICE: return store_slice(d, n, type, (struct slice *)v);
	default: *(const struct json_node **)v = n; return 0;
	}
}

static int value(struct go_decoder *d, const struct json_node *n, const struct go_type *type,
	char *v)
{
	const struct go_type *outer = type;

	for (; type->kind == GO_POINTER; type = type->elem) {
		if (n->type == JSON_NULL) {
			*(void **)v = NULL;
			return 0;
		}
		if (!*(void **)v) *(void **)v = arena_alloc(d->a, type->elem->size);
		v = *(char **)v;
	}
	if (type->kind == GO_JSON) return type->json(d, v, n);
	if (type->kind != GO_TEXT) return store_plain(d, n, type, v);
	if (n->type == JSON_NULL) {
		if (type->null_clears) memset(v, 0, type->size);
		return 0;
	}
	if (n->type != JSON_STRING) return mismatch(d, kind_of(n), outer);
	struct str s = string_of(d, n);
	return type->text(d, v, s.s, s.n);
}

static int decode(struct go_decoder *d, const struct json_node *n, const struct go_type *type,
	void *out)
{
	if (value(d, n, type, out) < 0) d->last = in_context(d, d->last);
	else if (d->saved) d->last = d->first;
	else return 0;
	return -1;
}

int go_nested(struct go_decoder *d, const struct json_node *n, const struct go_type *type,
	void *out)
{
	struct go_decoder inner = { .j = d->j, .a = d->a, .old = d->old };
	if (!decode(&inner, n, type, out)) return 0;
	d->last = inner.last;
	return -1;
}

int go_decode(const struct json *j, const struct json_node *n, const struct go_type *type,
	void *out, struct arena *a,
	bool old, struct str *message)
{
	struct go_decoder d = { .j = j, .a = a, .old = old };

	if (!decode(&d, n, type, out)) return 0;
	const struct failure *f = &d.last;
	*message = f->message;
	if (f->type) {
		bool named = (f->in && *f->in) || (f->field && *f->field);
		message->s = named
			? arena_printf(a,
			"json: cannot unmarshal %s into Go struct field %s.%s of type %s", f->value,
				f->in, f->field, f->type)
			: arena_printf(a, "json: cannot unmarshal %s into Go value of type %s",
			f->value, f->type);
		message->n = strlen(message->s);
	}
	return -EBADMSG;
}
