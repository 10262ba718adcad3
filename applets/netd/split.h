/* Cuts what the Kubernetes API answers into objects while it arrives, so that no more than one of
 * them is in memory. Two shapes: objects one behind the other (a watch), and one object with an
 * array `items` (a list). Pure; whether an object is valid JSON is for its reader to find out. */
#ifndef K3SBOX_NETD_SPLIT_H
#define K3SBOX_NETD_SPLIT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/buf.h"

enum { SPLIT_REST_MAX = 65536 };

struct split {
	bool list;                 /* the second shape */
	size_t max;                /* of an object, in bytes */
	/* Each object; text NULL: one of n bytes, which was too large. Negative ends it all. */
	int (*object)(void *arg, const char *text, size_t n);
	void *arg;
	struct buf rest;           /* a list without its items, once it is complete */
	/* own: */
	struct buf text;           /* the object so far */
	size_t seen;               /* its bytes */
	uint32_t depth;
	bool in_object, in_string, escaped, in_items;
	char key[8];               /* the last string directly in the list */
	uint8_t key_n;
};

void split_init(struct split *s, bool list, size_t max,
	int (*object)(void *arg, const char *text, size_t n), void *arg);
void split_free(struct split *s);

/* 0; -EBADMSG for what is no object; -EMSGSIZE for a list with too much beside its items; or the
 * error of object(). */
int split_feed(struct split *s, const char *p, size_t n);
/* Between two objects, or behind the end of the list? */
bool split_is_between(const struct split *s);

#endif
