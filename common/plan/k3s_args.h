/* The user's k3s flags, wherever they are written: one view for everything that has to respect
 * them.
 *
 * As k3s does it (k3s-io/k3s pkg/configfilearg/parser.go, pkg/cli/cmds): the configuration file
 * is $K3S_CONFIG_FILE, else the first --config or -c, else /etc/rancher/k3s/config.yaml. Behind
 * it are read, in the order of their names, the files of FILE.d that end in .yaml or .yml, even
 * if FILE does not exist. A key replaces what earlier files say; "key+" adds to it. The command
 * line wins over the files, and the files over K3S_ variables. */
#ifndef K3SBOX_PLAN_K3S_ARGS_H
#define K3SBOX_PLAN_K3S_ARGS_H

#include <stdbool.h>
#include <stddef.h>

#include "base/buf.h"
#include "base/err.h"

struct k3s_args {
	/* the command line, verb first if there is one; borrowed, may be NULL */
	const struct strv *user;
	struct strv config;        /* the files, as "--name=value", a list's items one by one */
	struct strv env;           /* the variables, as "--name=value" */
	struct strv chosen;        /* what plan/ranges.h puts in place of defaults; the same */
	/* The files may set data-dir, in a way that is not understood, and nothing overrules
	 * them. */
	bool data_dir_unknown;
};

/* Reads files and environment. 0, or -errno if a file, or a value in it, cannot be used: then what
 * it says is missing, and the rest is there. `user` must outlive a. */
int k3s_args_load(struct k3s_args *a, const struct strv *user, struct err *e);
void k3s_args_free(struct k3s_args *a);
#define _cleanup_k3s_args_ __attribute__((cleanup(k3s_args_free)))

/* Value of --name or of the letter that k3s has for it: from the command line, the files or the
 * environment, the last one of the first that has it; "" for a flag without a value; NULL if
 * nothing sets it. */
const char *k3s_args_find(const struct k3s_args *a, const char *name);
/* The same, or what was chosen in its place, or k3s's default if it is not set or empty; "" for a
 * flag without one (k3s pkg/cli/cmds/server.go). */
const char *k3s_args_value(const struct k3s_args *a, const char *name);
/* The same without the environment: which variables there are depends on the version. */
const char *k3s_args_written(const struct k3s_args *a, const char *name);
/* The same of the command line alone. */
const char *k3s_args_typed(const struct k3s_args *a, const char *name);

/* Is the switch --name on? */
bool k3s_args_is_on(const struct k3s_args *a, const char *name);

/* Value of the item "key=value" of the list --name (kubelet-arg); "" without '='; NULL if there
 * is none. */
const char *k3s_args_item(const struct k3s_args *a, const char *name, const char *key,
	size_t key_len);

/* ---- pure parts, for tests ---- */

/* Name of the configuration file; "" if --config is empty or lacks its value: then there is
 * none. */
const char *k3s_args_config_file(const struct strv *user, const char *env);

/* What one file after the other says, merged. */
struct k3s_config {
	struct k3s_config_key { char *name; struct strv values; } *v;
	size_t n;
	bool data_dir_unknown;     /* what they say of data-dir is not understood */
};
/* Adds a file's text. 0, or -EBADMSG (with the line) for YAML that base/yaml.h does not read; the
 * keys that it reads are added then, too. */
int k3s_config_add(struct k3s_config *c, const char *text, size_t len, struct err *e);
void k3s_config_args(const struct k3s_config *c, struct strv *out);
void k3s_config_free(struct k3s_config *c);
#define _cleanup_k3s_config_ __attribute__((cleanup(k3s_config_free)))

#endif
