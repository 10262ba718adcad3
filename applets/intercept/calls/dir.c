/* getdents64: the first batch of a folder's entries is preceded by nothing and followed by those that a
 * rule adds. */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "base/buf.h"
#include "base/cleanup.h"
#include "intercept/calls/handlers.h"
#include "intercept/trace/hash.h"
#include "intercept/view/resolve.h"
#include "intercept/view/virtual.h"

enum stage { POSITION_KNOWN = 1 };
enum { ROOM_LEFT = 512 };   /* what the kernel must at least keep of the tracee's buffer */

struct entry {              /* struct linux_dirent64 */
	uint64_t ino;
	int64_t off;
	uint16_t reclen;
	uint8_t type;
	char name[];
} __attribute__((packed));

struct extra {
	int dir;                /* -1: the folder exists only here */
	struct strv names;
	struct buf *out;
	int64_t off;
};

static void put(struct buf *out, const char *name, bool is_dir, int64_t off)
{
	size_t n = strlen(name) + 1, len = (offsetof(struct entry, name) + n + 7) & ~7ul;
	char *p = buf_reserve(out, len);

	if (!p) return;
	memset(p, 0, len);
	struct entry *e = (struct entry *)(void *)p;
	e->ino = hash_bytes(name, n, 1) & 0xffffffff;
	e->off = off;
	e->reclen = (uint16_t)len;
	e->type = is_dir ? DT_DIR : DT_REG;
	memcpy(e->name, name, n);
	out->len += len;
}

static void add(void *arg, const char *name, bool is_dir)
{
	struct extra *x = arg;
	struct stat st;

	if (strv_has(&x->names, name)) return;
	strv_add(&x->names, name);
	if (x->dir >= 0 && fstatat(x->dir, name, &st, AT_SYMLINK_NOFOLLOW) == 0) return;
	put(x->out, name, is_dir, x->off);
}

/* The entries that the folder lacks; opened through the tracee's descriptor, so that it is the tracee's
 * folder. */
static void missing_entries(struct call *c, const char *path, const struct special *s, int64_t off,
	struct buf *out)
{
	char name[64];

	snprintf(name, sizeof name, "/proc/%d/fd/%d", (int)c->t->tid, (int)call_arg(c, 0));
	_cleanup_close_ int dir = s ? -1 : open(name, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	struct extra x = { .dir = dir, .out = out, .off = off };
	virtual_names(c->tr, path, add, &x);
	strv_free(&x.names);
}

static enum verdict append(struct call *c)
{
	struct job *j = c->t->job;
	uint64_t at = call_arg(c, 1);
	_cleanup_buf_ struct buf extra = {0};
	char last[PATH_MAX];
	int64_t off = 0;

	if (c->result < 0) return PASS;
	/* The last entry's offset leads behind it, so a seek to one of ours goes on there. */
	for (long pos = 0; pos + (long)sizeof(struct entry) <= c->result;) {
		struct entry e;
		if (call_read(c, at + (uint64_t)pos, &e, sizeof e) < 0 || !e.reclen) return PASS;
		off = e.off;
		pos += e.reclen;
	}
	snprintf(last, sizeof last, "%s", j->path);
	missing_entries(c, last, NULL, off, &extra);
	if (!extra.len || (uint64_t)c->result + extra.len > call_arg(c, 2)) return PASS;
	if (call_write(c, at + (uint64_t)c->result, extra.data, extra.len) < 0) return PASS;
	call_log(c, "%s: %zu bytes more", last, extra.len);
	call_count(c);
	return call_done(c, c->result + (long)extra.len);
}

static enum verdict position(struct call *c)
{
	if (c->result == 0) c->t->job->stage = POSITION_KNOWN;
	return AGAIN;
}

/* A folder that is a memfd in truth: all its entries at once, then none. */
static enum verdict list_stand_in(struct call *c, struct special *s)
{
	_cleanup_buf_ struct buf out = {0};

	if (s->listed) return call_done(c, 0);
	put(&out, ".", true, 1);
	put(&out, "..", true, 2);
	missing_entries(c, s->path, s, INT64_MAX, &out);
	if (out.len > call_arg(c, 2)) return call_done(c, -EINVAL);
	if (call_write(c, call_arg(c, 1), out.data, out.len) < 0) return call_done(c, -EFAULT);
	s->listed = true;
	call_count(c);
	return call_done(c, (long)out.len);
}

enum verdict getdents_enter(struct call *c)
{
	struct special *s = special_of_fd(c->tr, c->t, (int)call_arg(c, 0));
	_cleanup_buf_ struct buf extra = {0};
	char path[PATH_MAX];
	struct job *j = c->t->job;

	if (s && s->dir) return list_stand_in(c, s);
	if (!j) {
		if (!resolve_fd(c->tr, c->t, (int)call_arg(c, 0), path)) return PASS;
		missing_entries(c, path, NULL, 0, &extra);
		if (!extra.len || call_arg(c, 2) < extra.len + ROOM_LEFT) return PASS;
		if (!(j = c->t->job = job_new(JOB_OTHER))) return PASS;
		j->value = extra.len;
		snprintf(j->path, sizeof j->path, "%s", path);
		call_set_nr(c, SYS_lseek);
		call_set_arg(c, 1, 0);
		call_set_arg(c, 2, SEEK_CUR);
		return call_exit(c, position);
	}
	if (j->stage != POSITION_KNOWN) return PASS;
	call_set_arg(c, 2, call_arg(c, 2) - j->value);
	return call_exit(c, append);
}
