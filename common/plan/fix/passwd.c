/* Makes an /etc/passwd for the kubelet, and removes it. */
#include "plan/fix/passwd.h"

#include <errno.h>
#include <string.h>
#include <unistd.h>

#include "base/buf.h"
#include "base/io.h"

#define PASSWD "/etc/passwd"

/* The name in the fifth field marks it as ours. */
static const char content[] = "root:x:0:0:k3sbox:/root:/sbin/nologin\n";

int passwd_check(void)
{
	return access(PASSWD, R_OK) < 0 ? -errno : 0;
}

int passwd_make(const struct plan_options *o, const struct plan_step *s, struct err *e)
{
	(void)o, (void)s;
	if (!passwd_check()) return 0;
	int r = io_mkparents(PASSWD, 0755);
	if (!r) r = io_replace(PASSWD, 0644, content, sizeof content - 1);
	return r < 0 ? err_errno(e, r, PASSWD) : 0;
}

int passwd_remove(const struct plan_options *o, const char *seen, struct err *e)
{
	_cleanup_buf_ struct buf b = {0};
	int r = io_read(PASSWD, &b, sizeof content);

	(void)o, (void)seen;
	if (r == -ENOENT || r == -EFBIG) return 0;
	if (!r && b.len == sizeof content - 1 && !memcmp(b.data, content, b.len))
		r = io_unlink(PASSWD);
	return r < 0 ? err_errno(e, r, PASSWD) : 0;
}
