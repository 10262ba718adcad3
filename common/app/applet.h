/* The registry of applets. Each applets/NAME.c ends in one descriptor; the Makefile lists the
 * files, nothing else does. */
#ifndef K3SBOX_APPLET_H
#define K3SBOX_APPLET_H

#include <stddef.h>
#include <stdint.h>

#include "app/opt.h"

#define K3SBOX_VERSION "0.1.0"

enum applet_flags {
	/* run_raw() gets argv as it came, without options (CNI plugins, the OCI shim) */
	APPLET_RAW = 1,
	APPLET_IN_ORDER = 2, /* options end at the first operand: a command follows */
	/* `install` makes its link only if it is named: in PATH it would hide another program */
	APPLET_ASKED = 4,
	APPLET_REST = 8,     /* words after "--" are kept apart, in args.rest */
};

enum applet_group { GROUP_CLUSTER, GROUP_CNI, GROUP_TOOL, GROUP_COUNT };

struct args {
	int n;               /* operands */
	char **v;            /* the operands, NULL-terminated */
	/* APPLET_REST: the words after "--", NULL-terminated; none: points at a NULL */
	char **rest;
};

/* How many operands an applet takes, and what help calls them. The frame checks it: zeros mean
 * none. */
struct operands {
	const char *name;    /* of what is missing: "FILE" */
	int min, max;        /* max OPERANDS_ANY: no limit */
};
enum { OPERANDS_ANY = -1 };

struct applet {
	const char *name;
	const char *const *aliases;  /* its other names, NULL-terminated; may be NULL */
	const char *link_dir;        /* where `install` puts its link; NULL: next to the others */
	const char *summary;         /* one line */
	const char *usage;           /* what follows the name in "Usage: k3sbox NAME " */
	const char *more;            /* further help, ends in '\n'; may be NULL */
	const struct opt *opts;      /* ends in OPT_END; may be NULL */
	const void *defaults;        /* initial option struct, cfg_size bytes; NULL: zeros */
	uint16_t cfg_size;           /* of the struct that the options write to */
	uint8_t group;               /* enum applet_group */
	uint8_t flags;               /* enum applet_flags */
	struct operands operands;
	union {
		int (*run)(void *cfg, const struct args *args);      /* exit status */
		int (*run_raw)(int argc, char **argv);               /* APPLET_RAW */
	};
};

/* All applets, sorted by file name, NULL-terminated. */
extern const struct applet *const applets[];

/* By name or alias; NULL if there is none. */
const struct applet *applet_find(const char *name);

/* Prints its help; for APPLET_RAW, which look for --help themselves. EX_OK or EX_FAIL. */
int applet_help(const struct applet *a);

/* Runs it as if called with this argv (argv[0] is its name); returns the exit status. Used by
 * main(), and by applets that are made of others (restart = stop + run). argv is modified. */
int applet_call(const struct applet *a, int argc, char **argv);

#endif
