/* Names of processes' files in /proc, as text. */
#include "intercept/view/path.h"

#include <limits.h>
#include <stdlib.h>
#include <string.h>

/* A decimal component: its value and what follows, or NULL. */
static const char *number(const char *p, int *out)
{
	char *end;

	if (*p < '1' || *p > '9') return NULL;
	long v = strtol(p, &end, 10);
	if (v > INT_MAX || (*end && *end != '/')) return NULL;
	*out = (int)v;
	return *end ? end + 1 : end;
}

const char *path_proc(const char *path, int *pid)
{
	static const char *const selves[] = { "self", "thread-self" };
	const char *p = path_below(path, "/proc"), *rest = NULL;

	if (!p) return NULL;
	*pid = 0;
	for (size_t i = 0; i < sizeof selves / sizeof *selves && !rest; i++)
		rest = path_below(p, selves[i]);
	if (!rest) rest = number(p, pid);
	if (!rest) return NULL;
	const char *task = path_below(rest, "task");
	int tid;
	const char *after = task ? number(task, &tid) : NULL;
	if (!after) return rest;
	*pid = tid;
	return after;
}
