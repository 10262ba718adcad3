/* Memory that is given back all at once: for trees of small things that live as long as one
 * request. The first of it lies in the struct itself, which so is best on the stack: a short
 * program then asks the kernel for nothing. */
#ifndef K3SBOX_ARENA_H
#define K3SBOX_ARENA_H

#include <stddef.h>

enum { ARENA_FIRST = 16384 };

struct arena {
	struct arena_block *blocks;   /* newest first; NULL: still in first */
	size_t used;                  /* of the newest, or of first */
	_Alignas(16) char first[ARENA_FIRST];
};

/* Zeroed, aligned for anything; dies when memory is out. */
void *arena_alloc(struct arena *a, size_t n) __attribute__((malloc, alloc_size(2)));
/* A copy with a NUL behind it. */
char *arena_copy(struct arena *a, const char *s, size_t n);
char *arena_printf(struct arena *a, const char *fmt, ...) __attribute__((format(printf, 2, 3)));
/* Zeroed is a good start; only the head needs it, not all of first. */
void arena_init(struct arena *a);
void arena_free(struct arena *a);
#define _cleanup_arena_ __attribute__((cleanup(arena_free)))

#endif
