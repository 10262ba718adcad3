/* image: packs static programs into an archive that containerd and Docker load as a container
 * image, without a registry or a builder. Options and defaults; the archive is made in
 * common/image. */
#include <errno.h>
#include <stddef.h>
#include <string.h>
#include <strings.h>
#include <unistd.h>

#include "app/applet.h"
#include "base/buf.h"
#include "base/cleanup.h"
#include "base/die.h"
#include "base/err.h"
#include "base/io.h"
#include "image/image.h"
#include "image/pack.h"

struct image_options {
	const char *tag, *output, *workdir, *user;
	struct strv entrypoint, cmd, env, links;
	bool pause;
};

static const struct opt opts[] = {
	{ OPT_STR, 't', "tag", offsetof(struct image_options, tag), "NAME",
	  .help = "name of the image, completed as Docker does:\n"
		"busybox means docker.io/library/busybox:latest" },
	{ OPT_STR, 'o', "output", offsetof(struct image_options, output), "X.tar",
	  .help = "archive to write; - is standard output" },
	{ OPT_LIST, 'e', "entrypoint", offsetof(struct image_options, entrypoint), "ARG",
	  .help = "program and first arguments, one option each\n"
		"(default without --cmd: the first FILE)" },
	{ OPT_LIST, 'c', "cmd", offsetof(struct image_options, cmd), "ARG",
	  .help = "default arguments after the entrypoint, one option each" },
	{ OPT_LIST, 'E', "env", offsetof(struct image_options, env), "K=V",
	  .help = "environment variable; may be repeated" },
	{ OPT_LIST, 'l', "link", offsetof(struct image_options, links), "/PATH=TARGET",
	  .help = "symbolic link in the image, such as /bin/sh=/busybox" },
	{ OPT_STR, 'w', "workdir", offsetof(struct image_options, workdir), "DIR",
	  .help = "working directory of the program" },
	{ OPT_STR, 'u', "user", offsetof(struct image_options, user), "UID[:GID]",
	  .help = "user and group that the program runs as" },
	{ OPT_FLAG, 'p', "pause", offsetof(struct image_options, pause),
	  .help = "pack k3sbox itself as the pause image" },
	{ OPT_END },
};

/* FILE[=/path/in/image]: a file's own name may contain '=', so only "=/" separates the two. */
static int add_file(struct image *im, const char *arg, struct err *e)
{
	_cleanup_free_ char *from = xstrdup(arg);
	char *to = NULL;

	for (char *c = from; (c = strstr(c, "=/")); c++) to = c;
	if (to) *to++ = 0;
	return image_add_file(im, from, to, e);
}

static int add_link(struct image *im, const char *arg, struct err *e)
{
	_cleanup_free_ char *path = xstrdup(arg);
	char *target = strchr(path, '=');

	if (path[0] == '/' && target && target[1]) {
		*target++ = 0;
		return image_add_link(im, path, target, e);
	}
	die_usage("--link takes /PATH=TARGET, not '%s'", arg);
}

static int gather(struct image *im, const struct image_options *cfg, char **files, struct err *e)
{
	int r = cfg->pause ? image_add_pause(im, e) : 0;

	for (char **f = files; *f && !r; f++) r = add_file(im, *f, e);
	for (size_t i = 0; i < cfg->links.n && !r; i++) r = add_link(im, cfg->links.v[i], e);
	return r;
}

/* The most common mistakes, which would otherwise show as "no such file or directory" when the
 * container starts. */
static void warn_missing(const struct image *im)
{
	for (size_t i = 0; i < im->n; i++) {
		const struct image_item *it = &im->items[i];
		if (it->interp && !image_find(im, it->interp))
			warn("warning: %s is not static: it needs %s, which is not in the image",
				it->from, it->interp);
	}
	const struct strv *first = im->entrypoint->n ? im->entrypoint : im->cmd;
	if (first->n && first->v[0][0] == '/' && !image_find(im, first->v[0]))
		warn("warning: the image starts %s, which is not in it", first->v[0]);
	const char *end = strrchr(im->tag, ':');
	if (end && !strcmp(end, ":latest"))
		warn("warning: %s is pulled always, unless the pod has an imagePullPolicy",
			im->tag);
}

/* Defaults that make the short command line do the expected thing. */
static void complete(struct image_options *cfg, const struct image *im)
{
	static const char path[] =
		"PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin";
	bool has_path = false;

	if (!cfg->entrypoint.n && !cfg->cmd.n && im->n)
		strv_addf(&cfg->entrypoint, "/%s", im->items[0].path);
	for (size_t i = 0; i < cfg->env.n; i++) {
		const char *eq = strchr(cfg->env.v[i], '=');
		if (!eq || eq == cfg->env.v[i])
			die_usage("--env takes K=V, not '%s'", cfg->env.v[i]);
		has_path |= !strncmp(cfg->env.v[i], path, 5);
	}
	if (!has_path && !cfg->pause) strv_add(&cfg->env, path);
}

/* k3s, like others, takes a name's end for the kind of compression, and what is written here has
 * none (k3s pkg/agent/containerd, wharfie pkg/tarfile). */
static void refuse_compressed(const char *output)
{
	static const char *const endings[] =
		{ ".gz", ".tgz", ".bz2", ".tbz", ".lz4", ".zst", ".tzst", ".xz", ".txz", ".zip" };
	size_t n = strlen(output);

	for (size_t i = 0; i < sizeof endings / sizeof *endings; i++) {
		size_t k = strlen(endings[i]);
		if (n >= k && !strcasecmp(output + n - k, endings[i]))
			die_usage("%s: the archive is not compressed, and k3s goes by its name: "
				"let it end in .tar", output);
	}
}

static int pack(struct image_options *cfg, char **files)
{
	_cleanup_buf_ struct buf tag = {0};
	struct err e = {0};
	_cleanup_image_ struct image im = {
		.entrypoint = &cfg->entrypoint, .cmd = &cfg->cmd, .env = &cfg->env,
		.workdir = cfg->workdir, .user = cfg->user,
	};

	if (!cfg->output) die_usage("missing --output X.tar");
	refuse_compressed(cfg->output);
	if (!strcmp(cfg->output, "-") && isatty(STDOUT_FILENO))
		die_usage("standard output is a terminal: use --output FILE or a pipe");
	if (!cfg->tag && cfg->pause) cfg->tag = IMAGE_PAUSE_TAG;
	if (!cfg->tag) die_usage("missing --tag NAME");
	if (!*files && !cfg->pause) die_usage("missing operand: FILE…");
	if (image_tag(cfg->tag, &tag, &e) < 0) die_usage("%s", e.text);
	im.tag = tag.data;
	int r = gather(&im, cfg, files, &e);
	if (!r) {
		complete(cfg, &im);
		r = image_settle(&im, &e);
	}
	if (!r) {
		warn_missing(&im);
		/* k3s's images directory, before k3s has run. If it cannot be made, writing says
		 * so. */
		if (strcmp(cfg->output, "-")) (void)io_mkparents(cfg->output, 0755);
		r = image_write_path(&im, cfg->output, &e);
	}
	if (r < 0) warn("%s", e.text);
	return r < 0 ? EX_FAIL : EX_OK;
}

static int pause_image(struct image_options *cfg, char **files)
{
	cfg->pause = true;
	return pack(cfg, files);
}

static const struct {
	const char *name;
	int (*run)(struct image_options *cfg, char **files);
} operations[] = {
	{ "pack", pack }, { "pause", pause_image },
};

static int run(void *cfg_, const struct args *args)
{
	struct image_options *cfg = cfg_;
	int status = -1;

	for (size_t i = 0; i < sizeof operations / sizeof *operations; i++)
		if (!strcmp(args->v[0], operations[i].name))
			status = operations[i].run(cfg, args->v + 1);
	if (status < 0)
		die_usage("unknown operation '%s'; the operations are pack and pause", args->v[0]);
	strv_free(&cfg->entrypoint);
	strv_free(&cfg->cmd);
	strv_free(&cfg->env);
	strv_free(&cfg->links);
	return status;
}

const struct applet applet_image = {
	.name = "image",
	.group = GROUP_TOOL,
	.summary = "make a container image from static programs",
	.usage = "pack --tag NAME [OPTION…] FILE[=/path/in/image]… -o X.tar\n"
		"       k3sbox image pause [--tag NAME] -o X.tar",
	.opts = opts,
	.cfg_size = sizeof(struct image_options),
	.operands = { "pack or pause", 1, OPERANDS_ANY },
	.more = "pack   packs each FILE as /NAME, or as the path given\n"
		"pause  packs k3sbox itself as the image that holds a pod's namespaces\n"
		"       (" IMAGE_PAUSE_TAG ")\n\n"
		"The archive can be put into k3s's directory DATA-DIR/agent/images or loaded with\n"
		"`ctr -n k8s.io images import` or `docker load`. The same files give the same\n"
		"bytes.\n\n"
		"Example: k3sbox image pack --tag busybox:test --link /bin/sh=/busybox \\\n"
		"           /bin/busybox -o x.tar\n",
	.run = run,
};
