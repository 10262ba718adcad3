/* Container images without a registry or a builder: static programs in, an archive for containerd and
 * Docker out. */
#include <errno.h>
#include <stddef.h>
#include <string.h>
#include <unistd.h>

#include "app/applet.h"
#include "base/buf.h"
#include "base/cleanup.h"
#include "base/die.h"
#include "base/io.h"
#include "image/image.h"
#include "image/pack.h"

struct cfg {
	const char *tag, *output, *workdir, *user;
	struct strv entrypoint, cmd, env, links;
	bool pause;
};

static const struct opt opts[] = {
	{ OPT_STR, 't', "tag", offsetof(struct cfg, tag), "NAME",
	  .help = "the image's name, completed as Docker does:\n"
		"busybox is docker.io/library/busybox:latest" },
	{ OPT_STR, 'o', "output", offsetof(struct cfg, output), "X.tar",
	  .help = "the archive; - is standard output" },
	{ OPT_LIST, 'e', "entrypoint", offsetof(struct cfg, entrypoint), "ARG",
	  .help = "program and first arguments, one option each; without it and --cmd\nthe first FILE" },
	{ OPT_LIST, 'c', "cmd", offsetof(struct cfg, cmd), "ARG",
	  .help = "default arguments behind the entrypoint, one option each" },
	{ OPT_LIST, 'E', "env", offsetof(struct cfg, env), "K=V",
	  .help = "environment variable; may be repeated" },
	{ OPT_LIST, 'l', "link", offsetof(struct cfg, links), "/PATH=TARGET",
	  .help = "symbolic link in the image, as /bin/sh=/busybox" },
	{ OPT_STR, 'w', "workdir", offsetof(struct cfg, workdir), "DIR",
	  .help = "folder that the program starts in" },
	{ OPT_STR, 'u', "user", offsetof(struct cfg, user), "UID[:GID]",
	  .help = "user that the program runs as" },
	{ OPT_FLAG, 'p', "pause", offsetof(struct cfg, pause),
	  .help = "pack k3sbox itself as the pause image" },
	{ OPT_END },
};

/* FILE[=/path/in/image]: a file's own name may have '=' in it, so only "=/" parts the two. */
static int add_file(struct image *im, const char *arg, struct buf *why)
{
	_cleanup_free_ char *from = xstrdup(arg);
	char *to = NULL;

	for (char *c = from; (c = strstr(c, "=/")); c++) to = c;
	if (to) *to++ = 0;
	return image_add_file(im, from, to, why);
}

static int add_link(struct image *im, const char *arg, struct buf *why)
{
	_cleanup_free_ char *path = xstrdup(arg);
	char *target = strchr(path, '=');

	if (path[0] == '/' && target && target[1]) {
		*target++ = 0;
		return image_add_link(im, path, target, why);
	}
	die_usage("--link takes /PATH=TARGET, not '%s'", arg);
}

static int gather(struct image *im, const struct cfg *cfg, char **files, struct buf *why)
{
	int r = cfg->pause ? image_add_file(im, "/proc/self/exe", "/pause", why) : 0;

	for (char **f = files; *f && !r; f++) r = add_file(im, *f, why);
	for (size_t i = 0; i < cfg->links.n && !r; i++) r = add_link(im, cfg->links.v[i], why);
	return r;
}

/* The commonest mistakes, which would only show as "no such file or directory" when the container starts. */
static void warn_missing(const struct image *im)
{
	for (size_t i = 0; i < im->n; i++) {
		const struct item *it = &im->items[i];
		if (it->interp && !image_find(im, it->interp))
			warn("%s is not static: it needs %s, which is not in the image, and will not start "
				"without it", it->from, it->interp);
	}
	const struct strv *first = im->entrypoint->n ? im->entrypoint : im->cmd;
	if (first->n && first->v[0][0] == '/' && !image_find(im, first->v[0]))
		warn("%s, which the image is to start, is not in it", first->v[0]);
}

/* Defaults that make the short command line do the expected thing. */
static void complete(struct cfg *cfg, const struct image *im)
{
	static const char path[] = "PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin";
	bool has_path = false;

	if (!cfg->entrypoint.n && !cfg->cmd.n && im->n) strv_addf(&cfg->entrypoint, "/%s", im->items[0].path);
	for (size_t i = 0; i < cfg->env.n; i++) {
		const char *eq = strchr(cfg->env.v[i], '=');
		if (!eq || eq == cfg->env.v[i]) die_usage("--env takes K=V, not '%s'", cfg->env.v[i]);
		has_path |= !strncmp(cfg->env.v[i], path, 5);
	}
	if (!has_path && !cfg->pause) strv_add(&cfg->env, path);
}

static int pack(struct cfg *cfg, char **files)
{
	_cleanup_buf_ struct buf tag = {0}, why = {0};
	_cleanup_image_ struct image im = {
		.entrypoint = &cfg->entrypoint, .cmd = &cfg->cmd, .env = &cfg->env,
		.workdir = cfg->workdir, .user = cfg->user,
	};

	if (!cfg->output) die_usage("where to? -o X.tar, or -o - for standard output");
	if (!strcmp(cfg->output, "-") && isatty(STDOUT_FILENO))
		die_usage("an archive on the terminal helps nobody: -o X.tar, or a pipe");
	if (!cfg->tag && cfg->pause) cfg->tag = IMAGE_PAUSE_TAG;
	if (!cfg->tag) die_usage("the image needs a name: --tag NAME");
	if (!*files && !cfg->pause) die_usage("no FILE: which programs go into the image?");
	if (image_tag(cfg->tag, &tag, &why) < 0) die_usage("%s", why.data);
	im.tag = tag.data;
	int r = gather(&im, cfg, files, &why);
	if (!r) {
		complete(cfg, &im);
		r = image_settle(&im, &why);
	}
	if (!r) {
		warn_missing(&im);
		if (strcmp(cfg->output, "-")) io_mkparents(cfg->output, 0755);   /* k3s's images folder, before k3s has run */
		r = image_write_path(&im, cfg->output, &why);
	}
	if (r < 0) warn("%s", why.data ? why.data : strerror(-r));
	return r < 0 ? EX_FAIL : EX_OK;
}

static int pause_image(struct cfg *cfg, char **files)
{
	cfg->pause = true;
	return pack(cfg, files);
}

static const struct { const char *name; int (*run)(struct cfg *cfg, char **files); } verbs[] = {
	{ "pack", pack }, { "pause", pause_image },
};

static int run(void *cfg_, const struct args *args)
{
	struct cfg *cfg = cfg_;
	int status = -1;

	for (size_t i = 0; i < sizeof verbs / sizeof *verbs; i++)
		if (!strcmp(args->v[0], verbs[i].name)) status = verbs[i].run(cfg, args->v + 1);
	if (status < 0) die_usage("there is no 'image %s', only pack and pause", args->v[0]);
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
	.cfg_size = sizeof(struct cfg),
	.operands = { "pack or pause", 1, OPERANDS_ANY },
	.more = "pack   puts each FILE at /NAME, or where you say\n"
		"pause  packs k3sbox itself as the image that holds a pod's namespaces\n"
		"       (" IMAGE_PAUSE_TAG ")\n\n"
		"The archive is for k3s's folder DATA-DIR/agent/images, `ctr -n k8s.io images import`\n"
		"and `docker load`.\n"
		"The same files give the same bytes.\n\n"
		"Example: k3sbox image pack --tag busybox:test --link /bin/sh=/busybox /bin/busybox "
		"-o x.tar\n",
	.run = run,
};
