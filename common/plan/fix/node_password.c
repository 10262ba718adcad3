/* Puts the node's password back. The copy is made by `run`, once the node is ready. */
#include "plan/fix/node_password.h"

#include <limits.h>

#include "base/io.h"
#include "plan/node.h"

int node_password_restore(const struct plan_options *o, const struct plan_step *s, struct err *e)
{
	char copy[PATH_MAX];
	int r = node_password_copy(o->data_dir, copy, sizeof copy);

	(void)s;
	if (!r) r = io_mkparents(NODE_PASSWORD, 0755);
	if (!r) r = io_copy(copy, NODE_PASSWORD, 0600);
	return r < 0 ? err_errno(e, r, NODE_PASSWORD) : 0;
}

int node_password_leave(const struct plan_options *o, const char *seen, struct err *e)
{
	(void)o, (void)seen, (void)e;
	return 0;
}
