/* Facts, obstacle kinds, steps and shim rules: their ids, made from the rows of facts.def,
 * steps.def and shim_rules.def, and the types of the tables that the same rows fill. */
#ifndef K3SBOX_PLAN_ROWS_H
#define K3SBOX_PLAN_ROWS_H

#include <stdbool.h>
#include <stddef.h>

#include "base/err.h"
#include "plan/k3s_args.h"

enum fact_id {
#define FACT(id, ...) FACT_##id,
#include "plan/facts.def"
	FACT_COUNT,
};

/* KIND_FACT_KIND; KIND_NONE where a fact's obstacles do not differ, and in a step's row, as ANY,
 * for all. */
enum obstacle_kind {
	KIND_NONE,
#define KIND(fact, kind) KIND_##fact##_##kind,
#include "plan/facts.def"
#define FACT(id, ...) KIND_##id##_ANY = KIND_NONE,
#include "plan/facts.def"
};

enum shim_rule_id {
	SHIM_NONE,
#define SHIM_RULE(id, ...) SHIM_##id,
#include "plan/shim_rules.def"
	SHIM_RULE_COUNT,
};

enum step_id {
#define STEP(id, ...) STEP_##id,
#include "plan/steps.def"
	STEP_COUNT,
};

/* What removes obstacles, cheapest first. */
enum mechanism {
	BY_FLAG,         /* a knob: k3s or kubelet argument, or kubelet/containerd configuration */
	BY_FILE,         /* a file or directory made on this machine */
	BY_ROUTE,        /* a route in this network namespace */
	BY_MOUNT,        /* a mount in this mount namespace */
	BY_SHIM,         /* an edit of each container's config.json (applet runc) */
	BY_INTERCEPT,    /* traced system calls (applet intercept) */
	MECHANISM_COUNT,
};

struct mechanism_row {
	const char *name;         /* "flag", "file", … */
	/* nothing of it is used where this fact is not fine; FACT_ROOT: no other */
	enum fact_id needs;
	bool lasts;               /* until it is undone, not only as long as k3s runs */
};
extern const struct mechanism_row mechanisms[MECHANISM_COUNT];

/* Settings of k3s and its parts. How a given k3s takes them is the business of
 * applets/run/dialect.c. */
enum knob {
	KNOB_NONE,
	KNOB_SNAPSHOTTER_NATIVE,
	KNOB_FLANNEL_NONE,
	/* network policy too: its controller needs iptables as well */
	KNOB_KUBE_PROXY_OFF,
	KNOB_IPTABLES_MODE,           /* value: "nft" or "legacy" */
	KNOB_IMAGE_GC_OFF,            /* thresholds 100/99 */
	KNOB_EVICTION,                /* hard thresholds in bytes, not in percent */
	KNOB_LOCAL_STORAGE_ISOLATION_OFF,
	KNOB_FAIL_CGROUPV1_OFF,
	KNOB_CGROUPS_PER_QOS_OFF,     /* and enforce-node-allocatable= */
	KNOB_APPARMOR_OFF,            /* containerd gives containers no profile */
	KNOB_UNPRIVILEGED_PORTS_OFF,  /* containerd's enable_unprivileged_ports and _icmp */
	KNOB_NODE_ADDRESS,            /* value: IP addresses with commas between them */
	KNOB_RANGES,                  /* k3s_args.chosen */
	KNOB_NODE_NAME,               /* value: the name */
	/* value: reference of an image that k3s imports at its start */
	KNOB_PAUSE_IMAGE,
	KNOB_PACKAGED_OFF,            /* coredns, traefik, …: their images cannot be pulled */
	KNOB_OCI_SHIM,                /* containerd runs k3sbox as its OCI runtime */
	KNOB_FAIL_SWAP_ON_OFF,
	KNOB_FAST_CONTROLLERS,        /* the controller manager: 500 requests/s, not 20 */
	KNOB_COUNT,
};

enum plan_mode { MODE_AUTO, MODE_CONTROL_PLANE, MODE_NODE };

struct plan_options {
	enum plan_mode mode;
	bool no_mount, no_shim, no_intercept, pod_ca;
	int namespaces;            /* enum isolation (plan/isolate.h): does the node get a world? */
	int accounting;            /* the same: is cgroupfs mounted in it where that helps? */
	bool isolated;             /* this is process 1 of a world, or of a trial: world/world.h */
	/* In a world: the node's addresses, as switch_parse_node() of world/switch.h reads them. */
	const char *node_network;
	/* Try also what the user's settings decide; if there is a world, it is a throw-away one
	 * that may be made beside a cluster's. */
	bool for_doctor;
	bool trust_init;           /* run, after init: believe the journal about slow facts */
	struct plan_early *early;  /* slow probes that run already (plan_probe_early); or NULL */
	/* k3s's data directory; NULL only before plan_options_complete() */
	const char *data_dir;
	bool data_dir_unknown;     /* nor after that: a configuration file may name another */
	const char *k3s;           /* path of the k3s binary, or NULL if not found */
	struct k3s_args args;      /* what the user tells k3s */
	const char *range_taken;   /* plan/ranges.h; NULL: the defaults are free */
};

/* What does not work with an obstacle, or with what removes it. */
enum limit {
	LIMIT_NONE,
	LIMIT_IMAGES, LIMIT_CLUSTER_RANGES, LIMIT_NODE_PASSWORD, LIMIT_FILES, LIMIT_NODE_SERVICES,
	LIMIT_SERVICES, LIMIT_NO_NETWORK, LIMIT_NO_TRAFFIC, LIMIT_TERMINALS, LIMIT_HOST_NETWORK,
	LIMIT_COUNT,
};
extern const char *const limit_texts[LIMIT_COUNT];

/* ---- facts ---- */

enum result_state { RESULT_OK, RESULT_OBSTACLE, RESULT_SKIPPED };

struct fact_result {
	enum result_state state;
	enum obstacle_kind kind;
	char why[240];   /* the real error, or what was seen */
	char value[240]; /* what steps need to know (an address, …), by the fact's own convention */
	/* what the user can do about it if no step helps; NULL: what the fact says. Static */
	const char *help;
};

/* How bad an obstacle is that stays. */
enum severity {
	ALL_FATAL,       /* nothing runs */
	NODE_FATAL,      /* no node; the control plane still runs */
	DEGRADED,        /* runs with less */
};

/* Does the real thing, mostly in a child with namespaces of its own, prints nothing and leaves
 * nothing behind. r is zeroed: RESULT_OK. */
typedef void fact_probe(const struct plan_options *o, struct fact_result *r);

struct fact {
	fact_probe *probe;
	const char *name;             /* "kmsg" */
	/* what is true when nothing is wrong: "/dev/kmsg can be opened" */
	const char *title;
	enum severity severity : 8;
	enum limit limit : 8;         /* DEGRADED: if no step helps */
	bool node_only;               /* of no interest to a control plane alone */
	/* may wait (for the network): probed in a child beside the others */
	bool slow;
	bool may_be_settled;          /* probe_registry_settled(): fine without a probe */
	const char *help;             /* what the user can do if no step helps; may be NULL */
	/* the errors of k3s and its parts by which it shows, as plan/symptom.h has them; may be
	 * NULL */
	const char *symptom;
};
extern const struct fact facts[FACT_COUNT];

/* ---- steps ---- */

/* An obstacle and what is done about it. */
struct plan_step {
	const struct fact *fact;
	const struct fact_result *seen;
	const struct step_row *row;   /* NULL: nothing can be done */
};

/* 0, or -errno with the detail in e. An undo is idempotent and knows its own work: it may follow
 * half an apply, or none. seen: the result's value at the time of the apply; NULL if the journal
 * does not have it. */
typedef int step_apply(const struct plan_options *o, const struct plan_step *s, struct err *e);
typedef int step_undo(const struct plan_options *o, const char *seen, struct err *e);

/* There are many: the small members lie together. */
struct step_row {
	const char *key;              /* the id as text: "KMSG_LINK" */
	const char *what;             /* for people: "bind /dev/null over /dev/kmsg" */
	enum fact_id fact : 8;
	enum obstacle_kind when : 16; /* only for this kind; KIND_NONE: for all */
	enum mechanism by : 8;
	enum knob knob : 8;           /* BY_FLAG */
	enum shim_rule_id rule : 8;   /* BY_SHIM */
	bool node_only : 1;           /* not for a control plane alone */
	bool also : 1;                /* in addition to the row before it, not instead of it */
	bool optional : 1;            /* with an apply: go on if it fails */
	enum limit limit : 8;
	union {
		const char *option;   /* BY_INTERCEPT: option of `intercept` */
		/* the rule's argument, the knob's value (NULL: the result's) or what apply() takes;
		 * may be NULL */
		const char *arg;
	};
	step_apply *apply;            /* where the mechanism lasts */
	step_undo *undo;
};
_Static_assert(FACT_COUNT < 256 && KNOB_COUNT < 256 && SHIM_RULE_COUNT < 256,
	"they fit into the fields of a struct step_row");
extern const struct step_row step_rows[STEP_COUNT];

/* The row with that key; NULL if there is none (another version of k3sbox may have had it). */
const struct step_row *step_find(const char *key);

/* Name of a rule as the shim's file has it: "masked-paths". */
const char *shim_rule_name(enum shim_rule_id rule);

#endif
