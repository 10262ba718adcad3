/* Goes into namespaces and comes back: a plugin has one thread, so setns(2) does it. */
#include "bridge/netns.h"

#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/die.h"

static const char own_netns[] = "/proc/self/ns/net";

static int visit(int to, int (*fn)(void *arg), void *arg)
{
	_cleanup_close_ int back = open(own_netns, O_RDONLY | O_CLOEXEC);

	if (back < 0) return -errno;
	if (setns(to, CLONE_NEWNET) < 0) return -errno;
	int r = fn(arg);
	/* In the wrong namespace everything else that this process does would be wrong. */
	if (setns(back, CLONE_NEWNET) < 0)
		die_errno(EX_SYS, -errno, "the way back into the plugin's network namespace");
	return r;
}

static int open_socket(void *arg)
{
	return nl_open(arg);
}

int bridge_netns_open(const char *path, struct bridge_netns *ns)
{
	ns->fd = open(path ? path : own_netns, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
	if (ns->fd < 0) return -errno;
	int r = path ? visit(ns->fd, open_socket, &ns->nl) : nl_open(&ns->nl);
	if (r < 0) bridge_netns_close(ns);
	return r;
}

void bridge_netns_close(struct bridge_netns *ns)
{
	nl_close(&ns->nl);
	if (ns->fd >= 0) close(ns->fd);
	ns->fd = -1;
}

int bridge_netns_run(const struct bridge_netns *ns, int (*fn)(void *arg), void *arg)
{
	return visit(ns->fd, fn, arg);
}

bool bridge_netns_same(const struct bridge_netns *a, const struct bridge_netns *b)
{
	struct stat x, y;

	if (fstat(a->fd, &x) < 0 || fstat(b->fd, &y) < 0) return false;
	return x.st_dev == y.st_dev && x.st_ino == y.st_ino;
}
