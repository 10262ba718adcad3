/* What a container runtime does with namespaces (--runc), where the kernel has no setns, no
 * pivot_root and no mount namespace to join. What namespaces would separate is shared, except for
 * what a container cannot do without: its root directory. Calls that change a root or a namespace
 * are noted here too. */
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <sched.h>
#include <stdio.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/syscall.h>

#include "intercept/calls/call.h"
#include "intercept/calls/handlers.h"
#include "intercept/view/resolve.h"
#include "intercept/view/root.h"

/* Can the call have changed a root? unshare and setns: only with a mount namespace, or if setns is
 * not told what the descriptor is. */
static bool changes_root(const struct call *c)
{
	uint64_t kinds = call_arg(c, c->rule->nr == SYS_setns);

	if (c->rule->nr == SYS_unshare) return kinds & CLONE_NEWNS;
	return c->rule->nr != SYS_setns || !kinds || kinds & CLONE_NEWNS;
}

/* chroot, unshare, setns, pivot_root: paths start elsewhere. */
enum call_verdict root_exit(struct call *c)
{
	if (c->result >= 0 && changes_root(c)) view_roots_changed(&c->tr->view);
	if (c->rule->nr == SYS_unshare || c->rule->nr == SYS_setns) wait_left_pid_namespace(c);
	return CALL_PASS;
}

/* ---- setns: a chroot and a chdir instead ---- */

static call_handler setns_answered, chroot_begins, chroot_done, chdir_begins, joined;

enum call_verdict setns_enter(struct call *c)
{
	return call_then(c, setns_answered);
}

/* "net:[4026531840]" */
static bool is_ns_name(const char *name)
{
	static const char *const kinds[] = {
		"net", "pid", "user", "mnt", "ipc", "uts", "cgroup", "time",
	};
	size_t len = strcspn(name, ":");

	for (size_t i = 0; i < sizeof kinds / sizeof *kinds; i++)
		if (strlen(kinds[i]) == len && !memcmp(name, kinds[i], len) && name[len] == ':')
			return true;
	return false;
}

/* Is the descriptor a namespace at all? Old sandboxes have no name for it: the link leads to /,
 * which is not a directory then. */
static bool is_namespace(struct call *c, const struct special *s)
{
	char what[32], path[64], name[PATH_MAX];
	struct stat st;

	if (s) return s->is_ns;
	snprintf(what, sizeof what, "fd/%d", (int)call_arg(c, 0));
	if (!tracee_link(c->t, what, name, sizeof name)) return false;
	tracee_proc(c->t, what, path, sizeof path);
	return is_ns_name(name) || (!strcmp(name, "/") && !stat(path, &st) && S_ISREG(st.st_mode));
}

/* The root directory of the process whose mount namespace the descriptor stands for; false: it is
 * ours, or unknown. */
static bool other_root(struct call *c, const struct special *s, char *root)
{
	struct tracee of = { .tid = s->mnt_of };

	if (!s->mnt_of || root_of(&c->tr->view, c->t) != ROOT_SAME) return false;
	return tracee_link(&of, "root", root, PATH_MAX) && strcmp(root, "/");
}

/* EINVAL for a descriptor of the kernel's own: it has the call, and a reason. */
static bool lacks_setns(struct call *c, const struct special *s)
{
	if (!(c->tr->cfg.features & F_RUNC)) return false;
	if (c->result != -EOPNOTSUPP && c->result != -ENOSYS && !(c->result == -EINVAL && s))
		return false;
	return is_namespace(c, s);
}

static enum call_verdict setns_answered(struct call *c)
{
	char root[PATH_MAX];

	if (c->result >= 0) return root_exit(c);
	const struct special *s = call_special(c, 0);
	if (!lacks_setns(c, s)) return CALL_PASS;
	if (!s || !other_root(c, s, root)) {
		call_log(c, "namespace of kind %#lx: shared", (unsigned long)call_arg(c, 1));
		call_count(c);
		return call_done(c, 0);
	}
	if (!call_new_state(c)) return CALL_PASS;
	snprintf(call_state(c)->setns.root, PATH_MAX, "%s", root);
	return call_again(c, chroot_begins);
}

static enum call_verdict chroot_begins(struct call *c)
{
	call_set_nr(c, SYS_chroot);
	call_set_path(c, 0, call_state(c)->setns.root);
	return call_then(c, chroot_done);
}

/* setns(2) makes both the root and the current directory those of the namespace. */
static enum call_verdict chroot_done(struct call *c)
{
	return c->result < 0 ? joined(c) : call_again(c, chdir_begins);
}

static enum call_verdict chdir_begins(struct call *c)
{
	call_set_nr(c, SYS_chdir);
	call_set_path(c, 0, "/");
	return call_then(c, joined);
}

static enum call_verdict joined(struct call *c)
{
	view_roots_changed(&c->tr->view);
	call_log(c, "root is now %s: %ld", call_state(c)->setns.root, c->result);
	call_count(c);
	return call_done(c, c->result);
}

/* ---- pivot_root: a chroot instead ---- */

static call_handler pivot_answered, pivot_by_chroot, pivoted;

enum call_verdict pivot_root_enter(struct call *c)
{
	return call_then(c, pivot_answered);
}

static enum call_verdict pivot_answered(struct call *c)
{
	bool missing = c->result == -EINVAL || c->result == -ENOSYS;

	if (!missing || !(c->tr->cfg.features & F_RUNC)) return root_exit(c);
	return call_again(c, pivot_by_chroot);
}

/* Its first argument is the new root, as that of chroot. */
static enum call_verdict pivot_by_chroot(struct call *c)
{
	call_set_nr(c, SYS_chroot);
	return call_then(c, pivoted);
}

static enum call_verdict pivoted(struct call *c)
{
	root_exit(c);
	c->t->pivoted = c->result >= 0;
	call_log(c, "a chroot instead: %ld", c->result);
	call_count(c);
	return call_done(c, c->result);
}

/* runc then enters the old root by a descriptor that it kept, and unmounts it. After a chroot it is
 * still the root of all other processes. */
enum call_verdict umount_exit(struct call *c)
{
	char raw[PATH_MAX], path[PATH_MAX];

	if (c->result != -EINVAL || !c->t->pivoted || !(call_arg(c, 1) & MNT_DETACH))
		return CALL_PASS;
	if (call_string(c, 0, raw, sizeof raw) < 0) return CALL_PASS;
	if (!resolve_path(&c->tr->view, c->t, AT_FDCWD, raw, path) || strcmp(path, "/"))
		return CALL_PASS;
	c->t->pivoted = false;
	call_count(c);
	return call_done(c, 0);
}
