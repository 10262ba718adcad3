/* Paths as text. */
#include "intercept/view/path.h"

#include <errno.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>

/* Appends the components of `in` to out (of length n, without a slash at its end; "" is the
 * root). */
static int append(char *out, size_t n, const char *in)
{
	while (*in) {
		size_t len = strcspn(in, "/");
		if (len == 2 && in[0] == '.' && in[1] == '.') {
			while (n && out[n - 1] != '/') n--;
			if (n) n--;
		} else if (len && !(len == 1 && in[0] == '.')) {
			if (n + 1 + len >= PATH_MAX) return -ENAMETOOLONG;
			out[n++] = '/';
			memmove(out + n, in, len);
			n += len;
		}
		in += len;
		while (*in == '/') in++;
	}
	if (!n) out[n++] = '/';
	out[n] = 0;
	return 0;
}

int path_join(char *out, const char *base, const char *in)
{
	char temp[PATH_MAX];

	if (*in == '/') return append(out, 0, in);
	if (*base != '/') return -EINVAL;
	int r = append(temp, 0, base);
	if (r < 0) return r;
	size_t n = strcmp(temp, "/") ? strlen(temp) : 0;
	memcpy(out, temp, n);
	return append(out, n, in);
}

const char *path_below(const char *path, const char *dir)
{
	size_t n = strlen(dir);

	if (n && dir[n - 1] == '/') n--;   /* the root */
	if (strncmp(path, dir, n)) return NULL;
	if (!path[n]) return path + n;
	return path[n] == '/' ? path + n + 1 : NULL;
}

bool path_climbs(const char *path)
{
	for (const char *p = path; (p = strstr(p, "..")); p += 2)
		if ((p == path || p[-1] == '/') && (!p[2] || p[2] == '/')) return true;
	return false;
}

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
