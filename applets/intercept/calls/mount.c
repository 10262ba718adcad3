/* mount(2), where the sandbox lacks a flag or an option: first as asked, then as near to it as the
 * kernel can. */
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>

#include "base/buf.h"
#include "base/io.h"
#include "intercept/calls/handlers.h"
#include "intercept/trace/job.h"
#include "intercept/trace/scratch.h"
#include "intercept/view/path.h"
#include "intercept/view/resolve.h"

enum { PROPAGATION = MS_SHARED | MS_PRIVATE | MS_SLAVE | MS_UNBINDABLE, ATIME = MS_STRICTATIME | MS_RELATIME | MS_NODIRATIME };

/* One thing that a kernel may lack: a mount that failed with this error, asked for with these flags or
 * this type, … */
struct lack {
	const char *what;
	unsigned feature;
	int error;
	unsigned long flags;       /* any of these */
	const char *type;          /* of this type; NULL: whatever */
	unsigned long drop_flags;  /* is repeated without these, */
	bool drop_data;            /* without its options, */
	bool ignore;               /* or reported as done */
};

static const struct lack lacks[] = {
	{ "access time flags", F_MOUNTS, EINVAL, .flags = ATIME, .drop_flags = ATIME },
	{ "propagation", F_PROPAGATION, EINVAL, .flags = PROPAGATION, .ignore = true },
	{ "recursive bind", F_MOUNTS, EINVAL, .flags = MS_BIND, .drop_flags = MS_REC },
	{ "remount", F_MOUNTS, EINVAL, .flags = MS_REMOUNT, .ignore = true },
	{ "devpts", F_MOUNTS, ENODEV, .type = "devpts", .ignore = true },
	{ "mqueue", F_MOUNTS, ENODEV, .type = "mqueue", .ignore = true },
	{ "tmpfs options", F_MOUNTS, EINVAL, .type = "tmpfs", .drop_data = true },
};

/* Is it a mount point, in the tracee's eyes? Propagation of anything else is an error everywhere. */
static bool is_mount_point(struct call *c, const char *raw)
{
	char path[PATH_MAX], name[64];
	_cleanup_buf_ struct buf text = {0}, escaped = {0};

	tracee_proc(c->t, "mountinfo", name, sizeof name);
	if (!resolve_path(c->tr, c->t, AT_FDCWD, raw, path) || io_read(name, &text, 64 << 20) < 0) return false;
	buf_putc(&escaped, ' ');
	for (const char *p = path; *p; p++)
		if (strchr(" \t\n\\", *p)) buf_printf(&escaped, "\\%03o", (unsigned char)*p);
		else buf_putc(&escaped, *p);
	buf_putc(&escaped, ' ');
	return text.data && escaped.data && strstr(text.data, escaped.data);
}

/* Flags that the kernel would refuse wherever it is. */
static bool is_nonsense(unsigned long flags)
{
	unsigned long kind = flags & PROPAGATION;
	return (kind & (kind - 1)) || (kind && flags & ~(unsigned long)(PROPAGATION | MS_REC | MS_SILENT));
}

static bool fits(struct call *c, const struct lack *l, unsigned long flags, const char *type)
{
	if (!(c->tr->features & l->feature) || c->result != -l->error) return false;
	if (l->flags && !(flags & l->flags)) return false;
	if (l->type && strcmp(type, l->type)) return false;
	return l->ignore || (l->drop_flags & flags) || (l->drop_data && call_arg(c, 4));
}

static enum verdict asked(struct call *c)
{
	char type[64], target[PATH_MAX];
	unsigned long flags = call_arg(c, 3);

	if (c->result >= 0 || is_nonsense(flags)) return PASS;
	if (mem_string(&c->tr->mem, c->t->tid, call_arg(c, 2), type, sizeof type) < 0) *type = 0;
	if (mem_string(&c->tr->mem, c->t->tid, call_arg(c, 1), target, sizeof target) < 0) return PASS;
	const struct lack *l = c->t->job && c->t->job->lack ? c->t->job->lack + 1 : lacks;
	for (; l < lacks + sizeof lacks / sizeof *lacks; l++) {
		if (!fits(c, l, flags, type) || (l->ignore && l->flags && !is_mount_point(c, target))) continue;
		call_log(c, "%.200s: no %s here: %s", target, l->what, l->ignore ? "reported as done" : "done without");
		call_count(c);
		if (l->ignore) return call_done(c, 0);
		if (!c->t->job && !(c->t->job = job_new(JOB_OTHER))) return PASS;
		c->t->job->lack = l;
		c->t->job->flags |= l->drop_flags;
		c->t->job->no_data |= l->drop_data;
		return AGAIN;
	}
	return PASS;
}

/* ---- links ---- */

enum stage { GIVEN_UP = 1 };
enum { SOURCE, TARGET };

/* Where the path leads, if links come into it. */
static void follow(struct call *c, int arg, char *to)
{
	char raw[PATH_MAX], text[PATH_MAX];

	if (mem_string(&c->tr->mem, c->t->tid, call_arg(c, arg), raw, sizeof raw) <= 0) return;
	if (!resolve_path(c->tr, c->t, AT_FDCWD, raw, to) || (path_join(text, "/", raw) == 0 && !strcmp(text, to))) *to = 0;
}

/* gVisor of 2022 mounts on a link itself, not on what it leads to, and binds the link; runc names what it mounts on /proc/self/fd/N. */
static struct job *follow_links(struct call *c)
{
	unsigned long flags = call_arg(c, 3);
	struct job *j = job_new(JOB_OTHER);

	if (!j) return NULL;
	follow(c, TARGET, j->path);
	if (flags & MS_BIND && !(flags & MS_REMOUNT)) follow(c, SOURCE, j->target);
	return j;
}

/* Puts the paths that links lead to in place of the arguments; they are given back when the call is over. */
static bool set_paths(struct call *c, const struct job *j, uint64_t at)
{
	const struct { int arg; const char *path; } paths[] = { { TARGET, j->path }, { SOURCE, j->target } };
	uint64_t end = at + SCRATCH_SLOT;

	for (size_t i = 0; i < sizeof paths / sizeof *paths; i++) {
		size_t n = strlen(paths[i].path) + 1;
		if (n == 1) continue;
		if (n > end - at || call_write(c, at, paths[i].path, n) < 0) return false;
		call_set_arg(c, paths[i].arg, at);
		at += n;
	}
	return true;
}

enum verdict mount_enter(struct call *c)
{
	struct job *j = c->t->job;

	if (!j && c->tr->features & F_RUNC) j = c->t->job = follow_links(c);
	if (j && (*j->path || *j->target) && j->stage != GIVEN_UP) {
		struct scratch *s = j->pool ? j->pool : scratch_get(c, &j->slot);
		if (!s) return scratch_map(c, GIVEN_UP);
		j->pool = s;
		if (!set_paths(c, j, scratch_at(s, j->slot))) return call_done(c, -ENAMETOOLONG);
	}
	if (j && j->lack) call_set_arg(c, 3, call_arg(c, 3) & ~j->flags);
	if (j && j->no_data) call_set_arg(c, 4, 0);
	return call_exit(c, asked);
}
