/* Facts → plan. A fact is an obstacle or not, found out by doing the real thing; a step removes
 * one obstacle by one mechanism. doctor prints them, init applies the steps that last, run adds
 * the flags, the OCI shim follows its rules, the interceptor its own: all from the same rows, so
 * they cannot disagree. */
#ifndef K3SBOX_PLAN_H
#define K3SBOX_PLAN_H

#include "base/buf.h"
#include "base/io.h"
#include "plan/rows.h"

/* Option rows for the fields of a struct plan_options that lies at `base` in an applet's option
 * struct. */
#define PLAN_OPT_ROWS(type, base) \
	{ OPT_CHOICE, 0, "mode", offsetof(type, base.mode), .choices = plan_mode_names, \
	  .help = "what to run (auto: a node, or the control plane alone if no node can run)" }, \
	{ OPT_PATH, 0, "data-dir", offsetof(type, base.data_dir), "DIR", \
	  .help = "k3s's data directory (/var/lib/rancher/k3s)" }, \
	{ OPT_PATH, 0, "k3s", offsetof(type, base.k3s), "FILE", \
	  .help = "the k3s binary ($K3SBOX_K3S, or k3s in PATH)" }, \
	{ OPT_CHOICE, 0, "namespaces", offsetof(type, base.namespaces), \
	  .choices = isolation_names, \
	  .help = "run the node in namespaces of its own (auto: where that removes obstacles)" }, \
	{ OPT_CHOICE, 0, "accounting", offsetof(type, base.accounting), \
	  .choices = isolation_names, \
	  .help = "figures of node and pods, by cgroupfs in own namespaces where the kernel " \
		"lacks files (auto: where that works)" }, \
	{ OPT_FLAG, 0, "pod-ca", offsetof(type, base.pod_ca), \
	  .help = "let pods have this machine's certificate authorities" }, \
	{ OPT_FLAG, 0, "no-mount", offsetof(type, base.no_mount), .help = "mount nothing" }, \
	{ OPT_FLAG, 0, "no-shim", offsetof(type, base.no_shim), \
	  .help = "do not insert the OCI shim between containerd and runc" }, \
	{ OPT_FLAG, 0, "no-intercept", offsetof(type, base.no_intercept), \
	  .help = "trace no processes" }
/* Where k3s is looked for, besides PATH, and installed. */
#define PLAN_K3S "/usr/local/bin/k3s"
/* by enum plan_mode: "auto", "control-plane", "node" */
extern const char *const plan_mode_names[];
/* by enum isolation (plan/isolate.h): "auto", "yes", "no" */
extern const char *const isolation_names[];

/* Reads the user's k3s flags (user: the command line's, may be NULL; it must outlive o) and
 * fills in what the command line left open: data_dir (--data-dir of k3s, its configuration
 * files, $K3S_DATA_DIR, k3s's default) and k3s ($K3SBOX_K3S, PATH). Strings are allocated for
 * good or borrowed. 0, or -errno if a configuration file of k3s cannot be used; everything else
 * is filled in then, too. */
int plan_options_complete(struct plan_options *o, const struct strv *user, struct err *e);

struct plan {
	struct fact_result *results;  /* by fact_id */
	/* in the facts' order; several rows may remove one obstacle together */
	struct plan_step *steps;
	size_t n;
};

/* Starts the probes that are slow, and only these: while they wait for the network, the caller can
 * do something else. The next plan_probe() with these options takes their results, in this process
 * or in one that was forked from it, and in a world they are about the outside. Their children are
 * this process's. */
void plan_probe_early(struct plan_options *o);
/* Is this a descriptor of such a probe? */
bool plan_probe_early_has(const struct plan_options *o, int fd);

/* Runs every probe. */
void plan_probe(const struct plan_options *o, struct fact_result results[FACT_COUNT]);
/* Pure: picks for each obstacle the first row whose mechanism is allowed. */
void plan_make(const struct plan_options *o, const struct fact_result results[FACT_COUNT],
	struct plan *p);
void plan_free(struct plan *p);

/* Both, and what auto means: if an obstacle that no node survives stays, o->mode becomes
 * MODE_CONTROL_PLANE, the plan is one for that, and the obstacle's fact is returned (its result
 * is still in p->results). MODE_AUTO becomes MODE_NODE otherwise, and NULL is returned. */
const struct fact *plan_prepare(struct plan_options *o, struct plan *p);

/* The first obstacle of exactly this severity that nothing removes; NULL if there is none. */
const struct plan_step *plan_blocked(const struct plan *p, enum severity s);

/* What the user can do about an obstacle that no step removes; NULL if nothing is known. */
const char *plan_help(const struct fact *f, const struct fact_result *seen);

/* What does not work in spite of the plan, or because of it, "; " between; empty if nothing. */
void plan_limits(const struct plan *p, struct buf *out);
/* The same, of the steps with these keys (struct runstate). */
void plan_limits_of(const struct strv *keys, struct buf *out);

#define PLAN_SHIM_RULES K3SBOX_RUN "/shim"

/* One at a time: held from probing to the end of applying or undoing. Waits. A descriptor to
 * close(2), or -errno (then whatever comes next says why). */
int plan_lock(void);

/* Told of each step that is applied for the first time, r being 0, and of each step that failed
 * without ending the whole (optional, or an undo), r being -errno. */
typedef void plan_report(void *arg, const struct plan_step *s, int r, const struct err *why);

/* Takes the steps that last (files, mounts) and writes the shim's rules. As long as that lets
 * other obstacles be seen, *p becomes the plan for these too; whether any stays that nothing
 * removes is to be asked once more. 0 or -errno. */
int plan_apply(const struct plan_options *o, struct plan *p, plan_report *report, void *arg,
	struct err *e);

/* Undoes everything that plan_apply() can have done, in reverse; safe to repeat. What fails is
 * reported, and the rest undone. 0 or the first -errno. */
int plan_undo(const struct plan_options *o, plan_report *report, void *arg);

#endif
