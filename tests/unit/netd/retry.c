/* Tries that fail, and when the next one is due. */
#include "netd/retry.h"

#include <errno.h>
#include <stdlib.h>

#include "unit.h"

static int tries, fail;

static int open_it(void *arg, const char *name, struct err *e)
{
	(void)e;
	tries++;
	return strcmp(name, arg) ? -EINVAL : fail;
}

static const struct retry_kind kind = { "port", open_it };

TEST(intervals_grow_to_a_limit)
{
	struct retry_time t = {0};
	int last = 0;

	for (int64_t now = 0; now < 1000000; now = t.at) {
		retry_failed(&t, now);
		CHECK(t.wait_ms > last || t.wait_ms == RETRY_MOST_MS);
		CHECK(t.at == now + t.wait_ms && t.wait_ms <= RETRY_MOST_MS);
		last = t.wait_ms;
	}
	CHECK(last == RETRY_MOST_MS);
}

TEST(what_failed_is_tried_again_until_it_succeeds)
{
	struct retries r = { .arg = "80" };

	fail = 0;
	retries_open(&r, &kind, "80", 1000);
	CHECK(tries == 1 && !r.n && retries_settle(&r, 1000) == -1);
	fail = -EADDRINUSE;
	retries_open(&r, &kind, "80", 1000);
	retries_open(&r, &kind, "81", 1100);
	CHECK(tries == 3 && r.n == 2);
	CHECK(retries_settle(&r, 1100) == RETRY_FIRST_MS - 100 && tries == 3);
	fail = 0;
	CHECK(retries_settle(&r, 1000 + RETRY_FIRST_MS) == 100 && tries == 4 && r.n == 1);
	CHECK(retries_settle(&r, 1100 + RETRY_FIRST_MS) == 2 * RETRY_FIRST_MS && r.n == 1);
	r.arg = "81";
	fail = 1;   /* no longer needed */
	CHECK(retries_settle(&r, 1000000) == -1 && !r.n);
	free(r.v);
}

UNIT_MAIN("retry")
