/* Makes /dev/kmsg openable, and takes that back. */
#include "plan/fix/kmsg.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/mount.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/io.h"
#include "base/mounts.h"

#define KMSG "/dev/kmsg"
#define TARGET "null"    /* relative: right in every root */
/* Exists while the link or the mount is ours: one that a container was given (docker run -v
 * /dev/null:/dev/kmsg) looks just the same. */
#define OURS K3SBOX_RUN "/kmsg-ours"

int kmsg_check(void)
{
	_cleanup_close_ int fd = open(KMSG, O_RDONLY | O_NONBLOCK | O_CLOEXEC);
	return fd < 0 ? -errno : 0;
}

static int note(void)
{
	int r = io_mkdirs(K3SBOX_RUN, 0700);
	return r < 0 ? r : io_replace(OURS, 0600, "", 0);
}

int kmsg_link(const struct plan_options *o, const struct plan_step *s, struct err *e)
{
	(void)o, (void)s;
	int r = note();
	if (!r && symlink(TARGET, KMSG) < 0) r = -errno;
	return r < 0 ? err_errno(e, r, KMSG) : 0;
}

int kmsg_bind(const struct plan_options *o, const struct plan_step *s, struct err *e)
{
	(void)o, (void)s;
	int r = note();
	if (!r && mount("/dev/null", KMSG, NULL, MS_BIND, NULL) < 0) r = -errno;
	return r < 0 ? err_errno(e, r, KMSG) : 0;
}

int kmsg_remove(const struct plan_options *o, const char *seen, struct err *e)
{
	char target[16];
	_cleanup_mounts_ struct mounts m = {0};
	int r = 0;

	(void)o, (void)seen;
	if (!io_exists(OURS)) return 0;
	ssize_t n = readlink(KMSG, target, sizeof target);
	if (n == (ssize_t)strlen(TARGET) && !memcmp(target, TARGET, (size_t)n)) r = io_unlink(KMSG);
	else if (!(r = mounts_read(&m)) && mounts_at(&m, KMSG) && umount2(KMSG, 0) < 0) r = -errno;
	if (!r) r = io_unlink(OURS);
	return r < 0 ? err_errno(e, r, KMSG) : 0;
}
