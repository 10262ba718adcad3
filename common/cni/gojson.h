/* Decodes JSON into C structs by tables, as encoding/json fills Go structs: members in the text's
 * order, with the same results for duplicates, null, embedded structs and reused elements, and the
 * same messages.
 *
 * Two generations of Go differ in how a type error names its field: 1.19 (Debian 12's plugins)
 * gives the names of the members, 1.24 and later those of embedded structs and of members inside
 * UnmarshalJSON too. */
#ifndef K3SBOX_GOJSON_H
#define K3SBOX_GOJSON_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/arena.h"
#include "base/json.h"
#include "cni/gotext.h"

enum go_kind {
	GO_STRING,    /* struct str */
	GO_INT,       /* int64_t */
	GO_BOOL,      /* bool */
	GO_STRUCT,
	GO_SLICE,     /* struct slice of .elem */
	GO_POINTER,   /* pointer to .elem */
	GO_OBJECT,    /* a map: const struct json_node *, which the caller reads */
	GO_TEXT,      /* has UnmarshalText: .text() */
	GO_JSON,      /* has UnmarshalJSON: .json() */
};

struct go_decoder;

struct go_type {
	enum go_kind kind;
	const char *name;              /* as reflect prints the type: "[]*types.Route" */
	const char *bare;              /* GO_STRUCT: name without package; "": none */
	size_t size;
	const struct go_type *elem;
	const struct go_field *fields; /* ends with a row without name */
	bool null_clears;              /* GO_TEXT: null sets it to zeros (slices) */
	/* Both return -1 after go_fail(). */
	int (*text)(struct go_decoder *d, void *value, const char *s, size_t n);
	int (*json)(struct go_decoder *d, void *value, const struct json_node *n);
};

struct go_field {
	const char *name;
	size_t offset;
	const struct go_type *type;
	const char *embedded;          /* the embedded struct that it belongs to */
	bool newer;                    /* unknown to the old generation */
};

/* A row of a field table: struct, name in JSON, member, type, other fields. */
#define GO_FIELD(s, n, member, ...) \
	{ .name = n, .offset = offsetof(struct s, member), .type = __VA_ARGS__ }

extern const struct go_type go_string, go_int, go_int_pointer, go_bool, go_strings, go_object;

/* Fills *out (zeroed by the caller) from the node; memory comes from the arena. old: words as of
 * Go 1.19. 0, or -EBADMSG with Go's message, which may have any length and contain NULs (hence
 * no struct err). */
int go_decode(const struct json *j, const struct json_node *n, const struct go_type *type,
	void *out, struct arena *a,
	bool old, struct str *message);

/* For .json(): decodes the node into another type, like a nested json.Unmarshal. */
int go_nested(struct go_decoder *d, const struct json_node *n, const struct go_type *type,
	void *out);
/* Fails with a message of its own; fmt has one %s, for the n bytes. Returns -1. */
int go_fail(struct go_decoder *d, const char *fmt, const char *s, size_t n);
struct arena *go_arena(struct go_decoder *d);

#endif
