/* Makes read-only mounts writable, and read-only again. */
#include "plan/fix/writable.h"

#include <errno.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/statvfs.h>

#include "base/buf.h"
#include "base/io.h"
#include "base/path.h"

/* What we made writable, a path a line, written before each remount. */
#define OURS K3SBOX_RUN "/writable"

static int set_readonly(const char *point, bool readonly)
{
	/* ST_ and MS_ have the same values for these. */
	enum { KEPT = ST_NOSUID | ST_NODEV | ST_NOEXEC };
	struct statvfs fs;

	if (statvfs(point, &fs) < 0) return -errno;
	unsigned long flags = MS_REMOUNT | MS_BIND | (fs.f_flag & KEPT) |
		(readonly ? MS_RDONLY : 0);
	return mount(NULL, point, NULL, flags, NULL) < 0 ? -errno : 0;
}

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
		if (!r) r = set_readonly(m->v[i].point, false);
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

int writable_undo(const struct plan_options *o, const char *seen, struct err *e)
{
	_cleanup_buf_ struct buf list = {0};
	int result = 0;

	(void)o, (void)seen;
	if (io_read(OURS, &list, 1 << 16) < 0) return 0;
	for (char *line = list.data, *next; line && *line; line = next) {
		next = strchr(line, '\n');
		if (next) *next++ = 0;
		int r = set_readonly(line, true);
		/* One that was unmounted in the meantime needs nothing. */
		if (r < 0 && r != -ENOENT && r != -EINVAL && !result)
			result = err_errno(e, r, "%s", line);
	}
	return result < 0 ? result : io_unlink(OURS);
}
