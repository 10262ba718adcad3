/* rules[] → seccomp filter. Pure. */
#ifndef K3SBOX_FILTER_H
#define K3SBOX_FILTER_H

#include <linux/filter.h>
#include <stdbool.h>
#include <stddef.h>

#include "base/buf.h"
#include "intercept/calls/rules.h"

enum { FILTER_MAX = 256 };

/* Writes the program for the rows of these features: foreign architectures and all other calls are
 * allowed, a row's call stops with the row's index as data. A binary search over the numbers, so that a
 * call costs the same few steps whatever its number (gVisor runs the program for 2,001 numbers at each
 * clone). Returns its length; 0 if it does not fit. */
size_t filter_make(const struct rule *rows, size_t n, unsigned features, struct sock_filter out[FILTER_MAX]);

/* Interprets it, as the kernel would, for one call; the filter's return value. For tests and fuzzing. */
unsigned filter_run(const struct sock_filter *f, size_t n, unsigned arch, unsigned nr,
	const unsigned long long args[6]);

/* One line per instruction. */
void filter_dump(const struct sock_filter *f, size_t n, const struct rule *rows, struct buf *out);

#endif
