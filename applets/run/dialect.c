/* A table of how each version of k3s takes a setting. Sources: github.com/k3s-io/k3s, pull
 * requests and files as named; versions are the releases that the pull requests went into. */
#include "run/dialect.h"

#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/die.h"
#include "cluster/template.h"

enum dialect_how {
	/* this k3s does it by itself, or lacks what would have to be turned off */
	NOT_NEEDED,
	ARG,              /* --text for k3s */
	LIST_ARG,         /* --text, where k3s takes a list: adds to the user's */
	KUBELET_ARG,      /* --kubelet-arg=text */
	KUBELET_GATE,     /* --kubelet-arg=feature-gates=text */
	CONTROLLER_ARG,   /* --kube-controller-manager-arg=text */
	ENVIRONMENT,      /* a variable that a part of k3s reads */
	CHOSEN,           /* k3s_args.chosen */
	CRUN_SLOT,        /* --default-runtime=crun with our crun in PATH */
	TEMPLATE,         /* a containerd template of our own */
	/* no setting: the OCI shim, which this run has, corrects the containers */
	BY_THE_SHIM,
};


struct dialect_row {
	enum knob knob : 8;
	enum dialect_how how : 8;
	bool also;                 /* with the row before it */
	bool control_plane;        /* of use without an agent too */
	unsigned since, before;    /* minor * 1000 + patch of Kubernetes; 0: no bound */
	const char *text;          /* %s: the turn's value */
	bool (*only_if)(const struct dialect *d, const struct dialect_env *e);
};

/* Each release branch got exec.LookPath for runtimes in February 2024 (#9311, #9431, #9430,
 * #9429); before that fixed directories were searched (#8936, #9086), and --default-runtime is
 * from December 2023. */
static bool finds_crun_in_path(const struct dialect *d, const struct dialect_env *e)
{
	static const unsigned first_patch[] = { [26] = 14, [27] = 11, [28] = 7, [29] = 2 };
	(void)e;
	if (d->minor >= 26 && d->minor <= 29) return d->patch >= first_patch[d->minor];
	return d->minor > 29 || !d->minor;
}

/* CheckKernelVersion(4, 11, 0) in pkg/agent/containerd/config_linux.go since #5913 (v1.24.4,
 * July 2022). */
static bool kernel_is_old(const struct dialect *d, const struct dialect_env *e)
{
	(void)d;
	return e->old_kernel;
}

static bool has_shim(const struct dialect *d, const struct dialect_env *e)
{
	(void)d;
	return e->shim != NULL;
}

static bool has_archive(const struct dialect_env *e, const char *image)
{
	for (size_t i = 0; e->archives && i < e->archives->n; i++)
		if (strstr(e->archives->v[i], image)) return true;
	return false;
}

/* Whether the images of a packaged component lie in the images directory. An archive of all of
 * them settles the registry's fact instead (plan/probe/registry.c). */
static bool is_brought(const struct dialect_env *e, const char *item, size_t len)
{
	static const struct { const char *component, *image, *installer; } brought[] = {
		{ "coredns", "coredns", "" },
		{ "local-storage", "local-path-provisioner", "" },
		{ "metrics-server", "metrics-server", "" },
		{ "traefik", "traefik", "klipper-helm" },
	};

	for (size_t i = 0; i < sizeof brought / sizeof *brought; i++)
		if (strlen(brought[i].component) == len &&
			!strncmp(brought[i].component, item, len))
			return has_archive(e, brought[i].image) &&
				has_archive(e, brought[i].installer);   /* "" is in every name */
	return false;
}

static bool lacks_charts(const struct dialect *d, const struct dialect_env *e)
{
	(void)d;
	return !is_brought(e, "traefik", 7);
}

static const struct dialect_row rows[] = {
	{ KNOB_SNAPSHOTTER_NATIVE, ARG, .text = "snapshotter=native" },
	/* Also without an agent: k3s looks for host-local whenever flannel is on
	 * (pkg/agent/config/config.go). */
	{ KNOB_FLANNEL_NONE, ARG, .text = "flannel-backend=none", .control_plane = true },
	{ KNOB_KUBE_PROXY_OFF, ARG, .text = "disable-kube-proxy" },
	{ KNOB_KUBE_PROXY_OFF, ARG, .text = "disable-network-policy", .also = true },
	/* Its pods need iptables, too, and would hold the ports that netd listens on. */
	{ KNOB_KUBE_PROXY_OFF, LIST_ARG, .text = "disable=servicelb", .also = true },
	/* k3s-root iptables-detect/iptables-detect.sh */
	{ KNOB_IPTABLES_MODE, ENVIRONMENT, .text = "IPTABLES_MODE=%s" },
	/* Deprecated kubelet flags since 1.15, still there in 1.36; k3s hands them on as flags
	 * in every version, and flags win over its own kubelet.conf.d. */
	{ KNOB_IMAGE_GC_OFF, KUBELET_ARG, .text = "image-gc-high-threshold=100" },
	{ KNOB_IMAGE_GC_OFF, KUBELET_ARG, .text = "image-gc-low-threshold=99", .also = true },
	/* k3s's own are "imagefs.available<5%,nodefs.available<5%" (pkg/daemons/agent), without
	 * inodes and memory, from the first version on. */
	{ KNOB_EVICTION, KUBELET_ARG,
		.text = "eviction-hard=imagefs.available<100Mi,nodefs.available<100Mi" },
	/* The gate went GA in 1.25, where the configuration field and the flag came to turn it off
	 * (kubernetes#111513). */
	{ KNOB_LOCAL_STORAGE_ISOLATION_OFF, KUBELET_GATE,
		.text = "LocalStorageCapacityIsolation=false", .before = 25000 },
	{ KNOB_LOCAL_STORAGE_ISOLATION_OFF, KUBELET_ARG,
		.text = "local-storage-capacity-isolation=false", .since = 25000 },
	/* Flag and field are there since 1.31 (kubernetes#126031), true by default since 1.35
	 * (kubernetes#134298). */
	{ KNOB_FAIL_CGROUPV1_OFF, NOT_NEEDED, .before = 35000 },
	{ KNOB_FAIL_CGROUPV1_OFF, KUBELET_ARG, .text = "fail-cgroupv1=false", .since = 35000 },
	{ KNOB_CGROUPS_PER_QOS_OFF, KUBELET_ARG, .text = "cgroups-per-qos=false" },
	{ KNOB_CGROUPS_PER_QOS_OFF, KUBELET_ARG, .text = "enforce-node-allocatable=",
		.also = true },
	/* k3s turned them on with #5538 (May 2022), on kernels of 4.11 and newer only since
	 * #5913 (v1.24.4); what its base template sets cannot be overruled (a second table of
	 * the same name is an error of containerd's TOML reader), so all others are the shim's
	 * work. */
	{ KNOB_UNPRIVILEGED_PORTS_OFF, NOT_NEEDED, .before = 23000 },
	{ KNOB_UNPRIVILEGED_PORTS_OFF, NOT_NEEDED, .since = 24004, .only_if = kernel_is_old },
	{ KNOB_UNPRIVILEGED_PORTS_OFF, BY_THE_SHIM, .only_if = has_shim },
	/* containerd pkg/apparmor (before 2.0: contrib/apparmor): HostSupports */
	{ KNOB_APPARMOR_OFF, ENVIRONMENT, .text = "container=k3sbox" },
	/* From it k3s takes the advertised address, too (pkg/cli/server/server.go). */
	{ KNOB_NODE_ADDRESS, ARG, .text = "node-ip=%s", .control_plane = true },
	{ KNOB_RANGES, CHOSEN, .control_plane = true },
	{ KNOB_NODE_NAME, ARG, .text = "node-name=%s" },
	{ KNOB_PAUSE_IMAGE, ARG, .text = "pause-image=%s" },
	{ KNOB_PACKAGED_OFF, LIST_ARG,
		.text = "disable=coredns,servicelb,traefik,local-storage,metrics-server",
		.control_plane = true },
	/* Its only charts are the packaged ones. */
	{ KNOB_PACKAGED_OFF, ARG, .text = "disable-helm-controller", .also = true,
		.only_if = lacks_charts, .control_plane = true },
	{ KNOB_OCI_SHIM, CRUN_SLOT, .text = "default-runtime=crun", .only_if = finds_crun_in_path },
	{ KNOB_OCI_SHIM, TEMPLATE, .before = 30000 },
	/* "fail-swap-on" is false in pkg/daemons/agent/agent_linux.go from the first version on,
	 * FailSwapOn in its successor. */
	{ KNOB_FAIL_SWAP_ON_OFF, NOT_NEEDED, .text = NULL },
	{ KNOB_FAST_CONTROLLERS, CONTROLLER_ARG, .text = "kube-api-qps=500",
	  .control_plane = true },
	{ KNOB_FAST_CONTROLLERS, CONTROLLER_ARG, .text = "kube-api-burst=750", .also = true,
	  .control_plane = true },
};

static const char *const knob_titles[KNOB_COUNT] = {
	[KNOB_SNAPSHOTTER_NATIVE] = "containerd's native snapshotter",
	[KNOB_FLANNEL_NONE] = "flannel off",
	[KNOB_KUBE_PROXY_OFF] = "kube-proxy off",
	[KNOB_IPTABLES_MODE] = "the back end of its iptables",
	[KNOB_IMAGE_GC_OFF] = "image garbage collection off",
	[KNOB_EVICTION] = "the kubelet's eviction thresholds",
	[KNOB_LOCAL_STORAGE_ISOLATION_OFF] = "local storage isolation off",
	[KNOB_FAIL_CGROUPV1_OFF] = "cgroup version 1 accepted",
	[KNOB_CGROUPS_PER_QOS_OFF] = "no cgroup per quality of service class",
	[KNOB_UNPRIVILEGED_PORTS_OFF] =
		"containerd's enable_unprivileged_ports and _icmp off (the OCI shim would do: "
		"omit --no-shim)",
	[KNOB_APPARMOR_OFF] = "containerd without AppArmor",
	[KNOB_NODE_ADDRESS] = "the node's address",
	[KNOB_RANGES] = "address ranges",
	[KNOB_NODE_NAME] = "the node's name",
	[KNOB_PAUSE_IMAGE] = "the pause image's name",
	[KNOB_PACKAGED_OFF] = "packaged add-ons off",
	[KNOB_OCI_SHIM] = "k3sbox as its OCI runtime",
	[KNOB_FAIL_SWAP_ON_OFF] = "swap accepted",
	[KNOB_FAST_CONTROLLERS] = "the controller manager's request rate",
};

/* ---- output of the binary ---- */

bool dialect_parse(struct dialect *d, const char *version_output, const char *help)
{
	const char *v = strstr(version_output, " version v1.");
	char *end;

	*d = (struct dialect){ .help = help ? help : "" };
	if (!v) return false;
	v += strlen(" version ");
	snprintf(d->version, sizeof d->version, "%.*s", (int)strcspn(v, " \r\n"), v);
	unsigned long minor = strtoul(v + 3, &end, 10);
	unsigned long patch = *end == '.' ? strtoul(end + 1, NULL, 10) : 0;
	if (minor > 999 || patch > 999) return false;
	d->minor = (unsigned)minor;
	d->patch = (unsigned)patch;
	return true;
}

/* Does the help list the flag? Flags are written as "   --name value, -x value  (group) …". */
static bool has_flag(const struct dialect *d, const char *name, size_t len)
{
	if (!*d->help) return true;
	for (const char *p = d->help; (p = strstr(p, "--")); p += 2)
		if (!strncmp(p + 2, name, len) && strchr(" ,\t\n=", p[2 + len])) return true;
	return false;
}

/* ---- the user's arguments ---- */

static bool is_set(const struct dialect_env *e, const char *name, size_t len)
{
	char key[128];

	snprintf(key, sizeof key, "%.*s", (int)len, name);
	return k3s_args_written(e->args, key);
}

/* The user's kubelet argument of that key: its value, or NULL. */
static const char *user_kubelet(const struct dialect_env *e, const char *key, size_t len)
{
	return k3s_args_item(e->args, "kubelet-arg", key, len);
}

/* ---- turning knobs ---- */

static bool in_range(const struct dialect_row *r, const struct dialect *d)
{
	unsigned v = d->minor ? d->minor * 1000 + d->patch : UINT_MAX;
	return v >= r->since && (!r->before || v < r->before);
}

static bool takes(const struct dialect_row *r, const struct dialect *d, const struct dialect_env *e)
{
	if (!in_range(r, d) || (r->only_if && !r->only_if(d, e))) return false;
	if (r->how == ARG || r->how == LIST_ARG || r->how == CRUN_SLOT)
		return has_flag(d, r->text, strcspn(r->text, "="));
	return true;
}

/* The user's list stays beside ours; `--disable=none` keeps all of them. */
static void add_list(const struct dialect_row *r, const struct dialect_env *e,
	struct dialect_launch *out)
{
	const char *eq = strchr(r->text, '=') + 1;
	char name[64];
	_cleanup_buf_ struct buf items = {0};

	snprintf(name, sizeof name, "%.*s", (int)(eq - 1 - r->text), r->text);
	const char *theirs = k3s_args_written(e->args, name);
	if (theirs && !strcmp(theirs, "none")) return;
	for (const char *p = eq; *p;) {
		size_t len = strcspn(p, ",");
		if (!is_brought(e, p, len))
			buf_printf(&items, "%s%.*s", items.len ? "," : "", (int)len, p);
		p += len + (p[len] == ',');
	}
	strv_addf(&out->argv, "--%s=%s", name, items.data);
}

/* k3s keeps only the last argument of a name (GetArgsList in pkg/daemons/config/types.go), so
 * the user's own gates are taken into ours, which is put behind them. A gate that the user names
 * is the user's. */
static void add_gate(const struct dialect_row *r, const struct dialect_env *e,
	struct dialect_launch *out)
{
	const char *theirs = user_kubelet(e, "feature-gates", 13);
	size_t name = strcspn(r->text, "=");

	for (const char *p = theirs; p && *p; p += strcspn(p, ","), p += *p == ',')
		if (!strncmp(p, r->text, name) && p[name] == '=') return;
	strv_addf(&out->last, "--kubelet-arg=feature-gates=%s%s%s", r->text,
		theirs && *theirs ? "," : "", theirs ? theirs : "");
}

static void add_arg(const struct dialect_row *r, const struct dialect_env *e, const char *value,
	struct dialect_launch *out)
{
	size_t name = strcspn(r->text, "="), prefix = strcspn(r->text, "%");

	if (is_set(e, r->text, name)) return;
	strv_addf(&out->argv, "--%.*s%s", (int)prefix, r->text,
		r->text[prefix] && value ? value : "");
}

static void add_kubelet_arg(const struct dialect_row *r, const struct dialect_env *e,
	struct dialect_launch *out)
{
	if (!user_kubelet(e, r->text, strcspn(r->text, "=")))
		strv_addf(&out->argv, "--kubelet-arg=%s", r->text);
}

static void add_controller_arg(const struct dialect_row *r, const struct dialect_env *e,
	struct dialect_launch *out)
{
	static const char name[] = "kube-controller-manager-arg";

	if (!k3s_args_item(e->args, name, r->text, strcspn(r->text, "=")))
		strv_addf(&out->argv, "--%s=%s", name, r->text);
}

static void add_template(const struct dialect_env *e, struct dialect_launch *out)
{
	_cleanup_buf_ struct buf b = {0};

	template_write(e->shim, &b);
	strv_addf(&out->files, "%s/" TEMPLATE_FILE, e->data_dir);
	strv_add(&out->files, b.data ? b.data : "");
}

static void turn_row(const struct dialect_row *r, const struct dialect_env *e, const char *value,
	struct dialect_launch *out)
{
	size_t prefix = r->text ? strcspn(r->text, "%") : 0;

	switch (r->how) {
	case NOT_NEEDED: case BY_THE_SHIM: break;
	case ARG: add_arg(r, e, value, out); break;
	case LIST_ARG: add_list(r, e, out); break;
	case KUBELET_ARG: add_kubelet_arg(r, e, out); break;
	case KUBELET_GATE: add_gate(r, e, out); break;
	case CONTROLLER_ARG: add_controller_arg(r, e, out); break;
	case TEMPLATE: add_template(e, out); break;
	case ENVIRONMENT:
		strv_addf(&out->env, "%.*s%s", (int)prefix, r->text, r->text[prefix] ? value : "");
		break;
	case CHOSEN:
		for (size_t i = 0; i < e->args->chosen.n; i++)
			strv_add(&out->argv, e->args->chosen.v[i]);
		break;
	case CRUN_SLOT:
		add_arg(r, e, value, out);
		out->shim_in_path = true;
		break;
	}
}

static void turn(const struct dialect *d, const struct dialect_env *e, const struct dialect_turn *t,
	struct dialect_launch *out)
{
	bool taken = false;

	for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
		const struct dialect_row *r = &rows[i];
		if (r->knob != t->knob || (r->also ? !taken : taken)) continue;
		if (e->control_plane && !r->control_plane) return;
		if (!takes(r, d, e)) continue;
		taken = true;
		turn_row(r, e, t->value, out);
	}
	if (!taken) strv_addf(&out->refused, "this k3s (%s) has no setting for: %s",
		*d->version ? d->version : "of an unknown version", knob_titles[t->knob]);
}

/* A knob that several obstacles ask for is turned once. */
static bool first_of(const struct dialect_turn *turns, size_t i)
{
	for (size_t k = 0; k < i; k++)
		if (turns[k].knob == turns[i].knob) return false;
	return true;
}

void dialect_build(const struct dialect *d, const struct dialect_env *e,
	const struct dialect_turn *turns, size_t n, struct dialect_launch *out)
{
	const struct strv *user = e->args->user;
	const char *own_dir = k3s_args_written(e->args, "data-dir");
	bool verb = user && user->n && *user->v[0] != '-';

	*out = (struct dialect_launch){0};
	strv_add(&out->argv, "k3s");
	strv_add(&out->argv, verb ? user->v[0] : "server");
	/* Passed on from the environment, too: old versions do not look there. */
	if (!k3s_args_typed(e->args, "data-dir") && (e->args->data_dir_unknown ||
		strcmp(e->data_dir, own_dir ? own_dir : "/var/lib/rancher/k3s")))
		strv_addf(&out->argv, "--data-dir=%s", e->data_dir);
	/* Hidden in the help of every version, so not asked for there. */
	if (e->control_plane && !is_set(e, "disable-agent", 13))
		strv_add(&out->argv, "--disable-agent");
	for (size_t i = 0; i < n; i++)
		if (first_of(turns, i)) turn(d, e, &turns[i], out);
	if (e->address && *e->address && has_flag(d, "tls-san", 7))
		strv_addf(&out->argv, "--tls-san=%s", e->address);   /* a list: the user's stay */
	if (!out->files.n) strv_addf(&out->remove, "%s/" TEMPLATE_FILE, e->data_dir);
	for (size_t i = verb; user && i < user->n; i++) strv_add(&out->argv, user->v[i]);
	for (size_t i = 0; i < out->last.n; i++) strv_add(&out->argv, out->last.v[i]);
}

void dialect_launch_free(struct dialect_launch *l)
{
	strv_free(&l->argv);
	strv_free(&l->env);
	strv_free(&l->last);
	strv_free(&l->files);
	strv_free(&l->remove);
	strv_free(&l->refused);
}
