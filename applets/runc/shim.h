/* The OCI runtime shim: a container engine calls it as it calls runc; it edits the container's
 * configuration by rules and then becomes the real runc. Pure: everything but runc.c and sight.c works on
 * memory. */
#ifndef K3SBOX_RUNC_SHIM_H
#define K3SBOX_RUNC_SHIM_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/buf.h"
#include "base/json.h"
#include "plan/plan.h"

/* K3SBOX_SHIM_RULES holds the rules that `k3sbox init` left for the containers of this machine: one a line,
 * "NAME [ARGUMENT…]", '#' begins a comment; "runc PATH" names the real runtime. The environment variable
 * names another file. */
#define SHIM_RULES_ENV "K3SBOX_SHIM"

/* ---- call.c: the command line ---- */
struct call {
	int verb;              /* index in argv of create, exec, …; argc: there is none */
	const char *bundle;    /* --bundle, "." without it */
	const char *process;   /* exec's --process; NULL: none */
	const char *log;       /* --log; NULL: none */
	bool log_json;         /* --log-format json */
};

/* Understands runc's and crun's way to write options; what it does not know it takes for an option without
 * a value. */
void call_parse(struct call *c, int argc, char **argv);

/* ---- sight.c: what a rule wants to know of this machine; tests have their own ---- */
struct sight {
	/* Is this path of the container a folder? Path and mounts as in the configuration. */
	bool (*is_folder)(const struct sight *s, const char *path);
	bool (*has_sysctl)(const struct sight *s, const char *name);   /* "net.ipv4.ip_forward" */
	int oom_score_adj;     /* this process's own */
	uint64_t capabilities; /* that this process may use: capabilities(7), permitted, a bit each */
	const char *bundle;
	const struct json *config;
};
typedef void shim_look(struct sight *s, const char *bundle, const struct json *config);
shim_look sight_init;

/* ---- rules.c ---- */
enum document { DOC_CONFIG = 1, DOC_PROCESS = 2 };   /* config.json; the process.json that exec is given */

struct edit;

struct rule {
	const char *name;
	/* for people: "[PATH…]"; NULL: takes none; without brackets it is required */
	const char *argument;
	unsigned documents;         /* which ones it edits */
	void (*run)(struct edit *e);
	const char *flag;           /* option for create and run, instead of or beside the edit */
	const char *why;            /* what goes wrong without it, and what it does */
};
extern const struct rule shim_rules[];
extern const size_t shim_rule_count;

struct rule_use {
	const struct rule *rule;
	struct strv args;
};

struct rules {
	struct rule_use *v;         /* in the order of shim_rules */
	size_t n;
	char *runc;                 /* NULL: look for it */
};

/* 0; -EINVAL with a message that names the line. Rules that are no rules are refused, so that a container
 * is never started with less than was planned. */
int rules_parse(struct rules *r, const char *text, struct buf *why);
void rules_free(struct rules *r);
#define _cleanup_rules_ __attribute__((cleanup(rules_free)))

/* What the rules make of a document: out is empty if nothing changes. notes gets a line for each thing that
 * had to be given up. 0; -EBADMSG (no JSON, or not of the shape that the OCI says), -EFBIG, -ENOMEM, with a
 * message. */
int rules_edit(const struct rules *r, enum document doc, const char *text, size_t len, const char *bundle,
	shim_look *look, struct buf *out, struct buf *notes, struct buf *why);

/* ---- edits.c ---- */
struct edit {
	const struct json *j;
	struct json_edits *out;
	enum document doc;
	const struct strv *args;    /* the rule's argument, in words */
	const struct strv *no_options;   /* mount options that no mount may have, ours neither; NULL: none */
	const struct sight *sight;
	struct buf *notes;
};

void edit_masked_paths(struct edit *e);
void edit_readonly_paths(struct edit *e);
void edit_sysctl(struct edit *e);
void edit_namespace(struct edit *e);
void edit_oom_score(struct edit *e);
void edit_no_oom_score(struct edit *e);
void edit_capabilities(struct edit *e);
void edit_cgroup_path(struct edit *e);
void edit_cgroup_resources(struct edit *e);
void edit_devices(struct edit *e);
void edit_mount_options(struct edit *e);

#endif
