/* Memory that is freed all at once. */
#include "base/arena.h"

#include <stdalign.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/die.h"

struct arena_block {
	struct arena_block *older;
	size_t size;
	alignas(max_align_t) char data[];
};

void arena_init(struct arena *a)
{
	a->blocks = NULL;
	a->used = 0;
}

void *arena_alloc(struct arena *a, size_t n)
{
	enum { BLOCK = 16000, ALIGN = alignof(max_align_t) };

	if (n > (size_t)-1 / 2) die(EX_SYS, "out of memory (%zu bytes)", n);
	n = (n + ALIGN - 1) / ALIGN * ALIGN;
	if ((a->blocks ? a->blocks->size : ARENA_FIRST) - a->used < n) {
		size_t size = n > BLOCK ? n : BLOCK;
		struct arena_block *b = xmalloc(sizeof *b + size);
		b->older = a->blocks;
		b->size = size;
		a->blocks = b;
		a->used = 0;
	}
	void *p = (a->blocks ? a->blocks->data : a->first) + a->used;
	a->used += n;
	return memset(p, 0, n);
}

char *arena_copy(struct arena *a, const char *s, size_t n)
{
	char *p = arena_alloc(a, n + 1);
	if (n) memcpy(p, s, n);
	return p;
}

char *arena_printf(struct arena *a, const char *fmt, ...)
{
	va_list ap, again;

	va_start(ap, fmt);
	va_copy(again, ap);
	int n = vsnprintf(NULL, 0, fmt, ap);
	if (n < 0) die(EX_SYS, "out of memory");
	char *p = arena_alloc(a, (size_t)n + 1);
	vsnprintf(p, (size_t)n + 1, fmt, again);
	va_end(again);
	va_end(ap);
	return p;
}

void arena_free(struct arena *a)
{
	while (a->blocks) {
		struct arena_block *older = a->blocks->older;
		free(a->blocks);
		a->blocks = older;
	}
	a->used = 0;
}
