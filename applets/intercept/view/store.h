/* Values of seeded sysctls as they were written. Those below net/ belong to a network namespace each.
 * Pure. */
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
	/* the kernel has the file but did not take the value: ours is shown from then on */
	bool real_refused;
};

struct store {
	struct store_value *v;
	size_t n;
};

/* NULL if nothing was written. */
struct store_value *store_find(const struct store *s, const struct seed *seed, uint64_t ns);

/* Takes what a write(2) brought: 0, -EINVAL or -EPERM as the kernel would say, -ENOSPC at STORE_MAX
 * namespaces, -ENOMEM. */
int store_write(struct store *s, const struct seed *seed, uint64_t ns, const char *data, size_t n,
	bool real_refused);

/* What a reader sees, with its line end; its length. */
size_t store_read(const struct store *s, const struct seed *seed, uint64_t ns, char *out, size_t size);

bool store_per_net(const struct seed *seed);

void store_free(struct store *s);

#endif
