/* statfs and fstatfs: --statfs, and the file system that a stand-in appears to be on. */
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <string.h>
#include <sys/vfs.h>

#include "intercept/calls/call.h"
#include "intercept/calls/handlers.h"
#include "intercept/view/path.h"
#include "intercept/view/resolve.h"
#include "intercept/view/root.h"

/* The type that the longest matching --statfs gives a path, for a call with this result; 0:
 * none. */
static uint64_t type_for(const struct tracer_config *cfg, const char *path, long result)
{
	uint64_t magic = 0;
	size_t best = 0;

	for (size_t i = 0; i < cfg->type_n; i++) {
		const struct path_type *t = &cfg->types[i];
		if (!path_below(path, t->path) || strlen(t->path) < best) continue;
		best = strlen(t->path);
		magic = t->if_unknown && result != -ENOSYS ? 0 : t->magic;
	}
	return magic;
}

/* Changes the type in the answer of a call that succeeded, and answers one that this kernel does
 * not have for such a file (ENOSYS). */
static enum call_verdict reply(struct call *c, const char *path, uint64_t magic)
{
	struct statfs fs = {0};
	uint64_t at = call_arg(c, 1);

	if (!magic || (c->result < 0 && c->result != -ENOSYS)) return CALL_PASS;
	if (c->result < 0) {
		fs.f_bsize = 4096;
		fs.f_namelen = NAME_MAX;
	} else if (call_read(c, at, &fs, sizeof fs) < 0) {
		return CALL_PASS;
	}
	if ((uint64_t)fs.f_type == magic) return CALL_PASS;
	memcpy(&fs.f_type, &magic, sizeof fs.f_type);
	if (call_write(c, at, &fs, sizeof fs) < 0) return CALL_PASS;
	call_log(c, "%s: type %#llx", path, (unsigned long long)magic);
	call_count(c);
	return call_done(c, 0);
}

enum call_verdict fstatfs_exit(struct call *c)
{
	const struct tracer_config *cfg = &c->tr->cfg;
	const struct special *s = call_special(c, 0);
	char path[PATH_MAX];

	if (s && !s->real) return reply(c, s->path, s->fs_type);
	if (!cfg->type_n) return CALL_PASS;
	if (!resolve_fd(&c->tr->view, c->t, (int)call_arg(c, 0), path)) return CALL_PASS;
	return reply(c, path, type_for(cfg, path, c->result));
}

static enum call_verdict of_stand_in(struct call *c, const struct stand_in *s)
{
	char above[PATH_MAX];
	struct statfs fs;

	root_directory_above(&c->tr->view, c->t, s->path, above);
	if (statfs(s->kind == STAND_IN_MAP ? s->target : above, &fs) < 0) return CALL_PASS;
	return call_done(c, call_write(c, call_arg(c, 1), &fs, sizeof fs) < 0 ? -EFAULT : 0);
}

enum call_verdict statfs_exit(struct call *c)
{
	const struct tracer_config *cfg = &c->tr->cfg;
	struct view *v = &c->tr->view;
	char raw[PATH_MAX], path[PATH_MAX];
	struct stand_in s;

	if (call_string(c, 0, raw, sizeof raw) <= 0) return CALL_PASS;
	if (c->result == -ENOENT && resolve(v, c->t, AT_FDCWD, raw, false, &s))
		return of_stand_in(c, &s);
	if (!cfg->type_n || !resolve_path(v, c->t, AT_FDCWD, raw, path)) return CALL_PASS;
	return reply(c, path, type_for(cfg, path, c->result));
}
