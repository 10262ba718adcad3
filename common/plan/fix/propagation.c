/* Makes / a shared mount, and private again. */
#include "plan/fix/propagation.h"

#include <errno.h>
#include <string.h>
#include <sys/mount.h>

static int set(unsigned long how, struct err *e)
{
	return mount(NULL, "/", NULL, how | MS_REC, NULL) < 0
		? err_errno(e, -errno, "mount(2) of /") : 0;
}

int propagation_share(const struct plan_options *o, const struct plan_step *s, struct err *e)
{
	(void)o, (void)s;
	return set(MS_SHARED, e);
}

int propagation_unshare(const struct plan_options *o, const char *seen, struct err *e)
{
	(void)o;
	return seen && !strcmp(seen, "all") ? set(MS_PRIVATE, e) : 0;
}
