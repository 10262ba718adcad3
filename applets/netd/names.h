/* Tables of things with a namespace and a name, as the Kubernetes API has them. Pure. */
#ifndef K3SBOX_NETD_NAMES_H
#define K3SBOX_NETD_NAMES_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* First member of what lies in a table. The names are its owner's. */
struct names_entry {
	struct names_entry *next;
	const char *namespace_, *name;
	uint32_t hash;
	bool seen;                 /* the owner's: for a sweep of what was not seen */
};

struct names_table {
	struct names_entry **v;    /* for free(3) */
	uint32_t size, n;          /* size: 0, or a power of two */
};

/* Names without a NUL at their end. NULL: there is none. */
struct names_entry *names_find(const struct names_table *t, const char *namespace_, size_t ns_n,
	const char *name, size_t n);
void names_add(struct names_table *t, struct names_entry *e);
void names_remove(struct names_table *t, struct names_entry *e);
/* Calls fn with each entry, which it may remove. */
void names_each(struct names_table *t, void (*fn)(void *arg, struct names_entry *e), void *arg);

/* s is the n bytes of t. */
bool names_is(const char *s, const char *t, size_t n);

/* A hash of bytes, begun with NAMES_HASH. Making collisions takes an administrator of the cluster,
 * from whose API all that is hashed comes. */
#define NAMES_HASH 2166136261u
uint32_t names_hash(uint32_t h, const void *p, size_t n);

#endif
