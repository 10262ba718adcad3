/* umount2(2) of a path that is no mount point here, which gVisor takes for the mount that the path
 * lies in if a mount namespace elsewhere has something mounted there (pkg/sentry/vfs/mount.go,
 * getMountpoint: a dentry counts its mounts in all namespaces; where getMountAt then finds none,
 * the containing mount stays). With MNT_DETACH that is "/" and all below it. containerd detaches
 * what may be gone already (cleanupSandboxFiles, UnmountAll), while a container that starts still
 * has copies of all mounts. A shared "/" avoids that; so these calls belong to --propagation. */
#include <fcntl.h>
#include <limits.h>
#include <sys/mount.h>
#include <unistd.h>

#include "base/buf.h"
#include "base/io.h"
#include "base/mounts.h"
#include "intercept/calls/call.h"
#include "intercept/calls/handlers.h"
#include "intercept/view/path.h"
#include "intercept/view/resolve.h"
#include "intercept/view/root.h"

enum { PATH, FLAGS };   /* the arguments */

/* The tracee's mounts; none if they cannot be read. */
static void read_mounts(const struct tracee *t, struct mounts *m)
{
	struct buf text = {0};
	char name[64];

	tracee_proc(t, "mountinfo", name, sizeof name);
	if (io_read(name, &text, 64 << 20) < 0) buf_free(&text);
	else mounts_parse(m, text.data);
}

/* Looking for links in it could mean to wait for a tracee. */
static bool is_served(const struct mounts *m, const char *path)
{
	for (size_t i = 0; i < m->n; i++)
		if (mounts_is_served(&m->v[i]) && path_within(path, m->v[i].point)) return true;
	return false;
}

/* False only if it certainly is none, but exists: what does not exist is the kernel's to refuse. */
static bool may_be_mount_point(struct call *c, const char *raw)
{
	_cleanup_mounts_ struct mounts m = {0};
	char path[PATH_MAX], ours[PATH_MAX];

	if (*raw != '/' || path_join(path, "/", raw) < 0 || path_below(path, "/proc")) return true;
	read_mounts(c->t, &m);
	if (!m.n || mounts_at(&m, path) || is_served(&m, path)) return true;
	if (!resolve_path(&c->tr->view, c->t, AT_FDCWD, raw, path) || mounts_at(&m, path))
		return true;
	return root_name(&c->tr->view, c->t, path, ours) < 0 || access(ours, F_OK) < 0;
}

/* The kernel still answers, with EPERM where it should: to flags that exclude each other, which
 * unmount nothing. */
enum call_verdict umount_enter(struct call *c)
{
	char raw[PATH_MAX];

	if (c->tr->cfg.features & F_PROPAGATION && call_string(c, PATH, raw, sizeof raw) > 0
		&& !may_be_mount_point(c, raw)) {
		call_log(c, "%.200s: not a mount point: nothing is unmounted", raw);
		call_count(c);
		call_set_arg(c, FLAGS, call_arg(c, FLAGS) | MNT_DETACH | MNT_EXPIRE);
	}
	return call_then(c, umount_exit);
}
