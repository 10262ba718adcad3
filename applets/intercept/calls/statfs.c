/* statfs and fstatfs: --statfs, and the file system that a stand-in pretends to be on. */
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <linux/magic.h>
#include <stdlib.h>
#include <string.h>
#include <sys/vfs.h>

#include "intercept/calls/handlers.h"
#include "intercept/trace/job.h"
#include "intercept/view/path.h"
#include "intercept/view/resolve.h"
#include "intercept/view/virtual.h"

/* The type that the longest matching --statfs gives a path, to a call with this result; 0: none. */
static uint64_t type_for(const struct tracer *tr, const char *path, long result)
{
	uint64_t magic = 0;
	size_t best = 0;

	for (size_t i = 0; i < tr->type_n; i++) {
		const struct path_type *t = &tr->types[i];
		if (!path_below(path, t->path) || strlen(t->path) < best) continue;
		best = strlen(t->path);
		magic = t->if_unknown && result != -ENOSYS ? 0 : t->magic;
	}
	return magic;
}

/* A call that worked gets its type changed; one that this kernel does not know for such a file (ENOSYS)
 * is answered. */
static enum verdict reply(struct call *c, const char *path, uint64_t magic)
{
	struct statfs fs = {0};
	uint64_t at = call_arg(c, 1);

	if (!magic || (c->result < 0 && c->result != -ENOSYS)) return PASS;
	if (c->result < 0) {
		fs.f_bsize = 4096;
		fs.f_namelen = NAME_MAX;
	} else if (call_read(c, at, &fs, sizeof fs) < 0) {
		return PASS;
	}
	if ((uint64_t)fs.f_type == magic) return PASS;
	memcpy(&fs.f_type, &magic, sizeof fs.f_type);
	if (call_write(c, at, &fs, sizeof fs) < 0) return PASS;
	call_log(c, "%s: type %#llx", path, (unsigned long long)magic);
	call_count(c);
	return call_done(c, 0);
}

enum verdict fstatfs_exit(struct call *c)
{
	const struct special *s = special_of_fd(c->tr, c->t, (int)call_arg(c, 0));
	char path[PATH_MAX];

	if (s && !s->real) return reply(c, s->path, s->fs_type);
	if (!c->tr->type_n || !resolve_fd(c->tr, c->t, (int)call_arg(c, 0), path)) return PASS;
	return reply(c, path, type_for(c->tr, path, c->result));
}

enum verdict statfs_exit(struct call *c)
{
	char raw[PATH_MAX], path[PATH_MAX];
	struct job j;

	job_init(&j, JOB_OTHER);

	if (mem_string(&c->tr->mem, c->t->tid, call_arg(c, 0), raw, sizeof raw) <= 0) return PASS;
	if (c->result == -ENOENT && resolve(c->tr, c->t, AT_FDCWD, raw, false, &j)) {
		struct statfs fs;
		virtual_folder(c->tr, c->t, j.path, path);
		if (statfs(j.kind == JOB_MAP ? j.target : path, &fs) < 0) return PASS;
		return call_done(c, call_write(c, call_arg(c, 1), &fs, sizeof fs) < 0 ? -EFAULT : 0);
	}
	if (!c->tr->type_n || !resolve_path(c->tr, c->t, AT_FDCWD, raw, path)) return PASS;
	return reply(c, path, type_for(c->tr, path, c->result));
}
