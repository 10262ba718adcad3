/* Raises limits, and sets them back. Whether they are too low is for the probes to say
 * (plan/probe/limits.c). */
#include "plan/fix/limits.h"

#include <stdio.h>
#include <string.h>
#include <sys/resource.h>

#include "base/io.h"
#include "base/text.h"
#include "plan/fix/noted.h"
#include "plan/fix/procsys.h"

/* What was raised: "NAME OLD NEW", a line each, written before. */
#define OURS K3SBOX_RUN "/limits"

/* Of inotify, a user namespace has limits beside those of the first one. */
static const struct { enum fact_id fact; unsigned to; const char *name; } rows[] = {
	{ FACT_INOTIFY, 8192, "user/max_inotify_instances" },
	{ FACT_INOTIFY, 8192, "fs/inotify/max_user_instances" },
	{ FACT_INOTIFY, 524288, "user/max_inotify_watches" },
	{ FACT_INOTIFY, 524288, "fs/inotify/max_user_watches" },
	{ FACT_LIMITS, 65530, "vm/max_map_count" },
};

uint64_t limits_raise_files(void)
{
	enum { ENOUGH = 1 << 16, OF_THE_UNIT = 1 << 20 };
	struct rlimit l, more = { OF_THE_UNIT, OF_THE_UNIT };

	if (getrlimit(RLIMIT_NOFILE, &l) < 0) return UINT64_MAX;
	if (l.rlim_cur >= ENOUGH) return l.rlim_cur;
	if (l.rlim_max > OF_THE_UNIT) more.rlim_max = l.rlim_max;
	if (!setrlimit(RLIMIT_NOFILE, &more)) return more.rlim_cur;
	/* without CAP_SYS_RESOURCE */
	l.rlim_cur = l.rlim_max < OF_THE_UNIT ? l.rlim_max : OF_THE_UNIT;
	return setrlimit(RLIMIT_NOFILE, &l) < 0 && getrlimit(RLIMIT_NOFILE, &l) < 0 ? UINT64_MAX
		: l.rlim_cur;
}

uint64_t limits_read(const char *name)
{
	char path[96], text[32];
	uint64_t value;

	snprintf(path, sizeof path, PROC_SYS "/%s", name);
	return !io_read_line(path, text, sizeof text) && text_number(text, &value) ? value
		: UINT64_MAX;
}

static int write_limit(const char *name, uint64_t value)
{
	char path[96], text[32];

	snprintf(path, sizeof path, PROC_SYS "/%s", name);
	snprintf(text, sizeof text, "%llu", (unsigned long long)value);
	return io_poke(path, text);
}

/* How many of the fact's can be raised; what cannot be written to stays, and may not be the one
 * that is too low. Or -errno, with the limit's name. */
static int each(enum fact_id fact, bool raise, const char **name)
{
	char line[128];
	int n = 0, r = 0;

	for (size_t i = 0; i < sizeof rows / sizeof *rows && r >= 0; i++) {
		uint64_t now = limits_read(*name = rows[i].name);
		if (rows[i].fact != fact || now >= rows[i].to || write_limit(*name, now) < 0)
			continue;
		n++;
		if (!raise) continue;
		snprintf(line, sizeof line, "%s %llu %u", *name, (unsigned long long)now,
			rows[i].to);
		r = io_add_line(OURS, 0600, line);
		if (!r) r = write_limit(*name, rows[i].to);
	}
	return r < 0 ? r : n;
}

bool limits_can_raise(enum fact_id fact)
{
	const char *name;
	return each(fact, false, &name);
}

int limits_raise(const struct plan_options *o, const struct plan_step *s, struct err *e)
{
	const char *name;
	int r = each(s->row->fact, true, &name);

	(void)o;
	return r < 0 ? err_errno(e, r, "%s", name) : 0;
}

/* Unless another has changed it meanwhile. */
static int restore(const char *line)
{
	char name[80];
	uint64_t before, raised;
	size_t n = strcspn(line, " ");
	const char *p = line[n] ? text_number(line + n + 1, &before) : NULL;

	if (!p || *p != ' ' || !text_number(p + 1, &raised)) return 0;
	snprintf(name, sizeof name, "%.*s", (int)n, line);
	return limits_read(name) == raised ? write_limit(name, before) : 0;
}

int limits_restore(const struct plan_options *o, const char *seen, struct err *e)
{
	(void)o, (void)seen;
	return noted_undo(OURS, restore, PROC_SYS "/", e);
}
