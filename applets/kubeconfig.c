/* Prints the cluster's kubeconfig, or merges it into the user's. */
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <signal.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "app/applet.h"
#include "base/buf.h"
#include "base/cleanup.h"
#include "base/clock.h"
#include "base/die.h"
#include "base/err.h"
#include "base/io.h"
#include "cluster/kubeconfig.h"
#include "cluster/runstate.h"

struct kubeconfig_cfg {
	bool merge, unmerge;
	const char *output, *name;
};

static const struct kubeconfig_cfg defaults = { .name = "k3sbox" };

static const struct opt opts[] = {
	{ OPT_FLAG, 'm', "merge", offsetof(struct kubeconfig_cfg, merge),
	  .help = "add it to your own file: the first in $KUBECONFIG that exists,\n"
		"else its last, else ~/.kube/config" },
	{ OPT_FLAG, 0, "unmerge", offsetof(struct kubeconfig_cfg, unmerge),
	  .help = "remove it from that file again" },
	{ OPT_STR, 'o', "output", offsetof(struct kubeconfig_cfg, output), "FILE",
	  .help = "with --merge and --unmerge: change this file" },
	{ OPT_STR, 0, "name", offsetof(struct kubeconfig_cfg, name), "NAME",
	  .help = "its name for cluster, user and context there (k3sbox)" },
	{ OPT_END },
};

enum { LOCK_WAIT_MS = 10000, LOCK_STALE_S = 60 };

/* kubectl's and kind's lock is a file beside the other one, made with O_EXCL; a crash leaves it
 * behind, so an old one is removed. (Both hold it for milliseconds.) */
static int take_lock(const char *lock)
{
	struct stat st;

	for (int waited = 0;; waited += 50) {
		int fd = open(lock, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
		if (fd >= 0) {
			close(fd);
			return 0;
		}
		if (errno != EEXIST) return -errno;
		if (!stat(lock, &st) && time(NULL) - st.st_mtime > LOCK_STALE_S) {
			warn("%s is %lld s old and was left by another program: taken over", lock,
				(long long)(time(NULL) - st.st_mtime));
			if (unlink(lock) < 0 && errno != ENOENT) return -errno;
		} else if (waited >= LOCK_WAIT_MS) {
			return -EEXIST;
		}
		clock_sleep_ms(50);
	}
}

/* Replaces the file but keeps its owner: root often merges into another user's file (sudo). */
static int replace(const char *path, const struct buf *text)
{
	char temp[PATH_MAX];
	struct stat st;
	bool old = !stat(path, &st);
	int fd = io_begin(path, temp, sizeof temp);

	if (fd < 0) return fd;
	int r = io_write_fd(fd, text->data, text->len);
	bool theirs = old && (st.st_uid != geteuid() || st.st_gid != getegid());
	if (!r && theirs && fchown(fd, st.st_uid, st.st_gid) < 0) r = -errno;
	/* It contains a key now: only its owner may read it, whatever the mode was. */
	r = io_end(fd, r, old ? st.st_mode & 0600 : 0600, temp, path);
	/* One file mounted into a container cannot be renamed over; kubectl writes into it, too. */
	if (r != -EBUSY && r != -EXDEV) return r;
	if (chmod(path, st.st_mode & 0600) < 0) return -errno;
	return io_overwrite(path, text->data, text->len);
}

/* The file that a symlink means, whether it exists or not: a link (dotfiles in a repository) stays
 * one. */
static int follow_links(const char *path, char target[PATH_MAX])
{
	enum { LINKS_MAX = 40 };
	char link[PATH_MAX];

	if (snprintf(target, PATH_MAX, "%s", path) >= PATH_MAX) return -ENAMETOOLONG;
	for (int i = 0; i < LINKS_MAX; i++) {
		ssize_t n = readlink(target, link, sizeof link - 1);
		if (n < 0) return 0;
		link[n] = 0;
		char *slash = *link == '/' ? NULL : strrchr(target, '/');
		char *to = slash ? slash + 1 : target;
		if (to - target + n >= PATH_MAX) return -ENAMETOOLONG;
		memcpy(to, link, (size_t)n + 1);
	}
	return -ELOOP;
}

/* ours NULL: the entries of that name are removed. */
static int merge_into(const char *path, const struct kubeconfig *ours, const char *name)
{
	_cleanup_buf_ struct buf old = {0}, out = {0};
	char target[PATH_MAX];
	struct err e = {0};
	struct stat st;

	int r = follow_links(path, target);
	if (!r) r = io_mkparents(target, 0755);
	if (!r) r = io_read(target, &old, 4 << 20);
	if (r < 0 && r != -ENOENT) {
		warn_errno(r, "%s", path);
		return EX_FAIL;
	}
	r = kubeconfig_merge(old.data ? old.data : "", old.len, ours, name, &out, &e);
	if (r < 0) {
		warn("%s is left unchanged: %s; merge by hand: KUBECONFIG=%s:OURS kubectl config "
			"view --flatten",
			target, e.text, target);
		return EX_FAIL;
	}
	bool same = out.len == old.len && !memcmp(out.data, old.data, old.len) &&
		!stat(target, &st) && (!ours || !(st.st_mode & 077));
	r = same ? 0 : replace(target, &out);
	if (r < 0) {
		warn_errno(r, "%s", target);
	}
	return r < 0 ? EX_FAIL : EX_OK;
}

static int merge(const struct kubeconfig_cfg *cfg, const struct kubeconfig *ours)
{
	char path[PATH_MAX], lock[PATH_MAX + 8];
	sigset_t all, before;
	struct stat st;
	int r = cfg->output ? (snprintf(path, sizeof path, "%s", cfg->output) < (int)sizeof path ? 0
		: -ENAMETOOLONG)
		: kubeconfig_target(getenv("KUBECONFIG"), getenv("HOME"), path, sizeof path);

	if (r == -ENOENT) die_usage("neither $KUBECONFIG nor $HOME is set: use --output FILE");
	bool there = !r && !stat(path, &st);
	if (there && !S_ISREG(st.st_mode)) {
		warn("%s is not a regular file", path);
		return EX_FAIL;
	}
	if (!r && !there && !ours) return EX_OK;
	if (!r) r = io_mkparents(path, 0755);
	snprintf(lock, sizeof lock, "%s.lock", path);
	/* No signal may end this between the lock and its removal. */
	sigfillset(&all);
	sigprocmask(SIG_BLOCK, &all, &before);
	if (!r) r = take_lock(lock);
	if (r < 0) {
		if (r == -EEXIST)
			warn("%s exists: remove it if no program is changing the file", lock);
		else warn_errno(r, "%s", path);
		return EX_FAIL;
	}
	int status = merge_into(path, ours, cfg->name);
	unlink(lock);
	sigprocmask(SIG_SETMASK, &before, NULL);
	if (!status) printf("context %s is %sin %s\n", cfg->name, ours ? "" : "not ", path);
	return status;
}

/* It is written into YAML without quotes: not a number, nor a word that means something else
 * there. */
#define LETTERS "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ"
static bool good_name(const char *s)
{
	static const char *const words[] =
		{ "true", "false", "null", "yes", "no", "on", "off", "y", "n" };

	for (size_t i = 0; i < sizeof words / sizeof *words; i++)
		if (!strcasecmp(s, words[i])) return false;
	return *s && !strchr("0123456789-.@", *s) && s[strspn(s, LETTERS "0123456789-_.@")] == 0;
}

static int run(void *cfg_, const struct args *args)
{
	const struct kubeconfig_cfg *cfg = cfg_;
	_cleanup_runstate_ struct runstate s = {0};
	_cleanup_kubeconfig_ struct kubeconfig k = {0};
	_cleanup_buf_ struct buf text = {0};
	struct err e = {0};

	(void)args;
	if (cfg->output && !cfg->merge && !cfg->unmerge)
		die_usage("--output goes with --merge or --unmerge");
	if (cfg->merge && cfg->unmerge) die_usage("--merge and --unmerge exclude each other");
	if (!good_name(cfg->name))
		die_usage("'%s' is not a context's name: a letter, then letters, digits, - _ . @",
			cfg->name);
	if (cfg->unmerge) return merge(cfg, NULL);
	bool known = !runstate_load(&s, K3SBOX_RUN, NULL) && *s.kubeconfig;
	const char *path = known ? s.kubeconfig : "/etc/rancher/k3s/k3s.yaml";
	int r = kubeconfig_load(&k, path, &e);
	if (r < 0) {
		warn("cannot read %s: %s%s", path, e.text, r == -ENOENT
			? "; 'k3sbox status' shows whether k3s runs" : "");
		return EX_FAIL;
	}
	if (cfg->merge) return merge(cfg, &k);
	r = io_read(path, &text, 4 << 20);
	if (r < 0) {
		warn_errno(r, "%s", path);
		return EX_FAIL;
	}
	r = io_write_fd(STDOUT_FILENO, text.data, text.len);
	if (r < 0) warn_errno(r, "standard output");
	return r < 0 ? EX_FAIL : EX_OK;
}

const struct applet applet_kubeconfig = {
	.name = "kubeconfig",
	.group = GROUP_CLUSTER,
	.summary = "print the cluster's kubeconfig, or merge it into yours",
	.usage = "[--merge | --unmerge [--output FILE] [--name NAME]]",
	.opts = opts,
	.defaults = &defaults,
	.cfg_size = sizeof(struct kubeconfig_cfg),
	.more =
		"--merge replaces the entries of that name and sets the current context,\n"
		"--unmerge removes them. Every other line stays as it is, comments too. A file\n"
		"that is not written as kubectl writes it is not changed.\n",
	.run = run,
};
