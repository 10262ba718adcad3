#include "kmsg.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/mount.h>
#include <unistd.h>

#include "cleanup.h"
#include "io.h"
#include "mounts.h"

#define KMSG "/dev/kmsg"
#define TARGET "null"    /* relative: right in every root */
/* There while a mount of ours is: one that a container was given (docker run -v /dev/null:/dev/kmsg) looks just the same. */
#define BOUND K3SBOX_RUN "/kmsg-bound"

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
	int r = io_mkdirs(K3SBOX_RUN, 0700);
	if (!r) r = io_replace(BOUND, 0600, "", 0);
	if (r < 0) return r;
	return mount("/dev/null", KMSG, NULL, MS_BIND, NULL) < 0 ? -errno : 0;
}

int kmsg_clean(void)
{
	char target[16];
	ssize_t n = readlink(KMSG, target, sizeof target);

	if (n == (ssize_t)strlen(TARGET) && !memcmp(target, TARGET, (size_t)n)) return unlink(KMSG) < 0 ? -errno : 0;
	if (!io_exists(BOUND)) return 0;
	_cleanup_mounts_ struct mounts m = {0};
	int r = mounts_read(&m);
	if (!r && mounts_at(&m, KMSG) && umount2(KMSG, 0) < 0) r = -errno;
	return r < 0 ? r : io_unlink(BOUND);
}
