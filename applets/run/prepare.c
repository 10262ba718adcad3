/* From the plan to k3s's command line, environment and files. */
#include <dirent.h>
#include <errno.h>
#include <limits.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/utsname.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/die.h"
#include "base/io.h"
#include "base/spawn.h"
#include "base/text.h"
#include "cluster/leftovers.h"
#include "cluster/template.h"
#include "plan/fix/ca_bundle.h"
#include "plan/fix/cgroupfs.h"
#include "plan/fix/cni_setup.h"
#include "plan/fix/limits.h"
#include "plan/isolate.h"
#include "plan/journal.h"
#include "plan/node.h"
#include "plan/ranges.h"
#include "run/dialect.h"
#include "run/run.h"

extern char **environ;

enum { ASK_TIMEOUT_MS = 20000, TURNS_MAX = KNOB_COUNT * 2 };

static int say_blocked(const struct fact *f, const struct fact_result *seen, const char *what)
{
	const char *help = plan_help(f, seen);

	warn("%s: %s%s%s", what, seen->why, help ? "; " : "", help ? help : "");
	return EX_FAIL;
}

/* What nothing survives ends it; plan_prepare() has taken care of what only rules out a node. */
static int decide(const struct plan *p, const struct fact *no_node)
{
	const struct plan_step *all = plan_blocked(p, ALL_FATAL);
	const struct plan_step *node = plan_blocked(p, NODE_FATAL);

	if (all) return say_blocked(all->fact, all->seen, "k3s cannot run here");
	if (node) return say_blocked(node->fact, node->seen, "no node can run here");
	if (no_node)
		say_blocked(no_node, &p->results[no_node - facts],
			"no node can run here, only the control plane is started");
	return 0;
}

static void add_key(struct strv *keys, const struct step_row *row)
{
	if (!strv_has(keys, row->key)) strv_add(keys, row->key);
}

/* What init did in files and mounts is no longer seen as an obstacle, but it is in the journal;
 * flags and the like are this plan's. */
static void list_removed(const struct plan *p, struct strv *keys)
{
	_cleanup_journal_ struct journal j = {0};

	journal_load(&j);   /* only for showing it */
	for (size_t i = 0; i < j.n; i++)
		if (mechanisms[j.v[i].row->by].lasts) add_key(keys, j.v[i].row);
	for (size_t i = 0; i < p->n; i++)
		if (p->steps[i].row) add_key(keys, p->steps[i].row);
}

/* Several steps may remove one obstacle. */
static unsigned count_facts(const struct strv *keys)
{
	bool seen[FACT_COUNT] = {0};
	unsigned n = 0;

	for (size_t i = 0; i < keys->n; i++) {
		const struct step_row *row = step_find(keys->v[i]);
		if (row && !seen[row->fact]) n++;
		if (row) seen[row->fact] = true;
	}
	return n;
}

/* ---- output of the k3s binary ---- */

/* Output of `k3s ARG…`; a k3s that cannot even say its version will not run either. */
static int ask_k3s(const char *path, const char *a, const char *b, struct buf *out)
{
	char *argv[] = { (char *)path, (char *)a, (char *)b, NULL };
	int r = spawn_capture(path, argv, out, 1 << 20, true, ASK_TIMEOUT_MS);

	if (r >= 0 && !spawn_status(r)) return 0;
	if (r >= 0)
		warn("'%s %s' ends with exit status %d and prints: %.300s", path, a,
			spawn_status(r), out->len ? out->data : "nothing");
	if (r == -ETIMEDOUT) warn("'%s %s' timed out after 20 s", path, a);
	else if (r < 0) warn_errno(r, "'%s %s'", path, a);
	return r == -ENOENT ? EX_NOTFOUND : r < 0 ? EX_NOEXEC : EX_FAIL;
}

static bool kernel_before_4_11(void)
{
	struct utsname u;
	unsigned major, minor;

	if (uname(&u) < 0) return true;
	const char *dot = text_unsigned(u.release, &major);
	if (!dot || *dot != '.' || !text_unsigned(dot + 1, &minor)) return true;
	return major < 4 || (major == 4 && minor < 11);
}

/* ---- turns ---- */

static size_t collect_turns(const struct plan *p, struct dialect_turn turns[TURNS_MAX],
	struct strv *options)
{
	size_t n = 0;
	bool shim = false;

	for (size_t i = 0; i < p->n; i++) {
		const struct step_row *row = p->steps[i].row;
		if (!row) continue;
		if (row->by == BY_FLAG && n < TURNS_MAX - 2)
			turns[n++] = (struct dialect_turn){ row->knob,
				row->arg ? row->arg : p->steps[i].seen->value };
		if (row->by == BY_INTERCEPT && !strv_has(options, row->option))
			strv_add(options, row->option);
		shim |= row->by == BY_SHIM;
	}
	/* Some 40 controllers ask for credentials of their own, three requests each, before the
	 * first pod can be made; with the default of 20 requests a second that alone takes 4 to
	 * 6 s. */
	turns[n++] = (struct dialect_turn){ KNOB_FAST_CONTROLLERS, NULL };
	if (shim) turns[n++] = (struct dialect_turn){ KNOB_OCI_SHIM, NULL };
	return n;
}

/* ---- files ---- */

/* The link by which k3s finds this program as an OCI runtime, in a directory of our own. */
static int link_shim(const char *self, const char *link)
{
	char temp[PATH_MAX];

	int r = io_mkdirs(RUN_BIN, 0755);
	if (r < 0) return r;
	snprintf(temp, sizeof temp, "%s.%d", link, (int)getpid());
	io_unlink(temp);
	if (symlink(self, temp) < 0) return -errno;
	return rename(temp, link) < 0 ? -errno : 0;
}

static int write_files(const struct dialect_launch *l)
{
	for (size_t i = 0; i + 1 < l->files.n; i += 2) {
		const char *path = l->files.v[i], *text = l->files.v[i + 1];
		if (!template_file_is_ours(path)) {
			warn("%s was not written by k3sbox, and this k3s needs a template of "
				"k3sbox: set BinaryName to %s/crun in it and run with --no-shim",
				path, RUN_BIN);
			return -EEXIST;
		}
		int r = io_mkparents(path, 0700);
		if (!r) r = io_replace(path, 0600, text, strlen(text));
		if (r < 0) {
			warn_errno(r, "%s", path);
			return r;
		}
	}
	for (size_t i = 0; i < l->remove.n; i++)
		if (template_file_is_ours(l->remove.v[i])) io_unlink(l->remove.v[i]);
	return 0;
}

/* What the cluster reaches without a proxy. */
static char *list_cluster(const struct run *cfg)
{
	const struct k3s_args *a = &cfg->o.args;

	return xasprintf("%s,%s,.svc,.%s", k3s_args_value(a, "cluster-cidr"),
		k3s_args_value(a, "service-cidr"), k3s_args_value(a, "cluster-domain"));
}

static bool sets_again(const struct dialect_launch *l, const char *variable)
{
	for (size_t i = 0; i < l->env.n; i++)
		if (!strncmp(l->env.v[i], variable, strcspn(variable, "=") + 1)) return true;
	return false;
}

static void make_env(const struct run *cfg, const struct dialect_launch *l, struct strv *env)
{
	const char *path = getenv("PATH");
	char mark[LEFTOVERS_MARK_SIZE];
	_cleanup_strv_ struct strv rest = {0};
	_cleanup_free_ char *cluster = list_cluster(cfg);
	struct egress egress = cfg->egress;

	for (char **e = environ; *e; e++)
		if (strncmp(*e, "PATH=", 5) &&
			strncmp(*e, LEFTOVERS_MARK "=", sizeof LEFTOVERS_MARK) &&
			!sets_again(l, *e))
			strv_add(&rest, *e);
	egress.cluster = cluster;
	if (rest.v) egress_environment(rest.v, &egress, env);
	if (!path || !*path) path = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin";
	strv_addf(env, "PATH=%s%s%s", l->shim_in_path ? RUN_BIN : "", l->shim_in_path ? ":" : "",
		path);
	for (size_t i = 0; i < l->env.n; i++) strv_add(env, l->env.v[i]);
	leftovers_mark(mark);
	strv_add(env, mark);
}

/* Under the interceptor only if the plan has options for it. */
static void make_argv(const char *self, const char *k3s, const struct strv *options,
	const struct dialect_launch *l, struct strv *argv)
{
	if (options->n) {
		strv_add(argv, self);
		strv_add(argv, "intercept");
		for (size_t i = 0; i < options->n; i++) strv_add(argv, options->v[i]);
		/* sufficient for k3s, kubelet and runc: a third of the stops */
		strv_add(argv, "--opens-only");
		/* shims outlive k3s, and run ends them itself */
		strv_add(argv, "--end-with-main");
		strv_add(argv, "--");
	}
	strv_add(argv, k3s);
	for (size_t i = 1; i < l->argv.n; i++) strv_add(argv, l->argv.v[i]);
}

/* ---- what else must be known ---- */

/* A truncated name would be another file's: better none at all. */
__attribute__((format(printf, 3, 4)))
static int put_path(char *to, size_t size, const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	int n = vsnprintf(to, size, fmt, ap);
	va_end(ap);
	if (n >= 0 && (size_t)n < size) return 0;
	warn("this name is too long (%zu bytes are the limit): %.60s…", size - 1, to);
	return -ENAMETOOLONG;
}

static int fill_state(struct run *cfg, const struct dialect *d, struct runstate *s)
{
	const char *kubeconfig = k3s_args_value(&cfg->o.args, "write-kubeconfig");
	_cleanup_free_ char *here = *kubeconfig == '/' ? NULL : getcwd(NULL, 0);

	int r = put_path(s->data_dir, sizeof s->data_dir, "%s", cfg->o.data_dir);
	if (!r)
		r = put_path(s->kubeconfig, sizeof s->kubeconfig, "%s%s%s", here ? here : "",
			here ? "/" : "", kubeconfig);
	if (!r) r = put_path(s->log, sizeof s->log, "%s/k3sbox/k3s.log", cfg->o.data_dir);
	if (!r) r = put_path(s->k3s_path, sizeof s->k3s_path, "%s", cfg->o.k3s);
	snprintf(s->version, sizeof s->version, "%s", d->version);
	if (!getcwd(s->directory, sizeof s->directory)) *s->directory = 0;
	s->control_plane = cfg->o.mode == MODE_CONTROL_PLANE ||
		k3s_args_is_on(&cfg->o.args, "disable-agent");
	/* An etcd server alone: whether another has the API cannot be known. */
	if (k3s_args_is_on(&cfg->o.args, "disable-apiserver") && cfg->wait != WAIT_NONE) {
		warn("disable-apiserver: k3s has no API here whose readiness could be waited for");
		cfg->wait = WAIT_NONE;
	}
	/* An identifier that k3s makes is added to it. */
	if (!s->control_plane && !k3s_args_is_on(&cfg->o.args, "with-node-id"))
		node_name(&cfg->o, s->node);
	return r;
}

/* Without the directory there are none; that is usual. */
static void list_archives(const char *data_dir, struct strv *out)
{
	char dir[PATH_MAX];
	struct dirent *e;

	if (io_join(dir, sizeof dir, data_dir, "agent/images") < 0) return;
	_cleanup_closedir_ DIR *d = opendir(dir);
	while (d && (e = readdir(d)))
		if (strstr(e->d_name, ".tar")) strv_add(out, e->d_name);
}

static int build(struct run *cfg, const struct plan *p, const struct dialect *d,
	struct prepared *out)
{
	struct dialect_turn turns[TURNS_MAX];
	_cleanup_strv_ struct strv options = {0}, archives = {0};
	struct dialect_launch l;
	char self[PATH_MAX];
	size_t n = collect_turns(p, turns, &options);
	struct dialect_env e = {
		.data_dir = cfg->o.data_dir,
		.shim = n && turns[n - 1].knob == KNOB_OCI_SHIM ? RUN_BIN "/crun" : NULL,
		.old_kernel = kernel_before_4_11(),
		.control_plane = cfg->o.mode == MODE_CONTROL_PLANE,
		.args = &cfg->o.args,
		.address = cfg->address,
		.archives = &archives,
	};

	list_archives(cfg->o.data_dir, &archives);
	out->port = (unsigned)atoi(k3s_args_value(&cfg->o.args, "https-listen-port"));
	int r = io_self_path(self, sizeof self);
	dialect_build(d, &e, turns, n, &l);
	for (size_t i = 0; i < l.refused.n; i++) warn("%s", l.refused.v[i]);
	if (!r && e.shim) r = link_shim(self, RUN_BIN "/crun");
	if (r < 0) {
		warn_errno(r, RUN_BIN "/crun");
	}
	if (!r) r = fill_state(cfg, d, &out->state);
	if (!r) r = write_files(&l);
	if (!r) {
		make_env(cfg, &l, &out->env);
		make_argv(self, cfg->o.k3s, &options, &l, &out->argv);
	}
	dialect_launch_free(&l);
	return r < 0 ? EX_FAIL : 0;
}

static bool has_step(const struct plan *p, enum step_id id)
{
	for (size_t i = 0; i < p->n; i++)
		if (p->steps[i].row == &step_rows[id]) return true;
	return false;
}

/* A step that is not essential has failed. */
static void report_step(void *arg, const struct plan_step *s, int r, const struct err *why)
{
	(void)arg;
	if (r < 0) warn("%s: cannot %s: %s", s->fact->name, s->row->what, why->text);
}

/* The plan is made first: without k3s there is no version to ask for. */
static int ask_version(const struct run *cfg, struct dialect *d, struct buf *help)
{
	_cleanup_buf_ struct buf version = {0};
	const struct strv *user = cfg->o.args.user;
	const char *verb = user && user->n && *user->v[0] != '-' ? user->v[0] : "server";

	if (strcmp(verb, "server")) {
		warn("'k3sbox run' starts a server and cannot run '%s'", verb);
		return EX_USE;
	}
	int status = ask_k3s(cfg->o.k3s, "--version", NULL, &version);
	if (!status) status = ask_k3s(cfg->o.k3s, verb, "--help", help);
	if (!status && !dialect_parse(d, version.data ? version.data : "", help->data))
		warn("'%s --version' prints no version: it is treated as the newest one",
			cfg->o.k3s);
	return status;
}

/* The plan ends before k3s does. */
static void keep_cni(const struct plan *p, struct prepared *out)
{
	for (size_t i = 0; i < p->n; i++) {
		if (!p->steps[i].row || p->steps[i].row->apply != cni_setup) continue;
		out->cni = p->steps[i];
		out->cni_seen = *p->steps[i].seen;
		out->cni.seen = &out->cni_seen;
	}
}

/* What is asked for by name is not left out in silence. */
static bool is_accounted(const struct run *cfg, const struct plan *p)
{
	const struct fact_result *seen = &p->results[FACT_ROOT_STATS];

	if (cfg->o.accounting != ISOLATE_YES || seen->state != RESULT_OBSTACLE ||
		cgroupfs_is_mounted()) return true;
	warn("--accounting=yes: %s, and cgroupfs cannot be used here", seen->why);
	return false;
}

static int with_plan(struct run *cfg, struct plan *p, const struct fact *no_node,
	struct prepared *out)
{
	_cleanup_buf_ struct buf help = {0};
	struct dialect d;
	struct err why = {0};
	int status = decide(p, no_node);

	if (!status) status = ask_version(cfg, &d, &help);
	if (status) return status;
	if (plan_apply(&cfg->o, p, report_step, NULL, &why) < 0) {
		warn("%s", why.text);
		return EX_FAIL;
	}
	if (decide(p, NULL) || !is_accounted(cfg, p)) return EX_FAIL;
	/* The log is the first file in it, and would make it for itself alone. */
	int r = io_mkdirs(cfg->o.data_dir, 0755);
	if (r < 0) {
		warn_errno(r, "%s", cfg->o.data_dir);
		return EX_FAIL;
	}
	limits_raise_files();   /* k3s inherits that */
	r = ranges_keep(&cfg->o);
	if (r < 0) warn_errno(r, "%s/k3sbox/ranges", cfg->o.data_dir);
	if (*p->results[FACT_CA].value) warn("%s", p->results[FACT_CA].value);
	if (has_step(p, STEP_CA_BUNDLE) || has_step(p, STEP_CA_BUNDLE_PODS))
		cfg->egress.bundle = CA_BUNDLE_FILE;
	keep_cni(p, out);
	list_removed(p, &out->state.obstacles);
	out->removed = count_facts(&out->state.obstacles);
	return build(cfg, p, &d, out);
}

int prepare_launch(struct run *cfg, int argc, char **argv, struct prepared *out)
{
	struct plan p;

	_cleanup_close_ int lock = plan_lock();
	*out = (struct prepared){0};
	const struct fact *no_node = plan_prepare(&cfg->o, &p);
	int status = with_plan(cfg, &p, no_node, out);
	plan_free(&p);
	for (int i = 0; i < argc; i++) strv_add(&out->state.argv, argv[i]);
	return status;
}

void prepared_free(struct prepared *p)
{
	strv_free(&p->argv);
	strv_free(&p->env);
	runstate_free(&p->state);
}
