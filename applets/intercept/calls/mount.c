/* mount(2), where the kernel lacks a flag or an option: first as the tracee asks for it, then as
 * close to that as this kernel can. With --runc, mount points and sources that are links are
 * followed here. */
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/stat.h>

#include "base/buf.h"
#include "base/io.h"
#include "intercept/calls/call.h"
#include "intercept/calls/handlers.h"
#include "intercept/view/path.h"
#include "intercept/view/resolve.h"

enum { SOURCE, TARGET, TYPE, FLAGS, DATA };   /* the arguments */

enum {
	PROPAGATION = MS_SHARED | MS_PRIVATE | MS_SLAVE | MS_UNBINDABLE,
	ATIME = MS_STRICTATIME | MS_RELATIME | MS_NODIRATIME,
};

/* Something that a kernel may lack: a mount that failed with this error, with any of these flags or
 * of this type, is repeated without some flags, without its options, or reported as done. */
struct mount_lack {
	const char *what;
	unsigned feature;
	int error;
	unsigned long flags;
	const char *type;          /* NULL: any */
	unsigned long drop_flags;
	bool drop_data;
	bool ignore;
};

static const struct mount_lack lacks[] = {
	{ "access time flags", F_MOUNTS, EINVAL, .flags = ATIME, .drop_flags = ATIME },
	{ "propagation", F_PROPAGATION, EINVAL, .flags = PROPAGATION, .ignore = true },
	{ "recursive bind", F_MOUNTS, EINVAL, .flags = MS_BIND, .drop_flags = MS_REC },
	{ "remount", F_MOUNTS, EINVAL, .flags = MS_REMOUNT, .ignore = true },
	{ "devpts", F_MOUNTS, ENODEV, .type = "devpts", .ignore = true },
	{ "mqueue", F_MOUNTS, ENODEV, .type = "mqueue", .ignore = true },
	{ "tmpfs options", F_MOUNTS, EINVAL, .type = "tmpfs", .drop_data = true },
};

static call_handler mount_begins, mount_answered;

/* ---- links ---- */

/* Where the path leads, if there are links in it; else "". */
static void follow(struct call *c, int arg, char *to)
{
	char raw[PATH_MAX], text[PATH_MAX];

	*to = 0;
	if (call_string(c, arg, raw, sizeof raw) <= 0) return;
	if (!resolve_path(&c->tr->view, c->t, AT_FDCWD, raw, to)) *to = 0;
	else if (path_join(text, "/", raw) == 0 && !strcmp(text, to)) *to = 0;
}

/* gVisor of 2022 mounts on a link itself instead of what it leads to, and binds the link. runc
 * names its mount points /proc/self/fd/N. */
static void follow_links(struct call *c)
{
	struct mount_state *m = &call_state(c)->mount;
	unsigned long flags = call_arg(c, FLAGS);

	follow(c, TARGET, m->target);
	if (flags & MS_BIND && !(flags & MS_REMOUNT)) follow(c, SOURCE, m->source);
}

/* "fuse", "fuse.sshfs", "fuseblk" */
static void note_fuse(struct call *c, int arg)
{
	char name[5] = "";

	if (call_read(c, call_arg(c, arg), name, 4) == 0 && !strcmp(name, "fuse"))
		view_fuse_mounted(&c->tr->view);
}

enum call_verdict fsopen_enter(struct call *c)
{
	note_fuse(c, 0);
	return CALL_PASS;
}

enum call_verdict mount_enter(struct call *c)
{
	note_fuse(c, TYPE);
	if (c->tr->cfg.features & F_RUNC && call_new_state(c)) follow_links(c);
	return mount_begins(c);
}

/* With what has been changed so far. */
static enum call_verdict mount_begins(struct call *c)
{
	if (!call_state(c)) return call_then(c, mount_answered);
	const struct mount_state *m = &call_state(c)->mount;
	if (*m->target) call_set_path(c, TARGET, m->target);
	if (*m->source) call_set_path(c, SOURCE, m->source);
	if (m->without_flags) call_set_arg(c, FLAGS, call_arg(c, FLAGS) & ~m->without_flags);
	if (m->without_data) call_set_arg(c, DATA, 0);
	return call_then(c, mount_answered);
}

/* ---- what is missing ---- */

static void escape(struct buf *out, const char *path)
{
	for (const char *p = path; *p; p++)
		if (strchr(" \t\n\\", *p)) buf_printf(out, "\\%03o", (unsigned char)*p);
		else buf_putc(out, *p);
}

/* Is it a mount point, as the tracee sees it? Propagation of anything else is an error
 * everywhere. */
static bool is_mount_point(struct call *c, const char *raw)
{
	char path[PATH_MAX], name[64];
	_cleanup_buf_ struct buf text = {0}, point = {0};

	tracee_proc(c->t, "mountinfo", name, sizeof name);
	if (!resolve_path(&c->tr->view, c->t, AT_FDCWD, raw, path)) return false;
	if (io_read(name, &text, 64 << 20) < 0) return false;
	buf_putc(&point, ' ');
	escape(&point, path);
	buf_putc(&point, ' ');
	return text.data && point.data && strstr(text.data, point.data);
}

/* Flags that every kernel refuses. */
static bool is_invalid(unsigned long flags)
{
	unsigned long kind = flags & PROPAGATION;
	unsigned long allowed = PROPAGATION | MS_REC | MS_SILENT;
	return (kind & (kind - 1)) || (kind && flags & ~allowed);
}

/* Is it a mount of the caller's own program? runc before 1.2 makes such a mount read-only, executes
 * its program from there and fails if it is writable after all; if the remount fails, it takes a
 * copy instead. */
static bool is_own_program(struct call *c, const char *raw)
{
	char path[PATH_MAX], name[64];
	struct stat program, there;

	tracee_proc(c->t, "exe", name, sizeof name);
	if (!resolve_path(&c->tr->view, c->t, AT_FDCWD, raw, path)) return false;
	if (stat(name, &program) < 0 || stat(path, &there) < 0) return false;
	return program.st_dev == there.st_dev && program.st_ino == there.st_ino;
}

static bool fits(struct call *c, const struct mount_lack *l, const char *type, const char *target)
{
	unsigned long flags = call_arg(c, FLAGS);

	if (!(c->tr->cfg.features & l->feature) || c->result != -l->error) return false;
	if (l->flags && !(flags & l->flags)) return false;
	if (l->type && strcmp(type, l->type)) return false;
	if (l->flags & MS_REMOUNT && is_own_program(c, target)) return false;
	if (l->ignore) return !l->flags || is_mount_point(c, target);
	return l->drop_flags & flags || (l->drop_data && call_arg(c, DATA));
}

static enum call_verdict do_without(struct call *c, const struct mount_lack *l)
{
	if (!call_state(c) && !call_new_state(c)) return CALL_PASS;
	struct mount_state *m = &call_state(c)->mount;
	m->last = l;
	m->without_flags |= l->drop_flags;
	m->without_data |= l->drop_data;
	return call_again(c, mount_begins);
}

static enum call_verdict mount_answered(struct call *c)
{
	char type[64], target[PATH_MAX];
	const struct mount_lack *last = call_state(c) ? call_state(c)->mount.last : NULL;

	if (c->result >= 0) note_fuse(c, TYPE);
	if (c->result >= 0 || is_invalid(call_arg(c, FLAGS))) return CALL_PASS;
	if (call_string(c, TYPE, type, sizeof type) < 0) *type = 0;
	if (call_string(c, TARGET, target, sizeof target) < 0) return CALL_PASS;
	for (const struct mount_lack *l = last ? last + 1 : lacks;
		l < lacks + sizeof lacks / sizeof *lacks; l++) {
		if (!fits(c, l, type, target)) continue;
		call_log(c, "%.200s: no %s in this kernel: %s", target, l->what,
			l->ignore ? "reported as done" : "done without");
		call_count(c);
		return l->ignore ? call_done(c, 0) : do_without(c, l);
	}
	return CALL_PASS;
}
