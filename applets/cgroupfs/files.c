/* The table of files that may be missing. */
#include "cgroupfs/files.h"

#include <stddef.h>
#include <string.h>

/* The names on the right are gVisor's: it stores what is written to move_charge_at_immigrate and
 * soft_limit_in_bytes and does nothing with it. failcnt and oom_control never change there, because
 * it enforces no limit. */
static const struct files_row rows[] = {
	/* One number where Linux has one for each processor: only the sum is known. */
	{ "cpuacct.usage_percpu", "cpuacct.usage", false, "cpuacct.usage", false },
	{ "memory.stat", "memory.usage_in_bytes", true, "cgroup.procs", false },
	{ "memory.oom_control", "memory.usage_in_bytes", true, "cgroup.procs", false },
	{ "memory.failcnt", "memory.usage_in_bytes", true, "memory.move_charge_at_immigrate",
	  false },
	{ "memory.use_hierarchy", "memory.usage_in_bytes", true, "memory.soft_limit_in_bytes",
	  false },
	{ "memory.max_usage_in_bytes", "memory.usage_in_bytes", false,
	  "memory.move_charge_at_immigrate", true },
};
enum { ROWS = sizeof rows / sizeof *rows };

const struct files_row *files_find(const char *name)
{
	for (unsigned i = 0; i < ROWS; i++)
		if (!strcmp(rows[i].name, name)) return &rows[i];
	return NULL;
}

const struct files_row *files_at(unsigned index)
{
	return index < ROWS ? &rows[index] : NULL;
}

bool files_keeps_peak(const char *name)
{
	for (unsigned i = 0; i < ROWS; i++)
		if (rows[i].peak && !strcmp(rows[i].target, name)) return true;
	return false;
}
