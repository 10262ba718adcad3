/* In which root directory and mount namespace a tracee is, and names that lead there. */
#include "intercept/view/root.h"

#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "intercept/trace/hash.h"
#include "intercept/view/path.h"

static bool read_id(pid_t pid, struct root_id *id)
{
	struct tracee t = { .tid = pid };
	char path[64];
	struct stat st;

	memset(id, 0, sizeof *id);
	tracee_proc(&t, "root", path, sizeof path);
	if (stat(path, &st) < 0) return false;
	id->dev = st.st_dev;
	id->ino = st.st_ino;
	/* Old gVisors have no such link: then it is the same for all. */
	if (!tracee_link(&t, "ns/mnt", id->mnt, sizeof id->mnt)) *id->mnt = 0;
	return true;
}

void root_find_own(struct view *v)
{
	read_id(getpid(), &v->own.root);
	v->own.net = tracee_net_ns(&(struct tracee){ .tid = getpid() });
}

enum root_state root_of(struct view *v, struct tracee *t)
{
	const struct root_id *own = &v->own.root;
	struct root_id id;

	if (t->root != ROOT_UNKNOWN && t->root_gen == v->cache.root_gen) return t->root;
	t->root_gen = v->cache.root_gen;
	bool known = read_id(t->tid, &id);
	t->root_key = hash_bytes(&id, sizeof id, 0);
	bool same = known && id.dev == own->dev && id.ino == own->ino && !strcmp(id.mnt, own->mnt);
	t->root = same ? ROOT_SAME : ROOT_OTHER;
	return t->root;
}

int root_name(struct view *v, struct tracee *t, const char *path, char *out)
{
	int n = root_of(v, t) == ROOT_SAME ? snprintf(out, PATH_MAX, "%s", path)
		: snprintf(out, PATH_MAX, "/proc/%d/root%s", (int)t->tid, path);
	return n < PATH_MAX ? 0 : -ENAMETOOLONG;
}

void root_directory_above(struct view *v, struct tracee *t, const char *path, char *out)
{
	char dir[PATH_MAX];
	struct stat st;

	snprintf(dir, sizeof dir, "%s", path);
	do {
		char *slash = strrchr(dir, '/');
		slash[slash == dir] = 0;
	} while (dir[1] && (root_name(v, t, dir, out) < 0 || stat(out, &st) < 0));
	if (!dir[1]) root_name(v, t, "/", out);
}

void root_strip(struct view *v, struct tracee *t, char *path)
{
	char root[PATH_MAX];

	if (root_of(v, t) == ROOT_SAME || !tracee_link(t, "root", root, sizeof root)) return;
	if (!strcmp(root, "/")) return;
	const char *rest = path_below(path, root);
	if (!rest) return;
	size_t n = strlen(rest);
	memmove(path + 1, rest, n + 1);
	*path = '/';
}
