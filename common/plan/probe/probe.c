/* What the probes share: results, and children with a mount namespace of their own. */
#include "plan/probe/probe.h"

#include <errno.h>
#include <sched.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <sys/mount.h>

#include "base/io.h"
#include "base/mounts.h"
#include "base/spawn.h"

enum { PROBE_MS = 5000 };

void probe_obstacle(struct fact_result *r, enum obstacle_kind kind, const char *fmt, ...)
{
	va_list ap;

	r->state = RESULT_OBSTACLE;
	r->kind = kind;
	va_start(ap, fmt);
	vsnprintf(r->why, sizeof r->why, fmt, ap);
	va_end(ap);
}

void probe_obstacle_errno(struct fact_result *r, enum obstacle_kind kind, const char *what, int err)
{
	probe_obstacle(r, kind, "%s: %s", what, strerror(err));
}

void probe_skip(struct fact_result *r, const char *why)
{
	*r = (struct fact_result){ .state = RESULT_SKIPPED };
	snprintf(r->why, sizeof r->why, "%s", why);
}

bool probe_in_user_namespace(void)
{
	char map[64] = "";

	io_read_line("/proc/self/uid_map", map, sizeof map);
	return *map && !strstr(map, " 4294967295");
}

struct probe_call {
	int (*fn)(void *arg);
	void *arg;
};

static int in_namespace(void *arg)
{
	const struct probe_call *c = arg;
	if (unshare(CLONE_NEWNS) < 0) return errno;
	/* Where propagation cannot be set (old gVisor) it does not exist either, so nothing
	 * leaks. */
	if (mount(NULL, "/", NULL, MS_PRIVATE | MS_REC, NULL) < 0 && errno != EINVAL) return errno;
	_cleanup_mounts_ struct mounts before = {0};
	int r = -mounts_read(&before);
	if (r) return r;
	r = c->fn(c->arg);
	mounts_undo_since(&before);
	return r;
}

int probe_in_mount_namespace(int (*fn)(void *arg), void *arg)
{
	struct probe_call c = { fn, arg };
	int r = spawn_call(in_namespace, &c, PROBE_MS);
	return r < 0 ? -r : r > 128 ? EINTR : r;
}
