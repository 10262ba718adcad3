/* Values that were written to seeded sysctls. Those below net/ belong to one network namespace
 * each. Pure. */
#ifndef K3SBOX_STORE_H
#define K3SBOX_STORE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "plan/seeds.h"

enum { STORE_VALUE = 64, STORE_MAX = 4096 };

struct store_value {
	const struct seed *seed;
	uint64_t ns;             /* 0 for those outside net/ */
	char value[STORE_VALUE]; /* without line end */
	/* The kernel has the file but refused the value: from then on this one is shown. */
	bool real_refused;
};

struct store {
	struct store_value *v;
	size_t n;
};

/* NULL: nothing was written. */
struct store_value *store_find(const struct store *s, const struct seed *seed, uint64_t ns);

/* Takes the data of a write(2): 0; -EINVAL or -EPERM, as the kernel would; -ENOSPC when STORE_MAX
 * values are kept; -ENOMEM. */
int store_write(struct store *s, const struct seed *seed, uint64_t ns, const char *data, size_t n,
	bool real_refused);

/* What a reader sees, with its line end. Returns its length. */
size_t store_read(const struct store *s, const struct seed *seed, uint64_t ns, char *out,
	size_t size);

/* Does the value belong to one network namespace? */
bool store_per_net(const struct seed *seed);

void store_free(struct store *s);

#endif
