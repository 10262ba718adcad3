/* --runc: what a container runtime does with namespaces, where the kernel has neither setns nor pivot_root nor a mount namespace to
 * join. What they would keep apart is shared, but for the one thing that matters to a container: which folder is its root. */
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <sched.h>
#include <stdio.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/syscall.h>

#include "intercept/calls/handlers.h"
#include "intercept/trace/job.h"
#include "intercept/trace/scratch.h"
#include "intercept/trace/tracer.h"
#include "intercept/view/resolve.h"

enum stage { ASKED, CHROOT, CHDIR, GIVEN_UP };

/* ---- setns ---- */

/* The root of the process whose mount namespace the descriptor stands for; false: it has ours, or none is known. */
static bool other_root(struct call *c, const struct special *s, char *root)
{
	struct tracee of = { .tid = s->mnt_of };

	if (!s->mnt_of || tracee_root(c->tr, c->t) != ROOT_SAME) return false;
	return tracee_link(&of, "root", root, PATH_MAX) && strcmp(root, "/");
}

static enum verdict joined(struct call *c)
{
	c->tr->root_gen++;
	c->tr->link_gen++;
	call_log(c, "root is now %s: %ld", c->t->job->path, c->result);
	call_count(c);
	return call_done(c, c->result);
}

/* setns(2) makes both root and current folder those of the namespace. */
static enum verdict rooted(struct call *c)
{
	if (c->result < 0) return joined(c);
	c->t->job->stage = CHDIR;
	return AGAIN;
}

/* "net:[4026531840]" */
static bool is_ns_name(const char *name)
{
	static const char *const kinds[] = { "net", "pid", "user", "mnt", "ipc", "uts", "cgroup", "time" };
	size_t len = strcspn(name, ":");

	for (size_t i = 0; i < sizeof kinds / sizeof *kinds; i++)
		if (strlen(kinds[i]) == len && !memcmp(name, kinds[i], len) && name[len] == ':') return true;
	return false;
}

/* Is the descriptor one of a namespace at all? Old sandboxes have no name for it: the link leads to /, and is no folder. */
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

static enum verdict setns_asked(struct call *c)
{
	char root[PATH_MAX];

	if (c->result >= 0) return root_exit(c);
	bool unknown = c->result == -EOPNOTSUPP || c->result == -ENOSYS || c->result == -EINVAL;
	const struct special *s = special_of_fd(c->tr, c->t, (int)call_arg(c, 0));
	if (!(c->tr->features & F_RUNC) || !unknown || !is_namespace(c, s)) return PASS;
	if (c->result == -EINVAL && !s) return PASS;   /* the kernel knows the call, and has a reason */
	if (!s || !other_root(c, s, root)) {
		call_log(c, "namespace of kind %#lx: shared", (unsigned long)call_arg(c, 1));
		call_count(c);
		return call_done(c, 0);
	}
	struct job *j = c->t->job = job_new(JOB_OTHER);
	if (!j) return PASS;
	j->stage = CHROOT;
	memcpy(j->path, root, sizeof root);
	return AGAIN;
}

static enum verdict call_with_path(struct call *c, long nr, handler *then)
{
	struct job *j = c->t->job;
	struct scratch *s = j->pool ? j->pool : scratch_get(c, &j->slot);

	if (!s) return scratch_map(c, GIVEN_UP);
	j->pool = s;
	if (call_write(c, scratch_at(s, j->slot), j->path, strlen(j->path) + 1) < 0) return call_done(c, -ENOMEM);
	call_set_nr(c, nr);
	call_set_arg(c, 0, scratch_at(s, j->slot));
	return call_exit(c, then);
}

enum verdict setns_enter(struct call *c)
{
	struct job *j = c->t->job;

	switch (j ? j->stage : ASKED) {
	case CHROOT: return call_with_path(c, SYS_chroot, rooted);
	case CHDIR:
		memcpy(j->path, "/", 2);
		return call_with_path(c, SYS_chdir, joined);
	case GIVEN_UP: return call_done(c, -ENOMEM);
	default: return call_exit(c, setns_asked);
	}
}

/* ---- pivot_root ---- */

static enum verdict pivoted(struct call *c)
{
	root_exit(c);
	c->t->pivoted = c->result >= 0;
	call_log(c, "a chroot instead: %ld", c->result);
	call_count(c);
	return call_done(c, c->result);
}

static enum verdict pivot_asked(struct call *c)
{
	if (c->result >= 0 || !(c->tr->features & F_RUNC) || (c->result != -EINVAL && c->result != -ENOSYS)) return root_exit(c);
	return (c->t->job = job_new(JOB_OTHER)) ? AGAIN : PASS;
}

/* Its first argument is the new root, as chroot's. */
enum verdict pivot_root_enter(struct call *c)
{
	if (!c->t->job) return call_exit(c, pivot_asked);
	call_set_nr(c, SYS_chroot);
	return call_exit(c, pivoted);
}

/* runc then goes to the old root by a descriptor that it kept, and unmounts it. It is still everybody's. */
enum verdict umount_exit(struct call *c)
{
	char raw[PATH_MAX], path[PATH_MAX];

	if (c->result != -EINVAL || !c->t->pivoted || !(call_arg(c, 1) & MNT_DETACH)) return PASS;
	if (mem_string(&c->tr->mem, c->t->tid, call_arg(c, 0), raw, sizeof raw) < 0
		|| !resolve_path(c->tr, c->t, AT_FDCWD, raw, path) || strcmp(path, "/")) return PASS;
	c->t->pivoted = false;
	call_count(c);
	return call_done(c, 0);
}
