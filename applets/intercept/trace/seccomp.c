/* Installing a seccomp filter; calls/filter.c makes it. */
#include "intercept/trace/seccomp.h"

#include <errno.h>
#include <linux/seccomp.h>
#include <sys/prctl.h>

int seccomp_install(const struct sock_filter *f, size_t n)
{
	struct sock_fprog p = { (unsigned short)n, (struct sock_filter *)f };

	if (!prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &p, 0, 0)) return 0;
	if (errno != EACCES) return -errno;
	if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) < 0) return -errno;
	return prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &p, 0, 0) < 0 ? -errno : 0;
}
