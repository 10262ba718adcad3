/* The journal: which steps were taken on this machine, so that they can be shown and undone. A
 * line a step, its key, a tab, and the value that its fact had; written before the step is
 * taken. Lines with a key that this version does not know are kept and counted, nothing else. */
#ifndef K3SBOX_PLAN_JOURNAL_H
#define K3SBOX_PLAN_JOURNAL_H

#include <stdbool.h>
#include <stddef.h>

#include "base/io.h"
#include "plan/rows.h"

#define JOURNAL_FILE K3SBOX_RUN "/journal"

struct journal_entry {
	const struct step_row *row;
	char *seen;                /* "" if the fact had no value */
};

struct journal {
	struct journal_entry *v;   /* in the order in which they were taken */
	size_t n;
	unsigned unknown;          /* lines of another version */
};

/* Pure. */
void journal_parse(struct journal *j, const char *text);
/* 0, also if there is none, or -errno with an empty journal. */
int journal_load(struct journal *j);
void journal_free(struct journal *j);
#define _cleanup_journal_ __attribute__((cleanup(journal_free)))

/* NULL if the step is not in it. */
const struct journal_entry *journal_find(const struct journal *j, const struct step_row *row);

/* Adds the step unless it is there. 0 or -errno. */
int journal_add(const struct step_row *row, const char *seen);

/* Removes the entries for which gone() says so. 0 or -errno. */
int journal_drop(bool (*gone)(const void *arg, const struct step_row *row), const void *arg);

#endif
