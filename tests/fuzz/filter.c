/* Fuzz target: any table makes a filter that does what the table says, for the numbers in it and
 * beside it. */
#include <linux/audit.h>
#include <linux/seccomp.h>
#include <stdint.h>
#include <stdlib.h>

#include "intercept/calls/filter.h"
#include "tests/filter_run.h"

enum { ROWS = 80 };

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static unsigned wanted(const struct syscall_rule *r, size_t row, const unsigned long long args[6])
{
	if (r->pass.mask && ((uint32_t)args[r->pass.arg] & r->pass.mask) == r->pass.value)
		return SECCOMP_RET_ALLOW;
	if (r->error && !r->pass.mask) return SECCOMP_RET_ERRNO | r->error;
	return SECCOMP_RET_TRACE | (unsigned)row;
}

static void check(const struct syscall_rule *rows, size_t n, unsigned features,
	const struct sock_filter *f, size_t len, unsigned nr,
	const unsigned long long args[6])
{
	unsigned want = SECCOMP_RET_ALLOW;

	for (size_t i = 0; i < n; i++)
		if (rows[i].nr == nr && rows[i].features & features & ~(unsigned)F_HOT)
			want = wanted(&rows[i], i, args);
	if (filter_run(f, len, AUDIT_ARCH_X86_64, nr, args) != want) abort();
	if (filter_run(f, len, AUDIT_ARCH_I386, nr, args) != SECCOMP_RET_ALLOW) abort();
	if (filter_run(f, len, AUDIT_ARCH_X86_64, nr | 0x40000000, args) != SECCOMP_RET_ALLOW)
		abort();
}

/* First byte: features; then eight bytes a row: number, features, argument test, errno. */
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct syscall_rule rows[ROWS];
	struct sock_filter f[FILTER_MAX];
	bool seen[512] = {0};
	size_t n = 0;

	if (!size) return 0;
	unsigned features = data[0];
	for (size_t at = 1; at + 8 <= size && n < ROWS; at += 8) {
		const uint8_t *p = data + at;
		uint16_t nr = (uint16_t)((p[0] | p[1] << 8) & 511);
		if (seen[nr]) continue;
		seen[nr] = true;
		rows[n++] = (struct syscall_rule){ .name = "x", .nr = nr, .features = p[2],
			.error = p[6] & 1 ? p[7] : 0,
			.pass = { p[3] % 6, p[4], p[5] & p[4] } };
	}
	size_t len = filter_make(rows, n, features, f);
	if (!len) return 0;
	unsigned long long args[6];
	for (int i = 0; i < 6; i++)
		args[i] = size > (size_t)i ? data[size - 1 - (size_t)i] * 0x0101010101010101ull : 0;
	for (unsigned nr = 0; nr < 520; nr++) check(rows, n, features, f, len, nr, args);
	return 0;
}
