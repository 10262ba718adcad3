/* The table of steps, from the rows of steps.def, and the mechanisms that they use. */
#include <string.h>

#include "plan/fix/ca_bundle.h"
#include "plan/fix/cgroup.h"
#include "plan/fix/cgroup2.h"
#include "plan/fix/cgroupfs.h"
#include "plan/fix/cni_setup.h"
#include "plan/fix/executable.h"
#include "plan/fix/hosts.h"
#include "plan/fix/kmsg.h"
#include "plan/fix/limits.h"
#include "plan/fix/node_password.h"
#include "plan/fix/passwd.h"
#include "plan/fix/pause.h"
#include "plan/fix/procsys.h"
#include "plan/fix/propagation.h"
#include "plan/fix/service_route.h"
#include "plan/fix/writable.h"

const struct mechanism_row mechanisms[MECHANISM_COUNT] = {
	[BY_FLAG] = { "flag", FACT_ROOT, false },
	[BY_FILE] = { "file", FACT_ROOT, true },
	[BY_ROUTE] = { "route", FACT_ROOT, true },
	[BY_MOUNT] = { "mount", FACT_MOUNT, true },
	[BY_SHIM] = { "OCI shim", FACT_ROOT, false },
	[BY_INTERCEPT] = { "interceptor", FACT_PTRACE, false },
};

const char *const limit_texts[LIMIT_COUNT] = {
	[LIMIT_IMAGES] = "images from agent/images alone",
	[LIMIT_CLUSTER_RANGES] = "no way to addresses in the cluster's ranges",
	[LIMIT_NODE_PASSWORD] = "no node until its old password is deleted",
	[LIMIT_FILES] = "few open files or mappings",
	[LIMIT_NODE_SERVICES] = "no Services for the node itself",
	[LIMIT_SERVICES] = "no Services",
	[LIMIT_NO_NETWORK] = "no pods until a network plugin is installed",
	[LIMIT_NO_TRAFFIC] = "no traffic to pods, and no HTTP or TCP probes",
	[LIMIT_TERMINALS] = "no terminals in pods",
	[LIMIT_HOST_NETWORK] = "pods with hostNetwork: true alone",
};

const struct step_row step_rows[STEP_COUNT] = {
#define STEP(id, of, kind, mechanism, sentence, ...) [STEP_##id] = { \
	.key = #id, .fact = FACT_##of, .when = KIND_##of##_##kind, .by = mechanism, \
	.what = sentence, __VA_ARGS__ },
#include "plan/steps.def"
};

static const char *const rule_names[SHIM_RULE_COUNT] = {
	[SHIM_NONE] = "",
#define SHIM_RULE(id, name, ...) [SHIM_##id] = name,
#include "plan/shim_rules.def"
};

const struct step_row *step_find(const char *key)
{
	for (size_t i = 0; i < STEP_COUNT; i++)
		if (!strcmp(step_rows[i].key, key)) return &step_rows[i];
	return NULL;
}

const char *shim_rule_name(enum shim_rule_id rule)
{
	return rule_names[rule];
}
