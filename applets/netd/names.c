/* Chained hash tables whose keys lie in the entries. */
#include "netd/names.h"

#include <stdlib.h>
#include <string.h>

#include "base/die.h"

/* FNV-1a. */
uint32_t names_hash(uint32_t h, const void *p, size_t n)
{
	for (const unsigned char *c = p; n--; c++) h = (h ^ *c) * 16777619u;
	return h;
}

static uint32_t hash_name(const char *namespace_, size_t ns_n, const char *name, size_t n)
{
	uint32_t h = names_hash(NAMES_HASH, namespace_, ns_n);
	return names_hash(names_hash(h, "/", 1), name, n);
}

bool names_is(const char *s, const char *t, size_t n)
{
	return !strncmp(s, t, n) && !s[n];
}

struct names_entry *names_find(const struct names_table *t, const char *namespace_,
	size_t ns_n, const char *name, size_t n)
{
	uint32_t h = hash_name(namespace_, ns_n, name, n);

	for (struct names_entry *e = t->size ? t->v[h & (t->size - 1)] : NULL; e; e = e->next)
		if (e->hash == h && names_is(e->namespace_, namespace_, ns_n) &&
			names_is(e->name, name, n))
			return e;
	return NULL;
}

static void link_entry(struct names_table *t, struct names_entry *e)
{
	struct names_entry **at = &t->v[e->hash & (t->size - 1)];

	e->next = *at;
	*at = e;
}

static void grow(struct names_table *t)
{
	struct names_table old = *t;

	t->size = old.size ? old.size * 2 : 64;
	t->v = xcalloc(t->size, sizeof *t->v);
	for (uint32_t i = 0; i < old.size; i++)
		for (struct names_entry *e = old.v[i], *next; e; e = next) {
			next = e->next;
			link_entry(t, e);
		}
	free(old.v);
}

void names_add(struct names_table *t, struct names_entry *e)
{
	if (t->n >= t->size) grow(t);
	e->hash = hash_name(e->namespace_, strlen(e->namespace_), e->name, strlen(e->name));
	link_entry(t, e);
	t->n++;
}

void names_remove(struct names_table *t, struct names_entry *e)
{
	struct names_entry **at = &t->v[e->hash & (t->size - 1)];

	while (*at != e) at = &(*at)->next;
	*at = e->next;
	t->n--;
}

void names_each(struct names_table *t, void (*fn)(void *arg, struct names_entry *e),
	void *arg)
{
	for (uint32_t i = 0; i < t->size; i++)
		for (struct names_entry *e = t->v[i], *next; e; e = next) {
			next = e->next;
			fn(arg, e);
		}
}
