/* Whose lease is where, without reading every lease: a table of (hash of the owner, address) outside the
 * store.
 *
 * * It must never be believed when the other plugin has changed the store. Creating or removing a file
 * sets the folder's times; so after each change of ours, still under the lock, the folder gets a
 * modification time of our choice, in the past and odd to the nanosecond, and the table notes it with the
 * change time that this gave. Whatever is created or removed later makes them differ, even within one tick
 * of the kernel's clock, and then the leases are read again. Where the table cannot be kept (no /run,
 * times that cannot be set) every call reads the leases. */
#ifndef K3SBOX_HOST_LOCAL_INDEX_H
#define K3SBOX_HOST_LOCAL_INDEX_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "net/ip.h"

struct hl_record {
	uint64_t owner;        /* hl_index_hash() of the lease's content */
	struct ip ip;
	uint8_t pad[7];
};

struct arena;
struct hl_table;

struct hl_index {
	struct arena *arena;   /* where the table lies */
	int fd;                /* -1: none can be kept */
	struct hl_table *t;    /* as it is in the file: header and records; NULL until there is one */
	size_t n, cap;
	size_t dirty;          /* first record that the file does not have; SIZE_MAX: all written */
};

uint64_t hl_index_hash(const char *s, size_t n);

/* Opens the table of this folder and reads it; true if it is to be believed. It is of no boot but the one
 * that began at boot_time, give or take a clock's trembling. */
bool hl_index_open(struct hl_index *x, struct arena *a, int dir, int64_t boot_time);
void hl_index_clear(struct hl_index *x);
void hl_index_add(struct hl_index *x, uint64_t owner, const struct ip *ip);
void hl_index_remove(struct hl_index *x, const struct ip *ip);
/* The i-th record, NULL behind the last. */
const struct hl_record *hl_index_at(const struct hl_index *x, size_t i);
/* Marks the folder and writes the table; whatever fails leaves a table that will not be believed. */
void hl_index_commit(struct hl_index *x, int dir, int64_t boot_time);
void hl_index_close(struct hl_index *x);

#endif
