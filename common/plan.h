/* Facts → plan. A fact is an obstacle, tested by doing the real thing; a step removes one obstacle by one mechanism.
 * doctor prints them, init applies the steps that last, run adds the flags, the OCI shim follows its rules, the interceptor
 * its own: all from the same rows, so they cannot disagree. */
#ifndef K3SBOX_PLAN_H
#define K3SBOX_PLAN_H

#include <stdbool.h>
#include <stddef.h>

#include "buf.h"

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

/* How bad an obstacle is that stays. */
enum severity {
	NODE_FATAL,      /* no node; the control plane still runs */
	ALL_FATAL,       /* nothing runs */
	DEGRADED,        /* runs with less */
};

enum fact_state { FACT_OK, FACT_OBSTACLE, FACT_SKIPPED };

struct fact_result {
	enum fact_state state;
	char why[240];   /* the real error, or what was seen */
	char value[240]; /* what steps need to know (an address, a list of paths), by the fact's own convention */
};

struct options {
	enum mode mode;
	bool no_mount, no_shim, no_intercept;
	const char *data_dir;      /* k3s's data folder; never NULL */
	const char *k3s;           /* path of the k3s binary, or NULL if not found */
	const struct strv *k3s_args;   /* the user's own k3s arguments, may be NULL */
};

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

struct fact {
	const char *name;             /* "kmsg" */
	const char *title;            /* "/dev/kmsg can be opened" */
	enum severity severity;
	void (*probe)(const struct options *o, struct fact_result *r);
	const char *help;             /* what the user can do if nothing here helps */
};
extern const struct fact facts[];
extern const size_t fact_count;

struct step_row {
	const char *fact;             /* name of the obstacle */
	enum mechanism by;
	const char *what;             /* one line for people: "bind /dev/null over /dev/kmsg" */
	enum knob knob;               /* BY_FLAG */
	const char *rule;             /* BY_SHIM: rule name; BY_INTERCEPT: rule or seed set */
	bool also;                    /* wanted in addition to the row before it, not instead of it */
	int (*apply)(const struct options *o, const struct fact_result *r);  /* BY_FILE, BY_MOUNT; -errno */
	int (*undo)(const struct options *o);       /* idempotent; also after half an apply */
};
extern const struct step_row step_rows[];
extern const size_t step_row_count;

/* Runs every probe; the real thing is done in children and throw-away namespaces and leaves nothing behind. */
void plan_probe(const struct options *o, struct fact_result *results);
/* Pure: picks for each obstacle the first row whose mechanism is allowed. */
void plan_make(const struct options *o, const struct fact_result *results, struct plan *p);
void plan_free(struct plan *p);

/* Is there an obstacle of at least this kind that nothing removes? First one in *which if not NULL. */
bool plan_blocked(const struct plan *p, enum severity s, const struct step **which);

/* ---- what init applied: K3SBOX_RUN/journal, one line per step, written before the step is taken ---- */
int plan_apply(const struct options *o, const struct plan *p, bool verbose);   /* 0 or -errno; says what failed */
int plan_undo(const struct options *o, bool verbose);                          /* clean: newest first; 0 or -errno */

#endif
