/* What cannot be opened at the first try is tried again, at intervals that grow. The log tells the
 * first failure and the success, and nothing in between. */
#ifndef K3SBOX_NETD_RETRY_H
#define K3SBOX_NETD_RETRY_H

#include <stddef.h>
#include <stdint.h>

#include "base/err.h"

enum { RETRY_FIRST_MS = 250, RETRY_MOST_MS = 30000 };

/* When the next try is due; {0}: at once. */
struct retry_time {
	int64_t at;                /* monotonic ms */
	int wait_ms;               /* the last interval */
};

/* Pure. A try has failed. */
void retry_failed(struct retry_time *t, int64_t now);

struct retry_kind {
	const char *what;          /* in the log, before the name: "--expose" */
	/* 0; 1: it is no longer needed; or -errno, with the reason in e if errno does not tell. */
	int (*start)(void *arg, const char *name, struct err *e);
};

struct retry_entry {
	const struct retry_kind *kind;
	char *name;                /* malloc()ed */
	struct retry_time time;
};

struct retries {
	void *arg;                 /* of start() */
	struct retry_entry *v;
	size_t n, room;
};

/* Opens it, or keeps it for retries_settle(). */
void retries_open(struct retries *r, const struct retry_kind *kind, const char *name, int64_t now);
/* After each batch. Milliseconds until it must be called again; -1: no need. */
int retries_settle(struct retries *r, int64_t now);

#endif
