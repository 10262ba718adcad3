/* Writes the bundle. Which authorities are in it is decided in net/ca.c. */
#include "plan/fix/ca_bundle.h"

#include <errno.h>

#include "base/buf.h"
#include "net/ca.h"

int ca_bundle_write(const struct plan_options *o, const struct plan_step *s, struct err *e)
{
	_cleanup_buf_ struct buf text = {0};

	(void)o, (void)s;
	ca_load(&text, NULL);
	int r = text.failed ? -ENOMEM : 0;
	/* Containers have it by bind mounts, and not all of them are root's. */
	if (!r) r = io_replace(CA_BUNDLE_FILE, 0644, text.data, text.len);
	return r < 0 ? err_errno(e, r, CA_BUNDLE_FILE) : 0;
}

int ca_bundle_remove(const struct plan_options *o, const char *seen, struct err *e)
{
	int r = io_unlink(CA_BUNDLE_FILE);

	(void)o, (void)seen;
	return r < 0 ? err_errno(e, r, CA_BUNDLE_FILE) : 0;
}
