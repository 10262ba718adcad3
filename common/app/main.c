/* main(): finds the applet by argv[0], or by the first argument (`k3sbox NAME …`), parses its
 * options and runs it. Also what k3sbox says about itself: --help, --list, --version. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "app/applet.h"
#include "base/buf.h"
#include "base/cleanup.h"
#include "base/die.h"
#include "base/err.h"
#include "base/text.h"

#define APPLET(name) extern const struct applet applet_##name;
#include "applets.inc"
#undef APPLET

const struct applet *const applets[] = {
#define APPLET(name) &applet_##name,
#include "applets.inc"
#undef APPLET
	NULL,
};

static const char *const group_titles[GROUP_COUNT] = {
	[GROUP_CLUSTER] = "Cluster",
	[GROUP_CNI] = "Called by container runtimes",
	[GROUP_TOOL] = "Tools",
};

static int put(int fd, const struct buf *b)
{
	for (size_t done = 0; done < b->len;) {
		ssize_t n = write(fd, b->data + done, b->len - done);
		if (n < 0) {
			warn_errno(-errno, "standard output");
			return EX_FAIL;
		}
		done += (size_t)n;
	}
	return b->failed ? EX_SYS : EX_OK;
}

const struct applet *applet_find(const char *name)
{
	for (const struct applet *const *a = applets; *a; a++) {
		if (!strcmp((*a)->name, name)) return *a;
		for (const char *const *s = (*a)->aliases; s && *s; s++)
			if (!strcmp(*s, name)) return *a;
	}
	return NULL;
}

int applet_help(const struct applet *a)
{
	_cleanup_buf_ struct buf b = {0};

	buf_printf(&b, "Usage: k3sbox %s", a->name);
	if (a->usage) buf_printf(&b, " %s", a->usage);
	buf_printf(&b, "\n\n%s\n", a->summary);
	if (a->aliases) {
		buf_puts(&b, "\nAlso called:");
		for (const char *const *s = a->aliases; *s; s++) buf_printf(&b, " %s", *s);
		buf_putc(&b, '\n');
	}
	if (a->opts) {
		buf_puts(&b, "\nOptions:\n");
		opt_help(a->opts, &b);
	}
	if (a->more) buf_printf(&b, "\n%s", a->more);
	return put(STDOUT_FILENO, &b);
}

/* Exits with the usage message unless the descriptor allows this number of operands. */
static void check_operands(const struct applet *a, int n, char **v)
{
	const struct operands *o = &a->operands;

	if (n < o->min) die_usage("missing operand: %s", o->name);
	if (o->max == OPERANDS_ANY || n <= o->max) return;
	die_usage("unexpected argument '%s'%s", v[o->max],
		a->flags & APPLET_REST ? "; is '--' missing before it?" : "");
}

int applet_call(const struct applet *a, int argc, char **argv)
{
	char name[64];
	snprintf(name, sizeof name, "k3sbox %s", a->name);
	die_set_name(name);

	if (a->flags & APPLET_RAW) return a->run_raw(argc, argv);

	struct err e = {0};
	_cleanup_free_ char *cfg = xcalloc(1, a->cfg_size);
	if (a->defaults) memcpy(cfg, a->defaults, a->cfg_size);
	bool apart = a->flags & APPLET_REST;
	int rest = argc;   /* argv ends in a NULL */
	int n = opt_parse(a->opts, cfg, argc, argv, a->flags & APPLET_IN_ORDER, apart ? &rest
		: NULL, &e);
	if (n == OPT_HELP) return applet_help(a);
	if (n < 0)
		die_usage("%s%s", e.text, apart && n == -ENOENT
			? "; flags of k3s go behind '--'" : "");
	struct args args = { .n = n, .v = argv + 1, .rest = argv + rest };
	check_operands(a, n, args.v);
	int status = a->run(cfg, &args);
	die_set_name("k3sbox");
	return status;
}

static _Noreturn void die_unknown(const char *name)
{
	const struct applet *best = NULL;
	unsigned near = 0;

	for (const struct applet *const *a = applets; *a; a++)
		if (text_nearer(name, strlen(name), (*a)->name, &near)) best = *a;
	if (best) die_usage("unknown applet '%s'; did you mean '%s'?", name, best->name);
	die_usage("unknown applet '%s'", name);
}

static int list(void)
{
	_cleanup_buf_ struct buf b = {0};
	for (const struct applet *const *a = applets; *a; a++) buf_printf(&b, "%s\n", (*a)->name);
	return put(STDOUT_FILENO, &b);
}

static int help(int fd)
{
	_cleanup_buf_ struct buf b = {0};

	buf_puts(&b, "k3sbox " K3SBOX_VERSION ": make stock k3s start in sandboxes and "
		"containers\n\n"
		"Usage: k3sbox init && k3sbox run -d    prepare this machine, start k3s\n"
		"       k3sbox APPLET [OPTION…] [ARG…]  run an applet (each has --help);\n"
		"                                       a link named APPLET does so, too\n"
		"       k3sbox --list | version | --help\n");
	for (int g = 0; g < GROUP_COUNT; g++) {
		buf_printf(&b, "\n%s:\n", group_titles[g]);
		for (const struct applet *const *a = applets; *a; a++)
			if ((int)(*a)->group == g)
				buf_printf(&b, "  %-12s %s\n", (*a)->name, (*a)->summary);
	}
	buf_puts(&b, "\nExit status: 0 success, 1 failure, 2 works with limits, 3 not running,\n"
		"100 usage error, 111 system call failed, 124 timed out, 126 program not\n"
		"executable, 127 program not found, 128+N killed by signal N.\n");
	return put(fd, &b);
}

static int version(void)
{
	_cleanup_buf_ struct buf b = {0};
	buf_puts(&b, "k3sbox " K3SBOX_VERSION "\n");
	return put(STDOUT_FILENO, &b);
}

static int help_out(void)
{
	return help(STDOUT_FILENO);
}

static int multicall(int argc, char **argv)
{
	static const struct { const char *name; int (*run)(void); } words[] = {
		{ "--list", list }, { "--version", version }, { "version", version },
		{ "--help", help_out }, { "-h", help_out },
	};

	if (argc < 2) {
		help(STDERR_FILENO);
		return EX_USE;
	}
	for (size_t i = 0; i < sizeof words / sizeof *words; i++)
		if (!strcmp(argv[1], words[i].name)) return words[i].run();
	if (!strcmp(argv[1], "help")) {
		if (argc < 3) return help(STDOUT_FILENO);
		const struct applet *about = applet_find(argv[2]);
		if (about) return applet_help(about);
		die_unknown(argv[2]);
	}
	const struct applet *a = applet_find(argv[1]);
	if (!a && argv[1][0] == '-') die_usage("unknown option '%s'", argv[1]);
	if (!a) die_unknown(argv[1]);
	return applet_call(a, argc - 1, argv + 1);
}

int main(int argc, char **argv)
{
	const char *base = argc > 0 && argv[0] ? strrchr(argv[0], '/') : NULL;
	base = base ? base + 1 : argc > 0 && argv[0] ? argv[0] : "k3sbox";
	if (*base == '-') base++;   /* a login shell's way of calling */

	const struct applet *a = strcmp(base, "k3sbox") ? applet_find(base) : NULL;
	return a ? applet_call(a, argc, argv) : multicall(argc, argv);
}
