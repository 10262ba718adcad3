/* JSON as Go's encoding/json reads it, kept with its place in the text so that it can be edited in
 * place.
 *
 * Go's rules: RFC 8259 plus: nesting over 10000 refused, lone surrogates and bad UTF-8 become
 * U+FFFD, keys match exactly or case-insensitively and the last one that does wins, a BOM is
 * refused. Error texts are encoding/json's own ("invalid character 'b' looking for beginning of
 * object key string", "unexpected end of JSON input", "invalid character 'x' after top-level
 * value"), because CNI clients show them. */
#ifndef K3SBOX_JSON_H
#define K3SBOX_JSON_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct arena;
struct buf;

enum json_type { JSON_NULL, JSON_BOOL, JSON_NUMBER, JSON_STRING, JSON_ARRAY, JSON_OBJECT };

/* One value. Nodes live in one array in document order; links are indexes into it, 0 (the root)
 * meaning "none". */
struct json_node {
	enum json_type type;
	uint32_t start, end;       /* the value's bytes in the text: [start, end) */
	/* the key's literal with its quotes, if a member of an object; else key == key_end */
	uint32_t key, key_end;
	uint32_t next;             /* next member or element */
	uint32_t child;            /* first member or element */
	uint32_t count;            /* members or elements */
};

struct json {
	const char *text;          /* borrowed: must outlive this */
	size_t len;
	struct json_node *nodes;   /* [0] is the root */
	size_t n;
	struct arena *arena;       /* where the nodes lie; NULL: malloc(3) */
	char error[160];           /* after a failed parse: Go's message */
	size_t error_at;           /* byte offset of the offending character */
};

/* 0; -EBADMSG with .error set; -ENOMEM; -EFBIG above 64 MiB. json_free() is needed in every
 * case. */
int json_parse(struct json *j, const char *text, size_t len);
/* The same with nodes that live as long as the arena; json_free() is not needed. */
int json_parse_in(struct json *j, const char *text, size_t len, struct arena *a);
void json_free(struct json *j);
#define _cleanup_json_ __attribute__((cleanup(json_free)))

/* Member of an object by key: Go's matching (exact or case-insensitive, the last one in the text
 * that matches). NULL if node is NULL, no object, or has no such member: so look-ups can be chained
 * and checked once. */
const struct json_node *json_get(const struct json *j, const struct json_node *object,
	const char *key);

/* json_get() along a path of keys, "linux.resources.devices". */
const struct json_node *json_path(const struct json *j, const struct json_node *from,
	const char *path);

static inline const struct json_node *json_root(const struct json *j)
{
	return j->n ? j->nodes : NULL;
}

/* First / next member or element; NULL at the end (or for NULL). */
const struct json_node *json_first(const struct json *j, const struct json_node *n);
const struct json_node *json_next(const struct json *j, const struct json_node *n);

/* The string's value, decoded, into out (NUL-terminated; embedded NULs are kept: see *len if not
 * NULL). 0; -EINVAL if it is no string; -ENAMETOOLONG if it does not fit. */
int json_string(const struct json *j, const struct json_node *n, char *out, size_t size,
	size_t *len);
/* The same, allocated; NULL if it is no string. */
char *json_strdup(const struct json *j, const struct json_node *n);
/* The member's key, decoded. */
int json_key(const struct json *j, const struct json_node *n, char *out, size_t size);
/* equals this string? */
bool json_is(const struct json *j, const struct json_node *n, const char *string);
/* Is this the member for that name, by json_get()'s matching? For loops over members. */
bool json_key_is(const struct json *j, const struct json_node *n, const char *name);
bool json_true(const struct json *j, const struct json_node *n);
/* Integer value; -EINVAL if it is no number or has a fraction or exponent, -ERANGE if it does not
 * fit. */
int json_int(const struct json *j, const struct json_node *n, int64_t *out);

/* ---- editing in place: bytes that no edit covers stay as they are ---- */

enum json_edit_kind { JSON_EDIT_TEXT, JSON_EDIT_REMOVE, JSON_EDIT_APPEND };

/* One wish as it was given; what it means for the text is worked out when all are known. */
struct json_edit {
	enum json_edit_kind kind;
	uint32_t from, to;         /* JSON_EDIT_TEXT: replace text[from,to) */
	uint32_t parent, node;     /* node indexes, the others */
	char *text;
};

struct json_edits {
	const struct json *j;
	struct json_edit *v;
	size_t n;
};

void json_edit_replace(struct json_edits *e, const struct json_node *n, const char *text);
/* Removes a member or element with its comma. Removing any set of siblings, all of them too, leaves
 * valid JSON. */
void json_edit_remove(struct json_edits *e, const struct json_node *parent,
	const struct json_node *n);
/* Adds `"key": text` to an object, or text to an array (key NULL), as its last. May be combined
 * with removals in the same parent. */
void json_edit_append(struct json_edits *e, const struct json_node *parent, const char *key,
	const char *text);
/* Appends the edited document to out. 0; -EINVAL if edits overlap; -ENOMEM. */
int json_edit_apply(struct json_edits *e, struct buf *out);
void json_edits_free(struct json_edits *e);

#endif
