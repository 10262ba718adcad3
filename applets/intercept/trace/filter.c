#include "intercept/trace/filter.h"

#include <linux/seccomp.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "intercept/trace/arch_x86_64.h"

#define NR offsetof(struct seccomp_data, nr)
#define ARCH offsetof(struct seccomp_data, arch)
#define ARG_LOW(i) (offsetof(struct seccomp_data, args) + 8 * (i))   /* little-endian: the low half comes first */

struct gen {
	struct sock_filter *out;
	size_t n;
	bool full;
	const struct rule *rows;
	const uint16_t *by_nr;    /* row indexes, sorted by number */
};

static size_t emit(struct gen *g, uint16_t code, uint32_t k, uint8_t jt, uint8_t jf)
{
	if (g->n == FILTER_MAX) {
		g->full = true;
		return 0;
	}
	g->out[g->n] = (struct sock_filter){ .code = code, .k = k, .jt = jt, .jf = jf };
	return g->n++;
}

/* A forward branch whose distance is known only now. */
static void land(struct gen *g, size_t from, bool if_true)
{
	size_t distance = g->n - from - 1;
	if (distance > 255) g->full = true;
	else if (if_true) g->out[from].jt = (uint8_t)distance;
	else g->out[from].jf = (uint8_t)distance;
}

static void allow(struct gen *g)
{
	emit(g, BPF_RET | BPF_K, SECCOMP_RET_ALLOW, 0, 0);
}

/* The number is this row's: its argument test, then the verdict. */
static void leaf_hit(struct gen *g, uint16_t row)
{
	const struct rule *r = &g->rows[row];

	if (r->pass.mask) {
		emit(g, BPF_LD | BPF_W | BPF_ABS, ARG_LOW(r->pass.arg), 0, 0);
		emit(g, BPF_ALU | BPF_AND | BPF_K, r->pass.mask, 0, 0);
		size_t test = emit(g, BPF_JMP | BPF_JEQ | BPF_K, r->pass.value, 0, 0);
		emit(g, BPF_RET | BPF_K, SECCOMP_RET_TRACE | row, 0, 0);
		land(g, test, true);
		allow(g);
	} else if (r->error) {
		emit(g, BPF_RET | BPF_K, SECCOMP_RET_ERRNO | r->error, 0, 0);
	} else {
		emit(g, BPF_RET | BPF_K, SECCOMP_RET_TRACE | row, 0, 0);
	}
}

/* Rows by_nr[lo, hi). */
static void search(struct gen *g, size_t lo, size_t hi)
{
	if (g->full) return;
	if (hi - lo == 1) {
		size_t test = emit(g, BPF_JMP | BPF_JEQ | BPF_K, g->rows[g->by_nr[lo]].nr, 0, 0);
		leaf_hit(g, g->by_nr[lo]);
		land(g, test, false);
		allow(g);
		return;
	}
	size_t mid = lo + (hi - lo) / 2;
	size_t test = emit(g, BPF_JMP | BPF_JGE | BPF_K, g->rows[g->by_nr[mid]].nr, 0, 0);
	search(g, lo, mid);
	if (g->full) return;
	land(g, test, true);
	search(g, mid, hi);
}

/* Insertion sort: some forty rows. */
static size_t select_rows(const struct rule *rows, size_t n, unsigned features, uint16_t by_nr[FILTER_MAX])
{
	size_t used = 0;
	for (size_t i = 0; i < n && used < FILTER_MAX; i++) {
		if (!(rows[i].features & features & ~(unsigned)F_HOT)) continue;
		size_t at = used++;
		for (; at && rows[by_nr[at - 1]].nr > rows[i].nr; at--) by_nr[at] = by_nr[at - 1];
		by_nr[at] = (uint16_t)i;
	}
	return used;
}

size_t filter_make(const struct rule *rows, size_t n, unsigned features, struct sock_filter out[FILTER_MAX])
{
	uint16_t by_nr[FILTER_MAX];
	struct gen g = { .out = out, .rows = rows, .by_nr = by_nr };
	size_t used = select_rows(rows, n, features, by_nr);

	/* Numbers beyond the last row's are settled first: gVisor tries 2,001 of them at each clone, and
	 * most lie there. */
	emit(&g, BPF_LD | BPF_W | BPF_ABS, NR, 0, 0);
	emit(&g, BPF_JMP | BPF_JGE | BPF_K, used ? rows[by_nr[used - 1]].nr + 1u : 0, 2, 0);
	emit(&g, BPF_LD | BPF_W | BPF_ABS, ARCH, 0, 0);
	emit(&g, BPF_JMP | BPF_JEQ | BPF_K, ARCH_AUDIT, 1, 0);
	allow(&g);
	emit(&g, BPF_LD | BPF_W | BPF_ABS, NR, 0, 0);
	if (used) search(&g, 0, used);
	else allow(&g);
	return g.full ? 0 : g.n;
}

static uint32_t load(uint32_t k, unsigned arch, unsigned nr, const unsigned long long args[6])
{
	struct seccomp_data d = { .nr = (int)nr, .arch = arch };
	uint32_t v = 0;

	for (int i = 0; i < 6; i++) d.args[i] = args[i];
	if (k <= sizeof d - sizeof v) memcpy(&v, (char *)&d + k, sizeof v);
	return v;
}

unsigned filter_run(const struct sock_filter *f, size_t n, unsigned arch, unsigned nr,
	const unsigned long long args[6])
{
	uint32_t a = 0;

	for (size_t pc = 0; pc < n; pc++) {
		const struct sock_filter *i = &f[pc];
		switch (i->code) {
		case BPF_LD | BPF_W | BPF_ABS: a = load(i->k, arch, nr, args); break;
		case BPF_ALU | BPF_AND | BPF_K: a &= i->k; break;
		case BPF_JMP | BPF_JEQ | BPF_K: pc += a == i->k ? i->jt : i->jf; break;
		case BPF_JMP | BPF_JGE | BPF_K: pc += a >= i->k ? i->jt : i->jf; break;
		case BPF_RET | BPF_K: return i->k;
		default: return ~0u;
		}
	}
	return ~0u;   /* fell off its end: the kernel would not have taken it */
}

static void dump_ret(uint32_t k, const struct rule *rows, struct buf *out)
{
	uint32_t data = k & SECCOMP_RET_DATA;

	switch (k & SECCOMP_RET_ACTION_FULL) {
	case SECCOMP_RET_ALLOW: buf_puts(out, "ret ALLOW\n"); break;
	case SECCOMP_RET_ERRNO: buf_printf(out, "ret ERRNO %u\n", data); break;
	default: buf_printf(out, "ret TRACE %u (%s)\n", data, rows[data].name);
	}
}

void filter_dump(const struct sock_filter *f, size_t n, const struct rule *rows, struct buf *out)
{
	for (size_t pc = 0; pc < n; pc++) {
		const struct sock_filter *i = &f[pc];
		buf_printf(out, "%3zu  ", pc);
		switch (i->code) {
		case BPF_LD | BPF_W | BPF_ABS:
			buf_printf(out, "ld %s\n", i->k == NR ? "nr" : i->k == ARCH ? "arch" : "arg");
			break;
		case BPF_ALU | BPF_AND | BPF_K: buf_printf(out, "and %#x\n", i->k); break;
		case BPF_RET | BPF_K: dump_ret(i->k, rows, out); break;
		default:
			buf_printf(out, "%s %#x, %zu, %zu\n", BPF_OP(i->code) == BPF_JEQ ? "jeq" : "jge", i->k,
				pc + 1 + i->jt, pc + 1 + i->jf);
		}
	}
}
