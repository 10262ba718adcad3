/* mount(2), where the sandbox lacks a flag or an option: first as asked, then as near to it as the
 * kernel can. */
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>

#include "buf.h"
#include "handlers.h"
#include "io.h"
#include "job.h"
#include "resolve.h"

enum { PROPAGATION = MS_SHARED | MS_PRIVATE | MS_SLAVE | MS_UNBINDABLE };

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
	for (size_t i = 0; i < sizeof lacks / sizeof *lacks; i++) {
		const struct lack *l = &lacks[i];
		if (!fits(c, l, flags, type) || (l->ignore && l->flags && !is_mount_point(c, target))) continue;
		call_log(c, "%.200s: no %s here: %s", target, l->what, l->ignore ? "reported as done" : "done without");
		call_count(c);
		if (l->ignore) return call_done(c, 0);
		if (!(c->t->job = job_new(JOB_OTHER))) return PASS;
		c->t->job->value = i;
		return AGAIN;
	}
	return PASS;
}

enum verdict mount_enter(struct call *c)
{
	const struct job *j = c->t->job;

	if (!j) return call_exit(c, asked);
	const struct lack *l = &lacks[j->value];
	call_set_arg(c, 3, call_arg(c, 3) & ~l->drop_flags);
	if (l->drop_data) call_set_arg(c, 4, 0);
	return EXIT;   /* no handler: only so that the arguments come back */
}
