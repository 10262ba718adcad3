/* The owner of each lease, without reading every lease: a table of (hash of the owner, address)
 * outside of the store.
 *
 * The table must not be used after another plugin has changed the store. Creating or removing a
 * file sets the directory's times. So after each of our changes, still under the lock, the
 * directory gets a random modification time in the past, and the table records it together with
 * the resulting change time. Every later creation or removal makes the times differ, even within
 * one tick of the kernel's clock, and then the leases are read again. Where the table cannot be
 * kept (no /run, times that cannot be set) every call reads the leases. */
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
	struct arena *arena;   /* memory of the table */
	int fd;                /* -1: no table can be kept */
	struct hl_table *t;    /* header and records as in the file; NULL: none yet */
	size_t n, cap;
	size_t dirty;          /* first record that is not in the file; SIZE_MAX: all are */
};

uint64_t hl_index_hash(const char *s, size_t n);

/* Opens the table of this directory and reads it; true if it is valid: for the directory as it
 * is, and of the boot that began at boot_time, with some tolerance for the two clocks. */
bool hl_index_open(struct hl_index *x, struct arena *a, int dir, int64_t boot_time);
void hl_index_clear(struct hl_index *x);
void hl_index_add(struct hl_index *x, uint64_t owner, const struct ip *ip);
void hl_index_remove(struct hl_index *x, const struct ip *ip);
/* The i-th record; NULL after the last. */
const struct hl_record *hl_index_at(const struct hl_index *x, size_t i);
/* Marks the directory and writes the table; any failure leaves an invalid table. */
void hl_index_commit(struct hl_index *x, int dir, int64_t boot_time);
void hl_index_close(struct hl_index *x);

#endif
