/* The table of open stand-ins, and of the processes that are watched because they hold one. */
#include "intercept/view/special.h"

#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/cleanup.h"

struct special *special_by_id(struct specials *s, uint64_t dev, uint64_t ino)
{
	for (size_t i = 0; i < s->n; i++)
		if (s->v[i].ino == ino && s->v[i].dev == dev && s->v[i].path) return &s->v[i];
	return NULL;
}

struct special *special_of_fd(struct specials *s, struct tracee *t, int fd)
{
	char what[32], path[64];
	struct stat st;

	if (!s->n || fd < 0) return NULL;
	snprintf(what, sizeof what, "fd/%d", fd);
	tracee_proc(t, what, path, sizeof path);
	return stat(path, &st) < 0 ? NULL : special_by_id(s, st.st_dev, st.st_ino);
}

static void drop(struct special *p)
{
	if (p->fd >= 0 && p->path) close(p->fd);
	free(p->path);
	*p = (struct special){ .fd = -1 };
}

static bool is_hot_one(const struct special *s)
{
	return s && (s->fd >= 0 || s->dir || s->real);
}

/* A free entry, or that of a cold one, in turn. */
static struct special *make_room(struct specials *s)
{
	if (s->n < SPECIAL_MAX) return &s->v[s->n++];
	for (size_t i = 0; i < SPECIAL_MAX; i++) {
		s->next = (s->next + 1) % SPECIAL_MAX;
		if (!is_hot_one(&s->v[s->next])) break;
	}
	drop(&s->v[s->next]);
	return &s->v[s->next];
}

struct special *special_add(struct specials *s, const struct special *new, const char *path)
{
	char *copy = strdup(path);
	struct special *p = copy ? special_by_id(s, new->dev, new->ino) : NULL;

	if (!copy) return NULL;
	if (p) drop(p);   /* inode numbers are reused */
	else p = make_room(s);
	*p = *new;
	p->path = copy;
	return p;
}

bool special_is_hot(const struct specials *s, pid_t tgid)
{
	for (size_t i = 0; i < s->hot_n; i++)
		if (s->hot[i] == tgid) return true;
	return false;
}

void special_set_hot(struct specials *s, pid_t tgid)
{
	if (!special_is_hot(s, tgid) && s->hot_n < HOT_MAX) s->hot[s->hot_n++] = tgid;
}

void special_cool(struct specials *s, pid_t tgid)
{
	for (size_t i = 0; i < s->hot_n; i++)
		if (s->hot[i] == tgid) s->hot[i] = s->hot[--s->hot_n];
	if (s->hot_n) return;
	/* No process holds one any more: the content need not be kept up to date. */
	for (size_t i = 0; i < s->n; i++) {
		if (s->v[i].fd < 0 || !s->v[i].path) continue;
		close(s->v[i].fd);
		s->v[i].fd = -1;
	}
}

void special_rescan(struct specials *s, pid_t tgid)
{
	char path[64];
	struct dirent *e;
	struct stat st;

	snprintf(path, sizeof path, "/proc/%d/fd", (int)tgid);
	_cleanup_closedir_ DIR *d = opendir(path);
	while (d && (e = readdir(d)))
		if (fstatat(dirfd(d), e->d_name, &st, 0) == 0
			&& is_hot_one(special_by_id(s, st.st_dev, st.st_ino))) return;
	special_cool(s, tgid);
}

static bool shows(const struct special *p, const struct seed *seed, uint64_t ns)
{
	return p->path && p->fd >= 0 && p->seed == seed && (!store_per_net(seed) || p->ns == ns);
}

void special_refresh(struct specials *s, const struct store *values, const struct seed *seed,
	uint64_t ns)
{
	char value[STORE_VALUE + 2];
	size_t n = store_read(values, seed, ns, value, sizeof value);

	for (size_t i = 0; i < s->n; i++) {
		struct special *p = &s->v[i];
		if (!shows(p, seed, ns)) continue;
		/* Written before it is truncated, so that a reader never finds it empty. */
		if (pwrite(p->fd, value, n, 0) == (ssize_t)n && ftruncate(p->fd, (off_t)n) == 0)
			continue;
		close(p->fd);
		p->fd = -1;
	}
}

void special_free(struct specials *s)
{
	for (size_t i = 0; i < s->n; i++) drop(&s->v[i]);
}
