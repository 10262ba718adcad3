#include "kmsg.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/mount.h>
#include <unistd.h>

#include "cleanup.h"
#include "mounts.h"

#define KMSG "/dev/kmsg"
#define TARGET "null"    /* relative: right in every root */

int kmsg_check(void)
{
	_cleanup_close_ int fd = open(KMSG, O_RDONLY | O_NONBLOCK | O_CLOEXEC);
	return fd < 0 ? -errno : 0;
}

int kmsg_link(void)
{
	return symlink(TARGET, KMSG) < 0 ? -errno : 0;
}

int kmsg_bind(void)
{
	/* A file to mount on, if there is none. */
	_cleanup_close_ int fd = open(KMSG, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
	if (fd < 0 && errno != EEXIST) return -errno;
	return mount("/dev/null", KMSG, NULL, MS_BIND, NULL) < 0 ? -errno : 0;
}

int kmsg_clean(void)
{
	char target[16];
	ssize_t n = readlink(KMSG, target, sizeof target);

	if (n == (ssize_t)strlen(TARGET) && !memcmp(target, TARGET, (size_t)n)) return unlink(KMSG) < 0 ? -errno : 0;
	_cleanup_mounts_ struct mounts m = {0};
	int r = mounts_read(&m);
	if (r < 0 || !mounts_at(&m, KMSG)) return r;
	return umount2(KMSG, 0) < 0 ? -errno : 0;
}
