/* Intervals between tries, and the list of what is still to be opened. */
#include "netd/retry.h"

#include <stdlib.h>

#include "base/die.h"

void retry_failed(struct retry_time *t, int64_t now)
{
	t->wait_ms = t->wait_ms ? t->wait_ms * 2 : RETRY_FIRST_MS;
	if (t->wait_ms > RETRY_MOST_MS) t->wait_ms = RETRY_MOST_MS;
	t->at = now + t->wait_ms;
}

void retries_open(struct retries *r, const struct retry_kind *kind, const char *name, int64_t now)
{
	struct retry_entry entry = { .kind = kind };
	struct err e = {0};
	int k = kind->start(r->arg, name, &e);

	if (k >= 0) return;
	if (!*e.text) err_errno(&e, k, "%s %s", kind->what, name);
	warn("%s; trying again", e.text);
	if (r->n == r->room) {
		r->room = r->room ? r->room * 2 : 8;
		r->v = xrealloc(r->v, r->room * sizeof *r->v);
	}
	entry.name = xstrdup(name);
	retry_failed(&entry.time, now);
	r->v[r->n++] = entry;
}

int retries_settle(struct retries *r, int64_t now)
{
	int64_t next = INT64_MAX;

	for (size_t i = 0; i < r->n;) {
		struct retry_entry *x = &r->v[i];
		int k = x->time.at > now ? -1 : x->kind->start(r->arg, x->name, NULL);
		if (k < 0) {
			if (x->time.at <= now) retry_failed(&x->time, now);
			if (x->time.at < next) next = x->time.at;
			i++;
			continue;
		}
		if (!k) warn("%s %s: open now", x->kind->what, x->name);
		free(x->name);
		*x = r->v[--r->n];
	}
	return r->n ? (int)(next - now) : -1;
}
