/* Cleans, joins and compares paths as text. Not for finding out what a path means: that needs the
 * file system (io). */
#include "base/path.h"

#include <errno.h>
#include <limits.h>
#include <string.h>

/* A clean path that grows: [0, root) is "/" or nothing, and the first `fixed` bytes cannot be taken
 * back by ".." (the root, or leading ".." of a relative path). */
struct clean {
	char *out;
	size_t size, len, root, fixed;
};

static int add_component(struct clean *c, const char *p, size_t n)
{
	bool up = n == 2 && p[0] == '.' && p[1] == '.';

	if (!n || (n == 1 && *p == '.')) return 0;
	if (up && c->len > c->fixed) {
		while (c->len > c->fixed && c->out[c->len - 1] != '/') c->len--;
		if (c->len > c->fixed) c->len--;   /* the slash before it */
		return 0;
	}
	if (up && c->root) return 0;
	if (c->len + (c->len > c->root) + n >= c->size) return -ENAMETOOLONG;
	if (c->len > c->root) c->out[c->len++] = '/';
	memmove(c->out + c->len, p, n);
	c->len += n;
	if (up) c->fixed = c->len;
	return 0;
}

static int add_all(struct clean *c, const char *in)
{
	while (*in) {
		size_t n = strcspn(in, "/");
		int r = add_component(c, in, n);
		if (r < 0) return r;
		in += n + (in[n] == '/');
	}
	return 0;
}

static struct clean begin(char *out, size_t size, bool absolute)
{
	if (absolute) *out = '/';
	return (struct clean){ out, size, absolute, absolute, absolute };
}

static void end(struct clean *c)
{
	if (!c->len) c->out[c->len++] = '.';
	c->out[c->len] = 0;
}

int path_clean(char *out, size_t size, const char *in)
{
	if (size < 2) return -ENAMETOOLONG;
	struct clean c = begin(out, size, *in == '/');
	int r = add_all(&c, in);
	if (!r) end(&c);
	return r;
}

int path_join(char *out, const char *base, const char *in)
{
	struct clean c = begin(out, PATH_MAX, true);
	int r = 0;

	if (*in != '/' && *base != '/') return -EINVAL;
	if (*in != '/') r = add_all(&c, base);
	if (!r) r = add_all(&c, in);
	if (!r) end(&c);
	return r;
}

const char *path_below(const char *path, const char *dir)
{
	size_t n = strlen(dir);

	while (n && dir[n - 1] == '/') n--;   /* the root is "" now */
	if (strncmp(path, dir, n)) return NULL;
	if (!path[n]) return path + n;
	return path[n] == '/' ? path + n + 1 : NULL;
}

bool path_within(const char *path, const char *dir)
{
	return path_below(path, dir) != NULL;
}

const char *path_name(const char *path)
{
	const char *slash = strrchr(path, '/');
	return slash ? slash + 1 : path;
}

bool path_is_dots(const char *name)
{
	return name[0] == '.' && (!name[1] || (name[1] == '.' && !name[2]));
}

bool path_climbs(const char *path)
{
	for (const char *p = path; (p = strstr(p, "..")); p += 2)
		if ((p == path || p[-1] == '/') && (!p[2] || p[2] == '/')) return true;
	return false;
}
