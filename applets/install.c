/* Makes links or copies of k3sbox under its applets' names. */
#include <errno.h>
#include <limits.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "app/applet.h"
#include "base/buf.h"
#include "base/die.h"
#include "base/io.h"
#include "base/path.h"

struct install {
	bool symlink, hardlink, copy, all;
	const char *dir;
};

static const struct opt opts[] = {
	{ OPT_FLAG, 's', "symlink", offsetof(struct install, symlink),
	  .help = "make symbolic links (the default)" },
	{ OPT_FLAG, 'l', "hardlink", offsetof(struct install, hardlink),
	  .help = "make hard links: one file, no link to resolve" },
	{ OPT_FLAG, 'c', "copy", offsetof(struct install, copy),
	  .help = "make copies: work across file systems and mounts" },
	{ OPT_FLAG, 'a', "all", offsetof(struct install, all),
	  .help = "also under names that hide other programs in PATH" },
	{ OPT_STR, 'd', "dir", offsetof(struct install, dir), "DIR",
	  .help = "put all names there; without it CNI plugins go to /opt/cni/bin\n"
		"and the others next to k3sbox itself" },
	{ OPT_END },
};

/* In every k3sbox, whatever its version, so that one copy knows the others. */
static const char mark[] = "k3sbox multicall binary, may be replaced by k3sbox install";

static bool has_mark(const char *path)
{
	enum { LARGEST = 4 << 20 };   /* ten times k3sbox */
	_cleanup_buf_ struct buf b = {0};

	return !io_read(path, &b, LARGEST) && b.len > 4 && !memcmp(b.data, "\177ELF", 4) &&
		memmem(b.data, b.len, mark, sizeof mark);
}

/* Only files that are k3sbox are replaced, and links to one. */
static bool is_ours(const char *path, const char *self)
{
	struct stat st;
	char target[PATH_MAX];

	if (lstat(path, &st) < 0) return true;
	ssize_t n = readlink(path, target, sizeof target - 1);
	if (n > 0) {
		target[n] = 0;
		return !strcmp(path_name(target), "k3sbox") || !strcmp(target, self);
	}
	return S_ISREG(st.st_mode) && has_mark(path);
}

static int place(const struct install *cfg, const char *self, const char *path)
{
	int r = io_mkparents(path, 0755);
	if (r < 0) return r;
	if (!is_ours(path, self)) return -EEXIST;
	if (cfg->copy) return io_copy(self, path, 0755);
	char temp[PATH_MAX];
	if (snprintf(temp, sizeof temp, "%s.k3sbox-%d", path, (int)getpid()) >= (int)sizeof temp)
		return -ENAMETOOLONG;
	if ((cfg->hardlink ? link(self, temp) : symlink(self, temp)) < 0) return -errno;
	if (rename(temp, path) < 0) {
		r = -errno;
		unlink(temp);
		return r;
	}
	/* rename(2) does nothing when both are links to one file, and leaves the temporary name. */
	return io_unlink(temp);
}

static int install_one(const struct install *cfg, const struct applet *a, const char *name,
	const char *self)
{
	char own_dir[PATH_MAX], path[PATH_MAX];

	snprintf(own_dir, sizeof own_dir, "%s", self);
	*strrchr(own_dir, '/') = 0;
	const char *dir = cfg->dir ? cfg->dir : a->link_dir ? a->link_dir : own_dir;
	int r = io_join(path, sizeof path, dir, name);
	if (!r) r = place(cfg, self, path);
	if (r == -EEXIST) {
		warn("%s exists and is not k3sbox: remove it first to have it replaced", path);
		return EX_FAIL;
	}
	if (r == -EXDEV) {
		warn("%s: a hard link cannot reach another file system; use --symlink or --copy",
			path);
		return EX_FAIL;
	}
	if (r < 0) {
		warn_errno(r, "%s", path);
		return EX_FAIL;
	}
	printf("%s\n", path);
	return EX_OK;
}

static int install_all_names(const struct install *cfg, const struct applet *a, const char *self)
{
	int status = install_one(cfg, a, a->name, self);
	for (const char *const *s = a->aliases; s && *s; s++)
		if (install_one(cfg, a, *s, self)) status = EX_FAIL;
	return status;
}

static int run(void *cfg_, const struct args *args)
{
	struct install *cfg = cfg_;
	char self[PATH_MAX];
	int status = EX_OK;

	if (cfg->symlink + cfg->hardlink + cfg->copy > 1)
		die_usage("--symlink, --hardlink and --copy exclude each other");
	int r = io_self_path(self, sizeof self);
	if (r < 0) die_errno(EX_SYS, r, "/proc/self/exe (is /proc mounted?)");
	if (cfg->all && args->n) die_usage("--all and names of applets exclude each other");
	if (!args->n) {
		for (const struct applet *const *a = applets; *a; a++)
			if ((cfg->all || !((*a)->flags & APPLET_ASKED)) &&
				install_all_names(cfg, *a, self))
				status = EX_FAIL;
		return status;
	}
	for (int i = 0; i < args->n; i++) {
		const struct applet *a = applet_find(args->v[i]);
		if (!a) die_usage("unknown applet '%s'", args->v[i]);
		if (install_one(cfg, a, args->v[i], self)) status = EX_FAIL;
	}
	return status;
}

const struct applet applet_install = {
	.name = "install",
	.group = GROUP_TOOL,
	.summary = "make links or copies of k3sbox under its applets' names",
	.usage = "[--symlink|--hardlink|--copy] [--dir DIR] [--all|APPLET…]",
	.opts = opts,
	.cfg_size = sizeof(struct install),
	.more =
		"Files that are not k3sbox are never replaced. Prints each name that it makes.\n"
		"Names that would hide another program in PATH (runc, crun, kubectl, init,\n"
		"install) are left out, unless they are given or --all is.\n",
	.operands = { "APPLET", 0, OPERANDS_ANY },
	.flags = APPLET_ASKED,
	.run = run,
};
