/* struct statx and its system call. */
#include "intercept/view/statx.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/stat.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

_Static_assert(sizeof(struct statx) == STATX_BYTES, "the kernel's struct statx has a fixed size");

int statx_call(int dirfd, const char *path, unsigned flags, unsigned mask, char out[STATX_BYTES])
{
	return syscall(SYS_statx, dirfd, path, flags, mask, out) < 0 ? -errno : 0;
}

void statx_patch(char buf[STATX_BYTES], const struct statx_info *i)
{
	struct statx x;

	memcpy(&x, buf, sizeof x);
	x.stx_mode = (uint16_t)i->mode;
	x.stx_nlink = i->nlink;
	x.stx_dev_major = (uint32_t)i->dev_major;
	x.stx_dev_minor = (uint32_t)i->dev_minor;
	x.stx_size = i->size;
	if (i->has_mnt_id) {
		x.stx_mask |= STATX_MNT_ID;
		x.stx_mnt_id = i->mnt_id;
	}
	memcpy(buf, &x, sizeof x);
}

void statx_make(const struct statx_info *i, char out[STATX_BYTES])
{
	struct statx x = { .stx_mask = STATX_BASIC_STATS, .stx_blksize = 1024, .stx_ino = i->ino };

	x.stx_atime.tv_sec = x.stx_mtime.tv_sec = x.stx_ctime.tv_sec = i->seconds;
	memcpy(out, &x, sizeof x);
	statx_patch(out, i);
}

uint32_t statx_mode(const char buf[STATX_BYTES])
{
	struct statx x;

	memcpy(&x, buf, sizeof x);
	return x.stx_mode;
}

bool statx_mount_id(const char *path, uint64_t *id)
{
	struct statx x;

	if (statx_call(AT_FDCWD, path, 0, STATX_MNT_ID, (char *)&x) < 0
		|| !(x.stx_mask & STATX_MNT_ID)) return false;
	*id = x.stx_mnt_id;
	return true;
}
