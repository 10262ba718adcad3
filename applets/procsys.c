/* The command line of plan/fix/procsys: the /proc/sys files that the parts of k3s need. */
#include <errno.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>

#include "app/applet.h"
#include "base/die.h"
#include "base/io.h"
#include "plan/fix/procsys.h"
#include "plan/seeds.h"

struct procsys {
	const char *root;
};

static const struct opt opts[] = {
	{ OPT_STR, 'r', "root", offsetof(struct procsys, root), "DIR",
	  .help = "apply: write all files below DIR instead of mounting anything" },
	{ OPT_END },
};

static const char *const needs[] = {
	[SEED_FATAL] = "required", [SEED_READ] = "required", [SEED_LOGGED] = "optional",
};

static int list(const struct procsys *cfg)
{
	(void)cfg;
	for (size_t i = 0; i < seed_count; i++) {
		char value[256];
		value[seed_value(&seeds[i], value, sizeof value)] = 0;
		value[strcspn(value, "\n")] = 0;
		printf("%-36s %-14s %-9s %s: %s\n", seeds[i].path, value, needs[seeds[i].need],
			seeds[i].who, seeds[i].why);
	}
	return EX_OK;
}

static int check(const struct procsys *cfg)
{
	int status = EX_OK;

	(void)cfg;
	for (size_t i = 0; i < seed_count; i++) {
		int r = procsys_check(&seeds[i]);
		printf("%-8s " PROC_SYS "/%s%s%s\n", r < 0 ? needs[seeds[i].need] : "ok",
			seeds[i].path, r < 0 ? ": " : "", r < 0 ? strerror(-r) : "");
		if (r < 0 && procsys_wanted(&seeds[i])) status = EX_FAIL;
	}
	return status;
}

static int apply(const struct procsys *cfg)
{
	struct err why = {0};
	int r = cfg->root ? procsys_write_tree(cfg->root, &why) : procsys_mount(NULL, NULL, &why);

	if (!r) return EX_OK;
	if (!cfg->root && (r == -EPERM || r == -EACCES))
		warn("%s; mounting needs CAP_SYS_ADMIN ('k3sbox intercept --seeds k3s -- COMMAND' "
			"needs no mounts)", why.text);
	else warn("%s", why.text);
	return EX_FAIL;
}

static int clean(const struct procsys *cfg)
{
	struct err why = {0};

	(void)cfg;
	if (!procsys_unmount(NULL, NULL, &why)) return EX_OK;
	warn("%s", why.text);
	return EX_FAIL;
}

static const struct { const char *name; int (*run)(const struct procsys *cfg); } verbs[] = {
	{ "apply", apply }, { "list", list }, { "check", check }, { "clean", clean },
};

static int run(void *cfg, const struct args *args)
{
	const char *verb = args->n ? args->v[0] : "check";

	for (size_t i = 0; i < sizeof verbs / sizeof *verbs; i++)
		if (!strcmp(verbs[i].name, verb)) return verbs[i].run(cfg);
	die_usage("unknown verb '%s': apply, list, check or clean", verb);
}

const struct applet applet_procsys = {
	.name = "procsys",
	.group = GROUP_TOOL,
	.summary = "add the /proc/sys files that kubelet and runc need and a sandbox lacks",
	.usage = "[check|list|apply [--root DIR]|clean]",
	.opts = opts,
	.cfg_size = sizeof(struct procsys),
	.operands = { .max = 1 },
	.more =
		"check   print what is missing; exit status 1 if something required is (default)\n"
		"list    print every file, its value, which program reads it and why\n"
		"apply   mount a tmpfs over the directories of /proc/sys that lack one, with the\n"
		"        real files bound into it: they stay live, the missing ones appear. Does\n"
		"        nothing where nothing is missing.\n"
		"clean   remove those mounts\n",
	.run = run,
};
