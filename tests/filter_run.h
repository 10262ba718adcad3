/* Interprets a seccomp filter as the kernel would, for unit tests and fuzzers. */
#ifndef K3SBOX_TESTS_FILTER_RUN_H
#define K3SBOX_TESTS_FILTER_RUN_H

#include <linux/filter.h>
#include <linux/seccomp.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

static inline uint32_t filter_load(uint32_t k, unsigned arch, unsigned nr,
	const unsigned long long args[6])
{
	struct seccomp_data d = { .nr = (int)nr, .arch = arch };
	uint32_t v = 0;

	for (int i = 0; i < 6; i++) d.args[i] = args[i];
	if (k <= sizeof d - sizeof v) memcpy(&v, (char *)&d + k, sizeof v);
	return v;
}

static inline unsigned filter_run(const struct sock_filter *f, size_t n, unsigned arch, unsigned nr,
	const unsigned long long args[6])
{
	uint32_t a = 0;

	for (size_t pc = 0; pc < n; pc++) {
		const struct sock_filter *i = &f[pc];
		switch (i->code) {
		case BPF_LD | BPF_W | BPF_ABS: a = filter_load(i->k, arch, nr, args); break;
		case BPF_ALU | BPF_AND | BPF_K: a &= i->k; break;
		case BPF_JMP | BPF_JEQ | BPF_K: pc += a == i->k ? i->jt : i->jf; break;
		case BPF_JMP | BPF_JGE | BPF_K: pc += a >= i->k ? i->jt : i->jf; break;
		case BPF_RET | BPF_K: return i->k;
		default: return ~0u;
		}
	}
	return ~0u;   /* past its end: the kernel would not have accepted it */
}

#endif
