/* Decides about own namespaces by trying: what a node needs is tried outside, and in a temporary
 * world. */
#include "plan/isolate.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <unistd.h>

#include "net/redirect.h"
#include "plan/probe/probe.h"
#include "world/switch.h"
#include "world/world.h"

const char *const isolation_names[] = {
	[ISOLATE_AUTO] = "auto", [ISOLATE_YES] = "yes", [ISOLATE_NO] = "no", NULL,
};

enum { TRIAL_MS = 10000 };

/* Documentation addresses (RFC 5737): the trial's namespaces have nothing else in them. */
static const struct switch_node trial_network = {
	.v[0] = { .addr = { 4, { 192, 0, 2, 1 } }, .ones = 24, .bits = 32 }, .n = 1,
};

static bool can_make_group(const char *below)
{
	char path[128];

	snprintf(path, sizeof path, "/sys/fs/cgroup%s/k3sbox-trial.%d", below, (int)getpid());
	return !mkdir(path, 0755) && !rmdir(path);
}

/* A group can be made, or a controller mounted where one can be. */
static int try_cgroups(struct err *e)
{
	static const char *const places[] = { "", "/memory", "/cpu", "/pids" };
	static const char spot[] = "/run/k3sbox-cgroup";

	for (size_t i = 0; i < sizeof places / sizeof *places; i++)
		if (can_make_group(places[i])) return 0;
	if (mkdir(spot, 0755) < 0 || mount("cgroup", spot, "cgroup", 0, "memory") < 0)
		return err_errno(e, -errno, "no control group can be made, and none mounted");
	return 0;
}

/* Inside a trial world: a network with a bridge, a nat table, control groups. */
static int try_inside(void *e)
{
	static const struct redirect_rule rule = { REDIRECT_OUTPUT, NULL, {{0}, 0, 0}, 1 };
	int r = switch_make(&trial_network, e);

	if (!r) r = redirect_load(REDIRECT_IPV4, &rule, 1, e);
	return r < 0 ? r : try_cgroups(e);
}

/* Is what a world gives missing out here? */
static bool is_missing_outside(const struct plan_options *o, struct err *why)
{
	static const enum fact_id wanted[] = { FACT_MOUNT, FACT_IPTABLES };

	for (size_t i = 0; i < sizeof wanted / sizeof *wanted; i++) {
		struct fact_result r = {0};
		facts[wanted[i]].probe(o, &r);
		if (r.state != RESULT_OBSTACLE || r.kind == KIND_IPTABLES_MODE) continue;
		err_set(why, 0, "%s", r.why);
		return true;
	}
	return false;
}

/* A root that may make namespaces needs no user namespace, and natively it is better off without
 * one: the kubelet mounts tmpfs with "noswap" there (it is asked not to see that it is in a user
 * namespace: world/world.h), which Linux allows only in the first one (mm/shmem.c). gVisor has
 * iptables only in a user namespace of its own; there this is tried in vain, so not by default. */
static int try_world(bool without_user, bool *user, struct err *why)
{
	*user = !without_user || world_try(false, try_inside, TRIAL_MS, NULL) < 0;
	return *user ? world_try(true, try_inside, TRIAL_MS, why) : 0;
}

int isolate_decide(const struct plan_options *o, struct isolation_result *out)
{
	enum isolation how = (enum isolation)o->namespaces;
	struct err missing = {0};

	*out = (struct isolation_result){ .user = true };
	if (how == ISOLATE_NO) return 0;
	if (how == ISOLATE_AUTO &&
	    (o->no_mount || o->mode == MODE_CONTROL_PLANE || !is_missing_outside(o, &missing)))
		return 0;
	int r = try_world(how == ISOLATE_YES, &out->user, &out->why);
	if (r < 0) return how == ISOLATE_YES ? r : 0;
	out->wanted = true;
	out->why = missing;
	return 0;
}
