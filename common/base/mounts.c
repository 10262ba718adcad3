/* Reads the mount table and unmounts what is in it. */
#include "base/mounts.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/statvfs.h>

#include "base/buf.h"
#include "base/die.h"
#include "base/io.h"
#include "base/path.h"
#include "base/text.h"

static int octal(const char *s)
{
	int v = 0;
	for (int i = 0; i < 3; i++) {
		if (s[i] < '0' || s[i] > '7') return -1;
		v = v * 8 + (s[i] - '0');
	}
	return v;
}

/* Decodes \040 and its like in place. */
static void unescape(char *s)
{
	char *to = s;
	for (; *s; to++) {
		int c = *s == '\\' ? octal(s + 1) : -1;
		*to = c > 0 ? (char)c : *s;
		s += c > 0 ? 4 : 1;
	}
	*to = 0;
}

/* Splits at single spaces; returns the number of fields, at most max. */
static size_t split(char *line, char **field, size_t max)
{
	size_t n = 0;
	for (char *s = line; s && n < max;) {
		field[n++] = s;
		s = strchr(s, ' ');
		if (s) *s++ = 0;
	}
	return n;
}

/* 36 35 98:0 /root /point rw,noatime shared:1 master:2 - type source super-options */
static bool parse_line(struct mount_entry *e, char *line)
{
	enum { ID, PARENT, DEVICE, ROOT, POINT, OPTIONS, TAGS, MOST = 32 };
	char *f[MOST];
	size_t n = split(line, f, MOST), dash = TAGS;

	*e = (struct mount_entry){0};
	for (; dash < n && strcmp(f[dash], "-"); dash++)
		if (!strncmp(f[dash], "shared:", 7)) e->shared = true;
	if (dash + 2 >= n || !text_unsigned(f[ID], &e->id)) return false;
	const char *colon = text_unsigned(f[DEVICE], &e->major);
	if (!colon || *colon != ':' || !text_unsigned(colon + 1, &e->minor)) return false;
	e->root = f[ROOT];
	e->point = f[POINT];
	e->type = f[dash + 1];
	e->source = f[dash + 2];
	e->super = dash + 3 < n ? f[dash + 3] : f[POINT] + strlen(f[POINT]);
	unescape(e->root);
	unescape(e->point);
	unescape(e->source);
	return true;
}

void mounts_parse(struct mounts *m, char *text)
{
	size_t cap = 0;

	*m = (struct mounts){ .text = text };
	for (char *line = text, *next; line && *line; line = next) {
		next = strchr(line, '\n');
		if (next) *next++ = 0;
		if (m->n == cap) m->v = xrealloc(m->v, (cap = cap ? cap * 2 : 32) * sizeof *m->v);
		if (parse_line(&m->v[m->n], line)) m->n++;
	}
}

int mounts_read(struct mounts *m)
{
	struct buf b = {0};
	int r = io_read("/proc/self/mountinfo", &b, 16 << 20);

	if (r < 0) {
		buf_free(&b);
		*m = (struct mounts){0};
		return r;
	}
	mounts_parse(m, b.data);
	return 0;
}

void mounts_free(struct mounts *m)
{
	free(m->v);
	free(m->text);
	*m = (struct mounts){0};
}

const struct mount_entry *mounts_at(const struct mounts *m, const char *point)
{
	for (size_t i = m->n; i--;)
		if (!strcmp(m->v[i].point, point)) return &m->v[i];
	return NULL;
}

bool mounts_is_served(const struct mount_entry *e)
{
	return !strcmp(e->type, "fuse") || !strcmp(e->type, "fuseblk") ||
		!strncmp(e->type, "fuse.", 5);
}

int mounts_remount(const char *point, unsigned long add, unsigned long drop)
{
	/* ST_ and MS_ have the same values for these. */
	enum { KEPT = ST_RDONLY | ST_NOSUID | ST_NODEV | ST_NOEXEC };
	struct statvfs fs;

	if (statvfs(point, &fs) < 0) return -errno;
	unsigned long flags = ((fs.f_flag & KEPT) | add) & ~drop;
	return mount(NULL, point, NULL, MS_REMOUNT | MS_BIND | flags, NULL) < 0 ? -errno : 0;
}

bool mounts_has_option(const char *options, const char *word)
{
	size_t n = strlen(word);
	for (const char *s = options; s; s = strchr(s, ','), s += s != NULL)
		if (!strncmp(s, word, n) && (!s[n] || s[n] == ',')) return true;
	return false;
}

static bool has_id(const struct mounts *m, unsigned id)
{
	for (size_t i = 0; i < m->n; i++)
		if (m->v[i].id == id) return true;
	return false;
}

/* Lazily where it is busy, unless it has gone meanwhile: gVisor then unmounts what the path lies
 * in, if another mount namespace has a mount there (applets/intercept/calls/umount.c). 0 or
 * -errno. */
static int umount_one(const char *point)
{
	_cleanup_mounts_ struct mounts now = {0};

	if (!umount2(point, 0)) return 0;
	if (errno == EINVAL || errno == ENOENT) return -errno;
	int r = mounts_read(&now);
	if (r < 0) return r;
	if (!mounts_at(&now, point)) return -EINVAL;
	return umount2(point, MNT_DETACH) < 0 ? -errno : 0;
}

int mounts_undo_since(const struct mounts *before)
{
	_cleanup_mounts_ struct mounts now = {0};
	int first = mounts_read(&now);

	for (size_t i = now.n; i--;) {
		if (has_id(before, now.v[i].id)) continue;
		int r = umount_one(now.v[i].point);
		if (r < 0 && !first) first = r;
	}
	return first;
}

static int umount_pass(const char *dir, bool itself, int *gone)
{
	_cleanup_mounts_ struct mounts m;
	int r = mounts_read(&m), first = 0;

	if (r < 0) return r;
	for (size_t i = m.n; i--;) {
		const char *point = m.v[i].point;
		if (!path_within(point, dir) || (!itself && path_within(dir, point))) continue;
		/* UMOUNT_NOFOLLOW is not known everywhere; a mount point is no symlink anyway. */
		r = umount_one(point);
		if (!r) ++*gone;
		else if (r != -EINVAL && r != -ENOENT && !first) first = r;
	}
	return first;
}

static int umount_all(const char *dir, bool itself)
{
	/* mounts stacked on one point show up again until the last is gone */
	enum { PASSES = 8 };
	int gone = 0;

	for (int pass = 0; pass < PASSES; pass++) {
		int before = gone;
		int r = umount_pass(dir, itself, &gone);
		if (r < 0) return r;
		if (gone == before) break;
	}
	return gone;
}

int mounts_umount_within(const char *dir)
{
	return umount_all(dir, true);
}

int mounts_umount_below(const char *dir)
{
	return umount_all(dir, false);
}
