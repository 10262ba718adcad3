/* argv[0] → applet. `k3sbox NAME …` shifts argv and takes the same path. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "app/applet.h"
#include "base/buf.h"
#include "base/cleanup.h"
#include "base/die.h"

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

	buf_printf(&b, "Usage: k3sbox %s%s%s\n\n%s\n", a->name, a->usage ? " " : "", a->usage ? a->usage : "", a->summary);
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

/* --help before any "--": what follows it belongs to somebody else. */
static bool wants_help(const struct applet *a, int argc, char **argv)
{
	for (int i = 1; i < argc && strcmp(argv[i], "--"); i++) {
		if (!strcmp(argv[i], "--help") || !strcmp(argv[i], "-h")) return true;
		if (a->flags & APPLET_IN_ORDER && argv[i][0] != '-') return false;
	}
	return false;
}

int applet_start(const struct applet *a, int argc, char **argv)
{
	char name[64];
	snprintf(name, sizeof name, "k3sbox %s", a->name);
	die_set_name(name);

	if (a->flags & APPLET_RAW) return a->run_raw(argc, argv);
	if (wants_help(a, argc, argv)) return applet_help(a);

	_cleanup_buf_ struct buf why = {0};
	_cleanup_free_ char *cfg = xcalloc(1, a->cfg_size);
	if (a->defaults) memcpy(cfg, a->defaults, a->cfg_size);
	int rest;
	int n = opt_parse(a->opts, cfg, argc, argv, a->flags & APPLET_IN_ORDER, &rest, &why);
	if (n < 0) die_usage("%s", why.data ? why.data : "bad option");
	struct args args = { .n = n, .v = argv + 1, .rest = argv + rest };
	int status = a->run(cfg, &args);
	die_set_name("k3sbox");
	return status;
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

	buf_puts(&b, "k3sbox " K3SBOX_VERSION ": stock k3s where it refuses to start\n\n"
		"Usage: k3sbox init && k3sbox run -d       prepare this machine, start k3s, wait until the node is ready\n"
		"       k3sbox APPLET [OPTION…] [ARG…]     (--help with each); a link named APPLET does the same\n"
		"       k3sbox --list | --version | --help\n");
	for (int g = 0; g < GROUP_COUNT; g++) {
		buf_printf(&b, "\n%s:\n", group_titles[g]);
		for (const struct applet *const *a = applets; *a; a++)
			if ((int)(*a)->group == g) buf_printf(&b, "  %-12s %s\n", (*a)->name, (*a)->summary);
	}
	buf_puts(&b, "\nExit status: 0 done, 1 failed, 3 not running, 100 misuse, 111 system call failed, 124 time-out,\n"
		"126/127 program not executable/not found, 128+N a child died of signal N.\n");
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
		{ "--list", list }, { "--version", version }, { "--help", help_out }, { "-h", help_out },
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
		die_usage("there is no applet '%s'", argv[2]);
	}
	const struct applet *a = applet_find(argv[1]);
	if (!a) die_usage(argv[1][0] == '-' ? "unknown option '%s'" : "there is no applet '%s'", argv[1]);
	return applet_start(a, argc - 1, argv + 1);
}

int main(int argc, char **argv)
{
	const char *base = argc > 0 && argv[0] ? strrchr(argv[0], '/') : NULL;
	base = base ? base + 1 : argc > 0 && argv[0] ? argv[0] : "k3sbox";
	if (*base == '-') base++;   /* a login shell's way of calling */

	const struct applet *a = strcmp(base, "k3sbox") ? applet_find(base) : NULL;
	return a ? applet_start(a, argc, argv) : multicall(argc, argv);
}
