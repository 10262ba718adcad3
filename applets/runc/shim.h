/* The OCI runtime shim: a container engine calls it as it calls runc; it edits the container's
 * configuration by rules and then becomes the real runc. Pure: everything but runc.c and sight.c
 * works on memory. */
#ifndef K3SBOX_RUNC_SHIM_H
#define K3SBOX_RUNC_SHIM_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/buf.h"
#include "base/json.h"
#include "plan/plan.h"

/* PLAN_SHIM_RULES holds the rules that `k3sbox init` left for the containers of this machine:
 * one a line, "NAME [ARGUMENT…]", '#' begins a comment; "runc PATH" names the real runtime. The
 * environment variable names another file. */
#define SHIM_RULES_ENV "K3SBOX_SHIM"

/* ---- call.c: the command line ---- */
struct shim_call {
	int verb;              /* index in argv of create, exec, …; argc: there is none */
	const char *bundle;    /* --bundle, "." without it */
	const char *process;   /* exec's --process; NULL: none */
	const char *id;        /* the first word behind the verb's options; NULL: none */
	const char *pid_file;  /* --pid-file; NULL: none */
	bool console;          /* --console-socket: the terminal goes to it but once */
	const char *log;       /* --log; NULL: none */
	bool log_json;         /* --log-format json */
};

/* Understands how runc and crun write options; an unknown one is taken for an option without a
 * value. */
void shim_call_parse(struct shim_call *c, int argc, char **argv);

/* ---- create.c: rules hide-roots, hide-cgroupfs and create-again ---- */

/* Gives this process, which is about to become the real runtime, a mount namespace of its own, and
 * unmounts in it what is mounted in the directory (NULL: none) but not in the bundle. Where the
 * directory is not a private mount, or something fails, all stays as it is, which is as good but
 * for the delays. cgroupfs: also makes the container's groups in what cgroupfs shows, and unmounts
 * that, so that the container gets mounts of the kernel's own. */
void create_hide_mounts(const char *directory, bool cgroupfs, const char *bundle);

/* Runs `runc create`, again if the container's init ends before it waits for `start`, up to three
 * times: path and argv are the real runtime's, as for execv(3). The exit status, or -errno. */
int create_again(const struct shim_call *c, const char *path, char **argv);

/* ---- sight.c: what rules ask about this machine; tests have their own ---- */
struct shim_sight {
	/* Is this path of the container a directory? Path and mounts as in the configuration. */
	bool (*is_directory)(const struct shim_sight *s, const char *path);
	/* "net.ipv4.ip_forward" */
	bool (*has_sysctl)(const struct shim_sight *s, const char *name);
	int oom_score_adj;     /* this process's own */
	/* that this process may use: capabilities(7), permitted, a bit each */
	uint64_t capabilities;
	const char *bundle;
	const struct json *config;
};
typedef void shim_look(struct shim_sight *s, const char *bundle, const struct json *config);
shim_look shim_sight_init;

/* ---- rules.c ---- */
/* config.json; the process.json that exec is given */
enum shim_document { DOC_CONFIG = 1, DOC_PROCESS = 2 };

struct shim_edit;

struct shim_rule {
	const char *name;
	/* for people: "[PATH…]"; NULL: none; without brackets it is required */
	const char *argument;
	unsigned documents;         /* which ones it edits */
	void (*run)(struct shim_edit *e);
	/* for runc's create and run, instead of or beside the edit; may be NULL */
	const char *option;
	const char *help;           /* what goes wrong without it, and what it does */
};
/* by shim_rule_id; plan/shim_rules.def */
extern const struct shim_rule shim_rule_rows[SHIM_RULE_COUNT];

struct shim_use {
	const struct shim_rule *rule;
	struct strv args;
};

struct shim_rules {
	struct shim_use *v;         /* in the order of shim_rule_rows */
	size_t n;
	char *runc;                 /* NULL: look for it */
};

/* 0; -EINVAL with a message that names the line. Unknown rules are refused, so that a container
 * is never started with fewer than were planned. */
int shim_rules_parse(struct shim_rules *r, const char *text, struct err *e);
void shim_rules_free(struct shim_rules *r);
#define _cleanup_shim_rules_ __attribute__((cleanup(shim_rules_free)))

struct shim_input {
	enum shim_document doc;
	const char *text;
	size_t len;
	const char *bundle;
};

/* What the rules make of a document: out is empty if nothing changes. notes gets a line for each
 * thing that had to be given up. 0; -EBADMSG (no JSON, or not of the shape that the OCI
 * defines), -EFBIG, -ENOMEM, with a message. */
int shim_rules_edit(const struct shim_rules *r, const struct shim_input *in, shim_look *look,
	struct buf *out, struct buf *notes, struct err *e);

/* ---- edits.c ---- */
struct shim_edit {
	const struct json *j;
	struct json_edits *out;
	enum shim_document doc;
	const struct strv *args;    /* the rule's argument, in words */
	/* mount options that no mount may have, ours neither; NULL: none */
	const struct strv *no_options;
	const struct shim_sight *sight;
	struct buf *mounts;         /* what rules add to the list: "[{…},{…}" */
	struct buf *notes;
};

typedef void shim_edit_fn(struct shim_edit *e);
shim_edit_fn edit_masked_paths, edit_readonly_paths, edit_sysctl, edit_namespace, edit_oom_score,
	edit_no_oom_score, edit_capabilities, edit_cgroup_path, edit_cgroup_resources, edit_devices,
	edit_apparmor, edit_bind_mounts, edit_mount_options, edit_ca_bundle;
/* After all rules: adds their mounts. */
shim_edit_fn edit_finish;

#endif
