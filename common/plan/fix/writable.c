/* Makes read-only mounts writable, and read-only again. */
#include "plan/fix/writable.h"

#include <errno.h>
#include <sys/mount.h>
#include <sys/statvfs.h>

#include "base/io.h"
#include "base/path.h"
#include "plan/fix/noted.h"

/* What we made writable, a path a line, written before each remount. */
#define OURS K3SBOX_RUN "/writable"

static bool is_readonly(const struct mount_entry *e, const char *dir)
{
	struct statvfs fs;

	return path_within(e->point, dir) && !statvfs(e->point, &fs) && fs.f_flag & ST_RDONLY;
}

bool writable_is_needed(const struct mounts *m, const char *dir)
{
	for (size_t i = 0; i < m->n; i++)
		if (is_readonly(&m->v[i], dir)) return true;
	return false;
}

int writable_make(const struct mounts *m, const char *dir, int (*note)(const char *point))
{
	int r = 0;

	for (size_t i = 0; i < m->n && !r; i++) {
		if (!is_readonly(&m->v[i], dir)) continue;
		if (note) r = note(m->v[i].point);
		if (!r) r = mounts_remount(m->v[i].point, 0, MS_RDONLY);
	}
	return r;
}

static int note_ours(const char *point)
{
	return io_add_line(OURS, 0600, point);
}

int writable_apply(const struct plan_options *o, const struct plan_step *s, struct err *e)
{
	_cleanup_mounts_ struct mounts m = {0};
	int r = mounts_read(&m);

	(void)o;
	if (!r) r = io_mkdirs(K3SBOX_RUN, 0700);
	if (!r) r = writable_make(&m, s->row->arg, note_ours);
	return r < 0 ? err_errno(e, r, "mounts in %s", s->row->arg) : 0;
}

static int make_readonly(const char *point)
{
	int r = mounts_remount(point, MS_RDONLY, 0);

	/* One that was unmounted in the meantime needs nothing. */
	return r == -ENOENT || r == -EINVAL ? 0 : r;
}

int writable_undo(const struct plan_options *o, const char *seen, struct err *e)
{
	(void)o, (void)seen;
	return noted_undo(OURS, make_readonly, "", e);
}
