/* getdents64: the names that a rule adds follow the first entries of a directory. The buffer given
 * to the kernel is made smaller by what they need. A directory that exists only as a stand-in is
 * listed from here alone. */
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
#include "intercept/calls/call.h"
#include "intercept/calls/handlers.h"
#include "intercept/trace/hash.h"
#include "intercept/view/resolve.h"

enum { ROOM_LEFT = 512 };   /* the part of the buffer that the kernel gets at least */

struct dir_entry {          /* struct linux_dirent64 */
	uint64_t ino;
	int64_t off;
	uint16_t reclen;
	uint8_t type;
	char name[];
} __attribute__((packed));

struct added_names {
	int dir;                /* the directory; -1: it exists only as a stand-in */
	struct strv names;      /* those seen so far */
	struct buf *out;        /* entries of those that the directory lacks */
	int64_t off;
};

static void put(struct buf *out, const char *name, bool is_dir, int64_t off)
{
	size_t n = strlen(name) + 1, len = (offsetof(struct dir_entry, name) + n + 7) & ~7ul;
	char *p = buf_reserve(out, len);

	if (!p) return;
	memset(p, 0, len);
	struct dir_entry *e = (struct dir_entry *)(void *)p;
	e->ino = hash_bytes(name, n, 1) & 0xffffffff;
	e->off = off;
	e->reclen = (uint16_t)len;
	e->type = is_dir ? DT_DIR : DT_REG;
	memcpy(e->name, name, n);
	out->len += len;
}

static void add(void *arg, const char *name, bool is_dir)
{
	struct added_names *x = arg;
	struct stat st;

	if (strv_has(&x->names, name)) return;
	strv_add(&x->names, name);
	if (x->dir >= 0 && fstatat(x->dir, name, &st, AT_SYMLINK_NOFOLLOW) == 0) return;
	put(x->out, name, is_dir, x->off);
}

/* The entries that the directory lacks. It is opened through the descriptor of the tracee, so that
 * it is the same one. */
static void missing_entries(struct call *c, const char *path, const struct special *s, int64_t off,
	struct buf *out)
{
	char name[64];

	snprintf(name, sizeof name, "/proc/%d/fd/%d", (int)c->t->tid, (int)call_arg(c, 0));
	_cleanup_close_ int dir = s ? -1 : open(name, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	struct added_names x = { .dir = dir, .out = out, .off = off };
	stand_in_names(&c->tr->view, path, add, &x);
	strv_free(&x.names);
}

/* ---- a directory that the kernel has ---- */

static call_handler position_known, listing_begins, listed;

static enum call_verdict list_stand_in(struct call *c, struct special *s);

enum call_verdict getdents_enter(struct call *c)
{
	struct special *s = call_special(c, 0);
	_cleanup_buf_ struct buf extra = {0};
	char path[PATH_MAX];

	if (s && s->dir) return list_stand_in(c, s);
	if (!resolve_fd(&c->tr->view, c->t, (int)call_arg(c, 0), path)) return CALL_PASS;
	missing_entries(c, path, NULL, 0, &extra);
	if (!extra.len || call_arg(c, 2) < extra.len + ROOM_LEFT || !call_new_state(c))
		return CALL_PASS;
	struct list_state *l = &call_state(c)->list;
	l->room = extra.len;
	snprintf(l->path, sizeof l->path, "%s", path);
	call_set_nr(c, SYS_lseek);
	call_set_arg(c, 1, 0);
	call_set_arg(c, 2, SEEK_CUR);
	return call_then(c, position_known);
}

/* Only the first listing of the directory gets more entries. */
static enum call_verdict position_known(struct call *c)
{
	return call_again(c, c->result == 0 ? listing_begins : call_pass);
}

static enum call_verdict listing_begins(struct call *c)
{
	call_set_arg(c, 2, call_arg(c, 2) - call_state(c)->list.room);
	return call_then(c, listed);
}

/* The offset of the last entry, so that a seek to one of the added entries goes on behind it. */
static bool last_offset(struct call *c, uint64_t at, int64_t *off)
{
	for (long pos = 0; pos + (long)sizeof(struct dir_entry) <= c->result;) {
		struct dir_entry e;
		if (call_read(c, at + (uint64_t)pos, &e, sizeof e) < 0 || !e.reclen) return false;
		*off = e.off;
		pos += e.reclen;
	}
	return true;
}

static enum call_verdict listed(struct call *c)
{
	const char *path = call_state(c)->list.path;
	uint64_t at = call_arg(c, 1);
	_cleanup_buf_ struct buf extra = {0};
	int64_t off = 0;

	if (c->result < 0 || !last_offset(c, at, &off)) return CALL_PASS;
	missing_entries(c, path, NULL, off, &extra);
	if (!extra.len || (uint64_t)c->result + extra.len > call_arg(c, 2)) return CALL_PASS;
	if (call_write(c, at + (uint64_t)c->result, extra.data, extra.len) < 0) return CALL_PASS;
	call_log(c, "%s: %zu bytes more", path, extra.len);
	call_count(c);
	return call_done(c, c->result + (long)extra.len);
}

/* ---- a directory that is a stand-in: all its entries at once, then none ---- */

static enum call_verdict list_stand_in(struct call *c, struct special *s)
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
