/* Binds the data directory to itself, without noexec, and takes that back. */
#include "plan/fix/executable.h"

#include <errno.h>
#include <string.h>
#include <sys/mount.h>

#include "base/buf.h"
#include "base/io.h"
#include "base/mounts.h"

/* The directory that we have bound; written first. */
#define OURS K3SBOX_RUN "/executable"

int executable_bind(const char *dir)
{
	if (mount(dir, dir, NULL, MS_BIND | MS_REC, NULL) < 0) return -errno;
	int r = mounts_remount(dir, 0, MS_NOEXEC);
	if (r < 0) umount2(dir, MNT_DETACH);
	return r;
}

int executable_apply(const struct plan_options *o, const struct plan_step *s, struct err *e)
{
	(void)s;
	int r = io_mkdirs(K3SBOX_RUN, 0700);
	if (!r) r = io_mkdirs(o->data_dir, 0755);
	if (!r) r = io_replace(OURS, 0600, o->data_dir, strlen(o->data_dir));
	if (!r) r = executable_bind(o->data_dir);
	return r < 0 ? err_errno(e, r, "%s", o->data_dir) : 0;
}

int executable_undo(const struct plan_options *o, const char *seen, struct err *e)
{
	_cleanup_buf_ struct buf dir = {0};

	(void)o, (void)seen;
	if (io_read(OURS, &dir, 1 << 12) < 0 || !dir.len) return 0;
	/* One that was unmounted in the meantime needs nothing. */
	if (umount2(dir.data, MNT_DETACH) < 0 && errno != EINVAL && errno != ENOENT)
		return err_errno(e, -errno, "%s", dir.data);
	return io_unlink(OURS);
}
