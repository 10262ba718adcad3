/* The seccomp filter that is made from the table of rules. Pure. */
#ifndef K3SBOX_FILTER_H
#define K3SBOX_FILTER_H

#include <linux/filter.h>
#include <stdbool.h>
#include <stddef.h>

#include "base/buf.h"
#include "intercept/calls/rules.h"

enum { FILTER_MAX = 256 };

/* Writes the program for the rows that these features need: all other calls, and those of other
 * architectures, are allowed; a row's call stops with the index of the row as data. It is a binary
 * search over the numbers, so that each call takes about the same number of steps (gVisor runs the
 * program for 2,001 numbers at each clone). Returns its length; 0: it does not fit. */
size_t filter_make(const struct syscall_rule *rows, size_t n, unsigned features,
	struct sock_filter out[FILTER_MAX]);

/* One line per instruction. */
void filter_dump(const struct sock_filter *f, size_t n, const struct syscall_rule *rows,
	struct buf *out);

#endif
