/* The filter against the table that it is made from: every number, both architectures, every set of
 * features. */
#include <linux/audit.h>
#include <linux/seccomp.h>
#include <stdint.h>

#include "intercept/calls/filter.h"
#include "tests/filter_run.h"
#include "unit.h"

static unsigned long long no_args[6];

static const struct syscall_rule *row_of(unsigned nr, unsigned features)
{
	for (size_t i = 0; i < syscall_rule_count; i++)
		if (syscall_rules[i].nr == nr && syscall_rules[i].features & features)
			return &syscall_rules[i];
	return NULL;
}

static bool right(const struct sock_filter *f, size_t n, unsigned nr, unsigned features)
{
	const struct syscall_rule *r = row_of(nr, features);
	bool passes = !r || (r->pass.mask && !r->pass.value);   /* for all arguments are zero */
	unsigned want = passes ? SECCOMP_RET_ALLOW : r->error ? SECCOMP_RET_ERRNO | r->error
		: SECCOMP_RET_TRACE | (unsigned)(r - syscall_rules);
	return filter_run(f, n, AUDIT_ARCH_X86_64, nr, no_args) == want
		&& filter_run(f, n, AUDIT_ARCH_I386, nr, no_args) == SECCOMP_RET_ALLOW;
}

TEST(every_number_and_feature_set)
{
	struct sock_filter f[FILTER_MAX];

	for (unsigned features = 0; features < F_HOT; features++) {
		size_t n = filter_make(syscall_rules, syscall_rule_count, features, f);
		CHECK(n > 0);
		/* each number up to past the last row, its x32 twin, and -1 */
		for (unsigned nr = 0; nr < 520; nr++) {
			CHECK(right(f, n, nr, features));
			CHECK(filter_run(f, n, AUDIT_ARCH_X86_64, nr | 0x40000000,
				no_args) == SECCOMP_RET_ALLOW);
		}
		CHECK(filter_run(f, n, AUDIT_ARCH_X86_64, ~0u, no_args) == SECCOMP_RET_ALLOW);
	}
}

TEST(arguments_that_rule_a_match_out)
{
	struct sock_filter f[FILTER_MAX];
	size_t n = filter_make(syscall_rules, syscall_rule_count, F_PATH, f);

	for (size_t i = 0; i < syscall_rule_count; i++) {
		const struct syscall_rule *r = &syscall_rules[i];
		unsigned long long args[6] = {0};
		if (!r->pass.mask || !(r->features & F_PATH)) continue;
		/* the upper half does not count: flags are ints */
		args[r->pass.arg] = r->pass.value | 0xff00000000ull;
		CHECK(filter_run(f, n, AUDIT_ARCH_X86_64, r->nr, args) == SECCOMP_RET_ALLOW);
		args[r->pass.arg] = 0;
		CHECK(filter_run(f, n, AUDIT_ARCH_X86_64, r->nr, args) == (SECCOMP_RET_TRACE | i));
	}
}

TEST(few_steps_for_any_call)
{
	struct sock_filter f[FILTER_MAX];
	size_t n = filter_make(syscall_rules, syscall_rule_count, ~0u, f);

	CHECK(n > 0 && n < 170);   /* gVisor runs it for 2,001 numbers at each clone */
}

TEST(jumps_stay_inside)
{
	struct sock_filter f[FILTER_MAX];
	size_t n = filter_make(syscall_rules, syscall_rule_count, ~0u, f);

	for (size_t i = 0; i < n; i++)
		if (BPF_CLASS(f[i].code) == BPF_JMP)
			CHECK(i + 1 + f[i].jt < n && i + 1 + f[i].jf < n);
	CHECK(BPF_CLASS(f[n - 1].code) == BPF_RET);
}

TEST(too_many_rows_is_said)
{
	static struct syscall_rule many[200];
	struct sock_filter f[FILTER_MAX];

	for (size_t i = 0; i < 200; i++)
		many[i] = (struct syscall_rule){ .nr = (uint16_t)(i * 2), .features = F_PATH };
	CHECK(filter_make(many, 200, F_PATH, f) == 0);
	CHECK(filter_make(many, 60, F_PATH, f) > 0);
}

TEST(one_row_per_number)
{
	for (size_t i = 0; i < syscall_rule_count; i++) {
		CHECK(syscall_rules[i].nr < 512 && syscall_rules[i].why
			&& syscall_rules[i].features);
		CHECK(syscall_rules[i].enter || syscall_rules[i].exit || syscall_rules[i].error);
		CHECK(syscall_rule_find(syscall_rules[i].nr,
			syscall_rules[i].features) == &syscall_rules[i]);
		for (size_t j = 0; j < i; j++) CHECK(syscall_rules[j].nr != syscall_rules[i].nr);
	}
	CHECK(!syscall_rule_find(-1, ~0u) && !syscall_rule_find(1 << 20, ~0u)
		&& !syscall_rule_find(syscall_rules[0].nr, 0));
}

UNIT_MAIN("filter")
