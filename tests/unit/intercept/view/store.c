#include <errno.h>

#include "intercept/view/store.h"
#include "unit.h"

static const char *value(const struct store *s, const struct seed *seed, uint64_t ns)
{
	static char out[STORE_VALUE + 2];
	out[store_read(s, seed, ns, out, sizeof out)] = 0;
	return out;
}

static int put(struct store *s, const struct seed *seed, uint64_t ns, const char *text)
{
	return store_write(s, seed, ns, text, strlen(text), false);
}

TEST(written_and_read)
{
	struct store s = {0};
	const struct seed *oom = seed_find("vm/panic_on_oom"),
		*cap = seed_find("kernel/cap_last_cap");

	CHECK_STR(value(&s, oom, 1), "0\n");
	CHECK(put(&s, oom, 1, "2\n") == 0);
	CHECK_STR(value(&s, oom, 7), "2\n");   /* one for all namespaces */
	CHECK(put(&s, oom, 1, "3") == -EINVAL && put(&s, oom, 1, "") == -EINVAL
		&& put(&s, oom, 1, "x") == -EINVAL);
	CHECK_STR(value(&s, oom, 1), "2\n");
	CHECK(put(&s, oom, 1, "  1 \n") == 0);
	CHECK_STR(value(&s, oom, 1), "1\n");
	CHECK(put(&s, cap, 1, "3") == -EPERM);
	store_free(&s);
}

TEST(network_namespaces)
{
	struct store s = {0};
	const struct seed *port = seed_find("net/ipv4/ip_unprivileged_port_start");

	for (uint64_t ns = 1; ns <= 40; ns++) {
		char text[16];
		snprintf(text, sizeof text, "%d", (int)ns);
		CHECK(put(&s, port, ns, text) == 0);
	}
	CHECK_STR(value(&s, port, 17), "17\n");
	CHECK_STR(value(&s, port, 99), "0\n");
	CHECK(s.n == 40);
	CHECK(put(&s, port, 17, "80") == 0 && s.n == 40);
	CHECK_STR(value(&s, port, 17), "80\n");
	store_free(&s);
}

TEST(it_does_not_grow_for_ever)
{
	struct store s = {0};
	const struct seed *port = seed_find("net/ipv4/ip_unprivileged_port_start");
	int r = 0;

	for (uint64_t ns = 1; ns <= STORE_MAX + 5; ns++) r = put(&s, port, ns, "1");
	CHECK(r == -ENOSPC && s.n == STORE_MAX);
	store_free(&s);
}

TEST(several_numbers)
{
	struct store s = {0};
	const struct seed *range = seed_find("net/ipv4/ping_group_range");

	CHECK(put(&s, range, 1, "0 2147483647") == 0);
	CHECK_STR(value(&s, range, 1), "0\t2147483647\n");
	store_free(&s);
}

UNIT_MAIN("store")
