/* Facts → plan. A fact is an obstacle, tested by doing the real thing; a step removes one obstacle by one mechanism.
 * doctor prints them, init applies the steps that last, run adds the flags, the OCI shim follows its rules, the interceptor
 * its own: all from the same rows, so they cannot disagree. */
#ifndef K3SBOX_PLAN_H
#define K3SBOX_PLAN_H

#include <stdbool.h>
#include <stddef.h>

#include "base/buf.h"
#include "base/io.h"

/* What removes obstacles, cheapest first (design: the ladder). */
enum mechanism {
	BY_NOTHING,
	BY_FLAG,         /* a knob: k3s or kubelet argument, or kubelet/containerd configuration, in the way this k3s has it */
	BY_FILE,         /* a file or folder made on this machine */
	BY_MOUNT,        /* a mount in this mount namespace */
	BY_SHIM,         /* an edit of each container's config.json (applet runc) */
	BY_INTERCEPT,    /* traced system calls (applet intercept) */
	MECHANISM_COUNT,
};
extern const char *const mechanism_names[MECHANISM_COUNT];   /* "flag", "file", … */

enum mode { MODE_AUTO, MODE_CONTROL_PLANE, MODE_NODE };

/* Things to be set in k3s. How a given k3s wants to be told is the business of applets/run/dialect.c. */
enum knob {
	KNOB_NONE,
	KNOB_SNAPSHOTTER_NATIVE,
	KNOB_FLANNEL_NONE,
	KNOB_KUBE_PROXY_OFF,          /* network policy too: its controller needs iptables as well */
	KNOB_IMAGE_GC_OFF,            /* thresholds 100/99 */
	KNOB_LOCAL_STORAGE_ISOLATION_OFF,
	KNOB_FAIL_CGROUPV1_OFF,
	KNOB_CGROUPS_PER_QOS_OFF,     /* and enforce-node-allocatable= */
	KNOB_UNPRIVILEGED_PORTS_OFF,  /* containerd's enable_unprivileged_ports and _icmp */
	KNOB_NODE_ADDRESS,            /* value: an IP address; node-ip and advertise-address */
	KNOB_PAUSE_IMAGE,             /* value: image reference; the archive is in the images folder by then */
	KNOB_PACKAGED_OFF,            /* coredns, traefik, …: their images cannot be pulled */
	KNOB_OCI_SHIM,                /* containerd runs k3sbox as its OCI runtime */
	KNOB_FAIL_SWAP_ON_OFF,
	KNOB_COUNT,
};

enum fact_state { FACT_OK, FACT_OBSTACLE, FACT_SKIPPED };

struct fact_result {
	enum fact_state state;
	const char *kind;/* which kind of obstacle, where a fact knows several; else NULL; static */
	char why[240];   /* the real error, or what was seen */
	char value[240]; /* what steps need to know (an address, a list of paths), by the fact's own convention */
};

struct options {
	enum mode mode;
	bool no_mount, no_shim, no_intercept;
	bool trust_init;           /* run, after init: take its word for obstacles that are slow to probe */
	const char *data_dir;      /* k3s's data folder; never NULL */
	const char *k3s;           /* path of the k3s binary, or NULL if not found */
	const struct strv *k3s_args;   /* the user's own k3s arguments, may be NULL */
};

/* Option rows for the fields of a struct options that lies at `base` in an applet's option struct; k3s_args is the caller's. */
#define PLAN_OPT_ROWS(type, base) \
	{ OPT_CHOICE, 0, "mode", offsetof(type, base.mode), .choices = mode_names, \
	  .help = "what is wanted (auto: a node, or the control plane alone where no node can run)" }, \
	{ OPT_STR, 0, "data-dir", offsetof(type, base.data_dir), "DIR", .help = "k3s's data folder (/var/lib/rancher/k3s)" }, \
	{ OPT_STR, 0, "k3s", offsetof(type, base.k3s), "FILE", .help = "the k3s binary ($K3SBOX_K3S, or k3s in PATH)" }, \
	{ OPT_FLAG, 0, "no-mount", offsetof(type, base.no_mount), .help = "mount nothing" }, \
	{ OPT_FLAG, 0, "no-shim", offsetof(type, base.no_shim), .help = "do not stand between containerd and runc" }, \
	{ OPT_FLAG, 0, "no-intercept", offsetof(type, base.no_intercept), .help = "trace nothing" }
extern const char *const mode_names[];   /* by enum mode: "auto", "control-plane", "node" */

/* Fills in what the command line left open: data_dir ($K3S_DATA_DIR, k3s's default) and k3s ($K3SBOX_K3S, PATH). Strings are
 * allocated for good or borrowed. */
void options_complete(struct options *o);

struct fact;
struct step_row;

/* One obstacle found and what is done about it. */
struct step {
	const struct fact *fact;
	const struct fact_result *seen;
	const struct step_row *row;   /* NULL: nothing can be done */
};

struct plan {
	struct fact_result *results;  /* by fact index */
	struct step *steps;           /* obstacles in the facts' order; several rows may answer one obstacle together */
	size_t n;
};

/* How bad an obstacle is that stays. */
enum severity {
	ALL_FATAL,       /* nothing runs */
	NODE_FATAL,      /* no node; the control plane still runs */
	DEGRADED,        /* runs with less */
};

struct fact {
	const char *name;             /* "kmsg" */
	const char *title;            /* what is fine when it is fine: "/dev/kmsg can be opened" */
	enum severity severity;
	bool node_only;               /* of no interest to a control plane alone: skipped in MODE_CONTROL_PLANE */
	bool slow;                    /* may wait for the network: probed in a child beside the others */
	void (*probe)(const struct options *o, struct fact_result *r);   /* r is zeroed: FACT_OK */
	bool (*settled)(const struct options *o);   /* fine without a probe: the user has seen to it; may be NULL */
	const char *help;             /* what the user can do if nothing here helps */
};
extern const struct fact facts[];
extern const size_t fact_count;

struct step_row {
	const char *fact;             /* name of the obstacle */
	enum mechanism by;
	const char *when;             /* only if the result's .kind is this; NULL: always */
	const char *needs;            /* name of a fact that must be fine for this; NULL: none */
	const char *what;             /* one line for people: "bind /dev/null over /dev/kmsg" */
	enum knob knob;               /* BY_FLAG */
	const char *rule;             /* BY_SHIM: rule name; BY_INTERCEPT: rule or seed set */
	bool node_only;               /* not for a control plane alone */
	bool also;                    /* wanted in addition to the row before it, not instead of it */
	int (*apply)(const struct options *o, const struct fact_result *r);  /* BY_FILE, BY_MOUNT; -errno */
	int (*undo)(const struct options *o);       /* idempotent; also after half an apply, or none: it knows its own work */
};
extern const struct step_row step_rows[];
extern const size_t step_row_count;

/* Runs every probe; the real thing is done in children and throw-away namespaces and leaves nothing behind. */
void plan_probe(const struct options *o, struct fact_result *results);
/* Pure: picks for each obstacle the first row whose mechanism is allowed. */
void plan_make(const struct options *o, const struct fact_result *results, struct plan *p);
void plan_free(struct plan *p);

/* Both, and what auto means: if an obstacle that no node survives stays, o->mode becomes MODE_CONTROL_PLANE, the plan is one for that, and
 * the obstacle's fact is returned (its result is still in p->results). MODE_AUTO becomes MODE_NODE otherwise, and NULL is returned. */
const struct fact *plan_prepare(struct options *o, struct plan *p);

/* The first obstacle of exactly this severity that nothing removes; NULL if there is none. */
const struct step *plan_blocked(const struct plan *p, enum severity s);

/* ---- what was applied: K3SBOX_RUN/journal, a line per step (fact TAB mechanism TAB what TAB seen), written before it is taken ---- */
#define K3SBOX_JOURNAL K3SBOX_RUN "/journal"
#define K3SBOX_SHIM_RULES K3SBOX_RUN "/shim"

/* One at a time: held from probing to the end of applying or undoing. Waits. A descriptor to close(2), or -errno (then
 * whatever comes next says why). */
int plan_lock(void);
/* Takes the steps that last (files, mounts) and writes the shim's rules. As long as that lets other obstacles be seen, *p becomes the
 * plan for these too; whether any stays that nothing removes is to be asked once more. 0 or -errno; says what failed and why. verbose: a
 * line a step on stdout. */
int plan_apply(const struct options *o, struct plan *p, bool verbose);
/* Takes back everything that plan_apply() can have done, in reverse; safe to repeat. 0 or the first -errno, said. */
int plan_undo(const struct options *o, bool verbose);
/* Facts that stand in the journal: they were obstacles before they were removed. By fact name; NULL if none. The text after "fact TAB". */
void plan_journal(struct buf *out);   /* the whole journal; empty if there is none */
/* Does what stands in a line at "mechanism TAB …" last until it is taken back, and not only as long as k3s runs? */
bool plan_lasts(const char *by);

#endif
