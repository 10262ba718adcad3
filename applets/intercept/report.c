#include "intercept/report.h"

#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/buf.h"
#include "base/die.h"
#include "base/io.h"
#include "intercept/trace/filter.h"

static const struct { unsigned bit; const char *name; } feature_names[] = {
	{ F_PATH, "files" }, { F_LIST, "listings" }, { F_STATFS, "statfs" }, { F_UNAME, "uname" },
	{ F_PROPAGATION, "propagation" }, { F_MOUNTS, "mounts" }, { F_DUMPABLE, "dumpable" }, { F_NOTE, "note" },
	{ F_STAT, "stat" }, { F_CGROUP, "cgroup" }, { F_REAPER, "subreaper" }, { F_RUNC, "runc" }, { F_HOT, "stand-ins" },
};

static int put(int fd, const struct buf *b)
{
	int r = b->failed ? -1 : io_write_fd(fd, b->data, b->len);
	return r < 0 ? EX_FAIL : EX_OK;
}

/* With no feature asked for, all rows. */
int report_rules(unsigned features)
{
	_cleanup_buf_ struct buf b = {0};

	for (size_t i = 0; i < rule_count; i++) {
		const struct rule *r = &rules[i];
		if (features && !(r->features & (features | F_HOT))) continue;
		buf_printf(&b, "%-15s %4u  ", r->name, r->nr);
		size_t from = b.len;
		for (size_t f = 0; f < sizeof feature_names / sizeof *feature_names; f++)
			if (r->features & feature_names[f].bit)
				buf_printf(&b, "%s%s", b.len > from ? "," : "", feature_names[f].name);
		buf_printf(&b, "%*s  %s\n", b.len - from < 22 ? (int)(22 - (b.len - from)) : 0, "", r->why);
	}
	return put(STDOUT_FILENO, &b);
}

int report_filter(unsigned features)
{
	_cleanup_buf_ struct buf b = {0};
	struct sock_filter f[FILTER_MAX];

	filter_dump(f, filter_make(rules, rule_count, features, f), rules, &b);
	return put(STDOUT_FILENO, &b);
}

static void stats_text(const struct tracer *tr, struct buf *b)
{
	buf_printf(b, "engine %s, seccomp stop %s, memory by %s (writing by %s), waiting %s\n",
		tr->engine == ENGINE_SECCOMP ? "seccomp" : "syscall", tr->seccomp_first ? "first" : "after entry",
		mem_way_names[tr->mem.read], mem_way_names[tr->mem.write], tr->spin ? "awake" : "asleep");
	buf_printf(b, "%llu stops at calls, %llu signals, %llu births and execs, at most %zu threads at once\n",
		(unsigned long long)tr->stops, (unsigned long long)tr->signals, (unsigned long long)tr->births,
		tr->tracee_max);
	for (size_t i = 0; i < rule_count; i++)
		if (tr->counts[i].stops)
			buf_printf(b, "%-15s %10llu stops %10llu answered\n", rules[i].name,
				(unsigned long long)tr->counts[i].stops, (unsigned long long)tr->counts[i].answered);
}

static void stats_json(const struct tracer *tr, struct buf *b)
{
	buf_printf(b, "{\"engine\":\"%s\",\"seccomp_first\":%s,\"memory\":\"%s\",\"stops\":%llu,\"signals\":%llu,"
		"\"births\":%llu,\"threads\":%zu,"
		"\"rules\":{", tr->engine == ENGINE_SECCOMP ? "seccomp" : "syscall",
		tr->seccomp_first ? "true" : "false",
		mem_way_names[tr->mem.read], (unsigned long long)tr->stops, (unsigned long long)tr->signals,
		(unsigned long long)tr->births, tr->tracee_max);
	const char *comma = "";
	for (size_t i = 0; i < rule_count; i++) {
		if (!tr->counts[i].stops) continue;
		buf_printf(b, "%s\"%s\":{\"stops\":%llu,\"answered\":%llu}", comma, rules[i].name,
			(unsigned long long)tr->counts[i].stops, (unsigned long long)tr->counts[i].answered);
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
