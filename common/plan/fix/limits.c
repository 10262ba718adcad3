/* Raises limits, and sets them back. Which are too low is for the probes to say
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

bool limits_can_raise(const char *name)
{
	uint64_t now = limits_read(name);

	return now != UINT64_MAX && !write_limit(name, now);
}

static int raise_one(const char *name, uint64_t value)
{
	char line[128];
	uint64_t now = limits_read(name);

	/* One limit can have two names. */
	if (now >= value) return 0;
	snprintf(line, sizeof line, "%s %llu %llu", name, (unsigned long long)now,
		(unsigned long long)value);
	int r = io_add_line(OURS, 0600, line);
	return r < 0 ? r : write_limit(name, value);
}

int limits_raise(const struct plan_options *o, const struct plan_step *s, struct err *e)
{
	char list[sizeof s->seen->value];
	uint64_t value;

	(void)o;
	snprintf(list, sizeof list, "%s", s->seen->value);
	for (char *rest = list, *name; (name = strsep(&rest, " "));) {
		char *equal = strchr(name, '=');
		if (!equal || !text_number(equal + 1, &value)) continue;
		*equal = 0;
		int r = raise_one(name, value);
		if (r < 0) return err_errno(e, r, "%s", name);
	}
	return 0;
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
