/* The YAML that configuration files here are written in: block mappings and sequences, plain and
 * quoted scalars, literal and folded blocks, flow collections. Every node knows its lines, so that
 * a file can be edited by lines and keep its comments. Anything else (complex keys, several
 * documents) is refused, never guessed; anchors and tags, too, where a file is to be edited. */
#ifndef K3SBOX_YAML_H
#define K3SBOX_YAML_H

#include <stddef.h>
#include <stdint.h>

/* YAML_UNKNOWN: a value that is not understood; only yaml_parse_partly() leaves one. */
enum yaml_type { YAML_NULL, YAML_SCALAR, YAML_MAP, YAML_SEQ, YAML_UNKNOWN };

struct yaml_node {
	enum yaml_type type;
	char *key;                 /* of a mapping's member, else NULL */
	char *value;               /* of a scalar */
	/* lines [line, end) it covers, its key or dash included; 0 is the first */
	uint32_t line, end;
	uint32_t indent;           /* column of its key, dash or first character */
	uint32_t flow;             /* 1: written as [ ] or { } */
	uint32_t next, child, count;   /* indexes into nodes; 0: none */
};

struct yaml {
	struct yaml_node *nodes;   /* [0] is the root */
	size_t n;
	/* after a failed parse, with the line's number; also of the first YAML_UNKNOWN */
	char error[120];
};

/* 0; -EBADMSG with .error set; -EFBIG over 4 MiB. An empty document is YAML_NULL. yaml_free() in
 * every case. */
int yaml_parse(struct yaml *y, const char *text, size_t len);
/* The same, for reading only: anchors, aliases and tags are understood, a key may occur twice, what
 * follows the first document is skipped, and in the outermost mapping a value that is not
 * understood costs its own key, not the file. */
int yaml_parse_partly(struct yaml *y, const char *text, size_t len);
void yaml_free(struct yaml *y);
#define _cleanup_yaml_ __attribute__((cleanup(yaml_free)))

/* Member of a mapping; NULL if there is none, or node is NULL or no mapping: look-ups can be
 * chained. */
const struct yaml_node *yaml_get(const struct yaml *y, const struct yaml_node *map,
	const char *key);
const struct yaml_node *yaml_first(const struct yaml *y, const struct yaml_node *n);
const struct yaml_node *yaml_next(const struct yaml *y, const struct yaml_node *n);
/* The scalar's text, or NULL. */
const char *yaml_str(const struct yaml_node *n);

static inline const struct yaml_node *yaml_root(const struct yaml *y)
{
	return y->n ? y->nodes : NULL;
}

#endif
