/* The frame of a CNI plugin: environment, configuration, order of checks, messages and exit status
 * as in pkg/skel/skel.go of containernetworking/cni v1.3.0. A plugin is a table of functions.
 *
 * Errors: a plugin's error is part of its answer, with a code and text of any length. So
 * functions with a struct cni return 0, or -1 after cni_fail(), which keeps the error there;
 * cni_main() prints it. */
#ifndef K3SBOX_CNI_PLUGIN_H
#define K3SBOX_CNI_PLUGIN_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/arena.h"
#include "base/buf.h"
#include "base/json.h"
#include "cni/gojson.h"

/* Codes of the specification; CNI_INTERNAL is the one that skel gives to every other error. */
enum {
	CNI_VERSION_ERROR = 1, CNI_UNSUPPORTED_FIELD = 2, CNI_UNKNOWN_CONTAINER = 3,
	CNI_BAD_ENVIRONMENT = 4, CNI_IO = 5,
	CNI_DECODE = 6, CNI_BAD_CONFIG = 7, CNI_BAD_NETNS = 8, CNI_TRY_AGAIN = 11,
	CNI_NOT_AVAILABLE = 50, CNI_INTERNAL = 999,
};

enum cni_command { CNI_ADD, CNI_CHECK, CNI_DEL, CNI_GC, CNI_STATUS, CNI_COMMAND_COUNT };

/* K3SBOX_CNI_COMPAT, for comparisons with upstream: unset (newest semantics with our
 * improvements), "1.9.1" (exactly that upstream release) or "1.1.1" (Debian 12's). */
enum cni_compat { CNI_BETTER, CNI_191, CNI_111 };

struct cni {
	const struct cni_plugin *plugin;
	enum cni_compat compat;
	const char *command, *id, *netns, *ifname, *args, *path;   /* never NULL; "" if not set */
	struct buf text;               /* the configuration as it came */
	struct json conf;
	struct str name, version;      /* from the configuration; an empty version is "0.1.0" */
	struct buf out;                /* goes to standard output at the end */
	unsigned code;                 /* of the error; 0: none so far */
	struct buf msg, details;
	struct arena arena;
};

struct cni_plugin {
	const char *name;
	const char *help;              /* for --help */
	const char *bare_answer;       /* to a call without any CNI_ variable; may be NULL */
	bool any_netns;                /* CNI_NETNS may be the plugin's own */
	/* 0, or -1 after cni_fail(); NULL: nothing to do */
	int (*run[CNI_COMMAND_COUNT])(struct cni *c);
};

/* Runs the plugin and ends the process, except for --help and --version: then it returns the
 * exit status. */
int cni_main(const struct cni_plugin *p, int argc, char **argv);

/* Starts a call. Its memory, apart from conf, lies in the arena; cni_main() leaves it to the
 * process's end. */
void cni_begin(struct cni *c, const struct cni_plugin *p);

/* Records the error, unless there is one already; returns -1. */
int cni_fail(struct cni *c, unsigned code, const char *fmt, ...)
	__attribute__((format(printf, 3, 4)));
/* The same with ": " and the reason, which r is as -errno, in Go's words. */
int cni_fail_errno(struct cni *c, int r, const char *fmt, ...)
	__attribute__((format(printf, 3, 4)));
/* "OPERATION PATH: reason", Go's PathError. */
int cni_fail_path(struct cni *c, const char *op, const char *path, int err);
int cni_fail_str(struct cni *c, unsigned code, const char *prefix, struct str s);
/* Clears the error, to go on after a failed attempt. */
void cni_forgive(struct cni *c);

/* Is configuration version a at least b? Both must have the form N.N.N; "" counts as 0.1.0. */
bool cni_version_at_least(struct str a, const char *b);

#endif
