/* Output about the interceptor itself: --list-rules, --dump-filter, --stats. */
#include "intercept/report.h"

#include <errno.h>
#include <unistd.h>

#include "base/buf.h"
#include "base/die.h"
#include "base/io.h"
#include "intercept/calls/filter.h"

static const struct { unsigned bit; const char *name; } feature_names[] = {
	{ F_PATH, "files" }, { F_LIST, "listings" }, { F_STATFS, "statfs" }, { F_UNAME, "uname" },
	{ F_PROPAGATION, "propagation" }, { F_MOUNTS, "mounts" }, { F_DUMPABLE, "dumpable" },
	{ F_NOTE, "note" }, { F_STAT, "stat" }, { F_CGROUP, "cgroup" }, { F_REAPER, "subreaper" },
	{ F_RUNC, "runc" }, { F_HOT, "stand-ins" },
};

static int put(int fd, const struct buf *b)
{
	int r = b->failed ? -ENOMEM : io_write_fd(fd, b->data, b->len);
	return r < 0 ? EX_FAIL : EX_OK;
}

static void put_rule(const struct syscall_rule *r, struct buf *b)
{
	buf_printf(b, "%-15s %4u  ", r->name, r->nr);
	size_t from = b->len;
	for (size_t f = 0; f < sizeof feature_names / sizeof *feature_names; f++)
		if (r->features & feature_names[f].bit)
			buf_printf(b, "%s%s", b->len > from ? "," : "", feature_names[f].name);
	size_t width = b->len - from;
	buf_printf(b, "%*s  %s\n", width < 22 ? (int)(22 - width) : 0, "", r->why);
}

int report_rules(unsigned features)
{
	_cleanup_buf_ struct buf b = {0};

	for (size_t i = 0; i < syscall_rule_count; i++)
		if (!features || syscall_rules[i].features & (features | F_HOT))
			put_rule(&syscall_rules[i], &b);
	return put(STDOUT_FILENO, &b);
}

int report_filter(unsigned features)
{
	_cleanup_buf_ struct buf b = {0};
	struct sock_filter f[FILTER_MAX];
	size_t n = filter_make(syscall_rules, syscall_rule_count, features, f);

	filter_dump(f, n, syscall_rules, &b);
	return put(STDOUT_FILENO, &b);
}

static const char *engine_name(const struct tracer *tr)
{
	return tr->kernel.engine == ENGINE_SECCOMP ? "seccomp" : "syscall";
}

static void stats_text(const struct tracer *tr, struct buf *b)
{
	const struct tracer_counters *n = &tr->counters;
	const struct mem *m = &tr->tracees.mem;

	buf_printf(b, "engine %s, seccomp stop %s, memory by %s (writing by %s), waiting %s\n",
		engine_name(tr), tr->kernel.seccomp_first ? "first" : "after entry",
			mem_way_names[m->read],
		mem_way_names[m->write], tr->kernel.spin ? "awake" : "asleep");
	buf_printf(b, "%llu stops at calls, %llu signals, %llu births and execs, "
		"at most %zu threads at once\n", (unsigned long long)n->stops,
		(unsigned long long)n->signals, (unsigned long long)n->births, tr->tracees.most);
	for (size_t i = 0; i < syscall_rule_count; i++) {
		const struct rule_counter *r = &n->by_rule[i];
		if (!r->stops) continue;
		buf_printf(b, "%-15s %10llu stops %10llu answered\n", syscall_rules[i].name,
			(unsigned long long)r->stops, (unsigned long long)r->answered);
	}
}

static void stats_json(const struct tracer *tr, struct buf *b)
{
	const struct tracer_counters *n = &tr->counters;
	const char *comma = "";

	buf_printf(b, "{\"engine\":\"%s\",\"seccomp_first\":%s,\"memory\":\"%s\",", engine_name(tr),
		tr->kernel.seccomp_first ? "true" : "false", mem_way_names[tr->tracees.mem.read]);
	buf_printf(b, "\"stops\":%llu,\"signals\":%llu,\"births\":%llu,\"threads\":%zu,\"rules\":{",
		(unsigned long long)n->stops, (unsigned long long)n->signals,
		(unsigned long long)n->births, tr->tracees.most);
	for (size_t i = 0; i < syscall_rule_count; i++) {
		const struct rule_counter *r = &n->by_rule[i];
		if (!r->stops) continue;
		buf_printf(b, "%s\"%s\":{\"stops\":%llu,\"answered\":%llu}", comma,
			syscall_rules[i].name, (unsigned long long)r->stops,
				(unsigned long long)r->answered);
		comma = ",";
	}
	buf_puts(b, "}}\n");
}

void report_stats(const struct tracer *tr, bool json)
{
	_cleanup_buf_ struct buf b = {0};

	if (json) stats_json(tr, &b);
	else stats_text(tr, &b);
	put(STDERR_FILENO, &b);
}
