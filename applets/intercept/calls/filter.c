/* Makes a seccomp filter from the table of rules, and prints it. */
#include "intercept/calls/filter.h"

#include <linux/seccomp.h>
#include <stdint.h>

#include "intercept/trace/arch_x86_64.h"

#define NR offsetof(struct seccomp_data, nr)
#define ARCH offsetof(struct seccomp_data, arch)
/* little-endian: the low half comes first */
#define ARG_LOW(i) (offsetof(struct seccomp_data, args) + 8 * (i))

struct filter_gen {
	struct sock_filter *out;
	size_t n;
	bool full;
	const struct syscall_rule *rows;
	const uint16_t *by_nr;    /* row indexes, sorted by number */
};

static size_t emit(struct filter_gen *g, uint16_t code, uint32_t k, uint8_t jt, uint8_t jf)
{
	if (g->n == FILTER_MAX) {
		g->full = true;
		return 0;
	}
	g->out[g->n] = (struct sock_filter){ .code = code, .k = k, .jt = jt, .jf = jf };
	return g->n++;
}

/* Lets a forward branch end here. */
static void land(struct filter_gen *g, size_t from, bool if_true)
{
	size_t distance = g->n - from - 1;
	if (distance > 255) g->full = true;
	else if (if_true) g->out[from].jt = (uint8_t)distance;
	else g->out[from].jf = (uint8_t)distance;
}

static void allow(struct filter_gen *g)
{
	emit(g, BPF_RET | BPF_K, SECCOMP_RET_ALLOW, 0, 0);
}

/* The number is that of this row: the test of its argument, then the action. */
static void leaf_hit(struct filter_gen *g, uint16_t row)
{
	const struct syscall_rule *r = &g->rows[row];

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

/* Searches by_nr[lo, hi) for a number of [from, to): one that is left alone needs no test. */
static void search(struct filter_gen *g, size_t lo, size_t hi, uint32_t from, uint32_t to)
{
	size_t mid = lo + (hi - lo) / 2;
	uint32_t nr = g->rows[g->by_nr[mid]].nr;

	if (g->full) return;
	if (hi - lo == 1 && to - from == 1) {
		leaf_hit(g, g->by_nr[lo]);
		return;
	}
	bool leaf = hi - lo == 1;
	size_t test = emit(g, BPF_JMP | (leaf ? BPF_JEQ : BPF_JGE) | BPF_K, nr, 0, 0);
	if (leaf) leaf_hit(g, g->by_nr[lo]);
	else search(g, lo, mid, from, nr);
	if (g->full) return;
	land(g, test, !leaf);
	if (leaf) allow(g);
	else search(g, mid, hi, nr, to);
}

/* The rows of these features by number. Insertion sort: there are about forty. */
static size_t select_rows(const struct syscall_rule *rows, size_t n, unsigned features,
	uint16_t by_nr[FILTER_MAX])
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

size_t filter_make(const struct syscall_rule *rows, size_t n, unsigned features,
	struct sock_filter out[FILTER_MAX])
{
	uint16_t by_nr[FILTER_MAX];
	struct filter_gen g = { .out = out, .rows = rows, .by_nr = by_nr };
	size_t used = select_rows(rows, n, features, by_nr);

	/* Numbers above the last row come first: gVisor tries 2,001 numbers at each clone, and most
	 * are there. */
	emit(&g, BPF_LD | BPF_W | BPF_ABS, NR, 0, 0);
	uint32_t above = used ? rows[by_nr[used - 1]].nr + 1u : 0;
	emit(&g, BPF_JMP | BPF_JGE | BPF_K, above, 2, 0);
	emit(&g, BPF_LD | BPF_W | BPF_ABS, ARCH, 0, 0);
	emit(&g, BPF_JMP | BPF_JEQ | BPF_K, ARCH_AUDIT, 1, 0);
	allow(&g);
	emit(&g, BPF_LD | BPF_W | BPF_ABS, NR, 0, 0);
	if (used) search(&g, 0, used, 0, above);
	else allow(&g);
	return g.full ? 0 : g.n;
}

static void dump_ret(uint32_t k, const struct syscall_rule *rows, struct buf *out)
{
	uint32_t data = k & SECCOMP_RET_DATA;

	switch (k & SECCOMP_RET_ACTION_FULL) {
	case SECCOMP_RET_ALLOW: buf_puts(out, "ret ALLOW\n"); break;
	case SECCOMP_RET_ERRNO: buf_printf(out, "ret ERRNO %u\n", data); break;
	default: buf_printf(out, "ret TRACE %u (%s)\n", data, rows[data].name);
	}
}

static const char *loaded(uint32_t offset)
{
	return offset == NR ? "nr" : offset == ARCH ? "arch" : "arg";
}

static const char *jump_name(uint16_t code)
{
	return BPF_OP(code) == BPF_JEQ ? "jeq" : "jge";
}

void filter_dump(const struct sock_filter *f, size_t n, const struct syscall_rule *rows,
	struct buf *out)
{
	for (size_t pc = 0; pc < n; pc++) {
		const struct sock_filter *i = &f[pc];
		size_t next = pc + 1;
		buf_printf(out, "%3zu  ", pc);
		switch (i->code) {
		case BPF_LD | BPF_W | BPF_ABS: buf_printf(out, "ld %s\n", loaded(i->k)); break;
		case BPF_ALU | BPF_AND | BPF_K: buf_printf(out, "and %#x\n", i->k); break;
		case BPF_RET | BPF_K: dump_ret(i->k, rows, out); break;
		default:
			buf_printf(out, "%s %#x, %zu, %zu\n", jump_name(i->code), i->k, next
				+ i->jt,
				next + i->jf);
		}
	}
}
