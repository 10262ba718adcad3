/* What runs, and how far it is. */
#include <errno.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "app/applet.h"
#include "base/buf.h"
#include "base/die.h"
#include "base/io.h"
#include "cluster/kube.h"
#include "cluster/leftovers.h"
#include "cluster/ready.h"
#include "cluster/runstate.h"
#include "plan/rows.h"

enum format { TEXT, JSON };
static const char *const formats[] = { [TEXT] = "text", [JSON] = "json", NULL };

struct status {
	int format;
};

static const struct opt opts[] = {
	{ OPT_CHOICE, 'o', "output", offsetof(struct status, format), .choices = formats,
	  .help = "for people, or for programs" },
	{ OPT_END },
};

enum { TIMEOUT_MS = 3000 };

/* All that is told, gathered before a word of it is. */
struct facts_now {
	bool running, api, nodes_known, pods_known;
	struct runstate s;
	size_t left;               /* processes of a supervisor that was killed */
	struct kube_nodes nodes;
	struct kube_pods pods;
	char why[200], version[64];
	int64_t uptime;
};

static bool is_running(void)
{
	int lock = runstate_lock(K3SBOX_RUN);
	if (lock >= 0) close(lock);
	return lock == -EWOULDBLOCK;
}

static void ask(struct facts_now *f)
{
	struct kubeconfig k;

	int r = ready_kubeconfig(&f->s, &k, f->why, sizeof f->why);
	if (!r && !kube_ready(&k, TIMEOUT_MS, f->why, sizeof f->why)) {
		f->api = true;
		kube_version(&k, f->version, sizeof f->version, TIMEOUT_MS, f->why, sizeof f->why);
		f->nodes_known = !kube_list_nodes(&k, &f->nodes, TIMEOUT_MS, f->why, sizeof f->why);
		f->pods_known = !kube_list_pods(&k, &f->pods, TIMEOUT_MS, f->why, sizeof f->why);
	}
	kubeconfig_free(&k);
}

static void print_end(const struct facts_now *f, struct buf *b)
{
	buf_puts(b, f->left ? "k3sbox:      killed" : "k3sbox:      stopped");
	if (f->left) buf_printf(b, "; %zu processes that it started are left: 'k3sbox stop' ends them", f->left);
	else if (f->s.status) buf_printf(b, "; k3s ended with status %d, its log is %s", f->s.status, f->s.log);
	buf_putc(b, '\n');
}

/* Keys of another version's steps are counted only. */
static void print_steps(const struct strv *keys, struct buf *b)
{
	size_t unknown = 0;

	if (keys->n) buf_puts(b, "removed:\n");
	for (size_t i = 0; i < keys->n; i++) {
		const struct step_row *row = step_find(keys->v[i]);
		if (!row) unknown++;
		else buf_printf(b, "  %-16s %-11s %s\n", facts[row->fact].name, mechanisms[row->by].name, row->what);
	}
	if (unknown) buf_printf(b, "  %zu more, by another version of k3sbox\n", unknown);
}

static void print_text(const struct facts_now *f, struct buf *b)
{
	if (!f->running) {
		print_end(f, b);
		return;
	}
	buf_puts(b, "k3sbox:      running\n");
	if (!f->s.supervisor.pid) {
		buf_puts(b, "phase:       starting: k3s is not there yet\n");
		return;
	}
	buf_printf(b, "k3s:         %s (pid %d, under %d), up %lld s\n",
		*f->s.version ? f->s.version : "of unknown version", (int)f->s.k3s.pid, (int)f->s.supervisor.pid, (long long)f->uptime);
	buf_printf(b, "mode:        %s\n", f->s.control_plane ? "control plane" : "node");
	buf_printf(b, "phase:       %s\n", phase_names[f->s.phase]);
	if (f->api) buf_printf(b, "API:         ready, %s\n", f->version);
	else buf_printf(b, "API:         not ready: %s\n", f->why);
	if (f->nodes_known) buf_printf(b, "nodes:       %u of %u ready\n", f->nodes.ready, f->nodes.n);
	if (f->pods_known)
		buf_printf(b, "pods:        %u, %u running, %u ready\n", f->pods.n, f->pods.running, f->pods.ready);
	buf_printf(b, "data folder: %s\nkubeconfig:  %s\nlog:         %s\n", f->s.data_dir, f->s.kubeconfig, f->s.log);
	print_steps(&f->s.obstacles, b);
}

static void json_text(struct buf *b, const char *key, const char *value)
{
	buf_printf(b, ",\n  \"%s\": ", key);
	buf_json(b, value);
}

static void print_json_steps(const struct strv *keys, struct buf *b)
{
	const char *sep = "";

	buf_puts(b, ",\n  \"removed\": [");
	for (size_t i = 0; i < keys->n; i++) {
		const struct step_row *row = step_find(keys->v[i]);
		if (!row) continue;
		buf_printf(b, "%s\n    {\"fact\": \"%s\", \"mechanism\": \"%s\", \"what\": ", sep,
			facts[row->fact].name, mechanisms[row->by].name);
		buf_json(b, row->what);
		buf_putc(b, '}');
		sep = ",";
	}
	buf_puts(b, *sep ? "\n  ]" : "]");
}

static void print_json(const struct facts_now *f, struct buf *b)
{
	buf_printf(b, "{\n  \"running\": %s", f->running ? "true" : "false");
	if (f->running) {
		json_text(b, "phase", phase_names[f->s.phase]);
		json_text(b, "mode", f->s.control_plane ? "control-plane" : "node");
		json_text(b, "version", f->s.version);
		buf_printf(b, ",\n  \"pid\": %d,\n  \"k3sPid\": %d,\n  \"uptimeSeconds\": %lld,\n  \"api\": %s,\n"
			"  \"node\": %s", (int)f->s.supervisor.pid, (int)f->s.k3s.pid, (long long)f->uptime, f->api ? "true" : "false",
			f->nodes.ready ? "true" : "false");
		if (!f->api) json_text(b, "message", f->why);
		if (f->nodes_known) buf_printf(b, ",\n  \"nodes\": {\"total\": %u, \"ready\": %u}", f->nodes.n, f->nodes.ready);
		if (f->pods_known) buf_printf(b, ",\n  \"pods\": {\"total\": %u, \"running\": %u, \"ready\": %u}", f->pods.n,
			f->pods.running, f->pods.ready);
		json_text(b, "dataDir", f->s.data_dir);
		json_text(b, "kubeconfig", f->s.kubeconfig);
		json_text(b, "log", f->s.log);
		print_json_steps(&f->s.obstacles, b);
	}
	if (!f->running && f->s.version[0])
		buf_printf(b, ",\n  \"status\": %d,\n  \"processesLeft\": %zu", f->s.status, f->left);
	buf_puts(b, "\n}\n");
}

static int run(void *cfg_, const struct args *args)
{
	const struct status *cfg = cfg_;
	_cleanup_buf_ struct buf b = {0};
	struct facts_now f = {0};

	(void)args;
	int r = runstate_load(&f.s, K3SBOX_RUN);
	if (r < 0 && r != -ENOENT) {
		warn_errno(r, K3SBOX_RUN "/state (root is needed)");
		runstate_free(&f.s);
		return EX_FAIL;
	}
	f.running = is_running();
	if (f.running && !process_alive(&f.s.supervisor)) {   /* there is none yet, or it is that of an earlier run */
		runstate_free(&f.s);
		f.s = (struct runstate){ .phase = PHASE_STARTING };
		snprintf(f.why, sizeof f.why, "k3s is not there yet");
	} else if (!f.running) {
		f.left = !r && f.s.phase != PHASE_STOPPED ? leftovers_count() : 0;
	} else {
		f.uptime = time(NULL) - f.s.started;
		ask(&f);
	}
	(cfg->format == JSON ? print_json : print_text)(&f, &b);
	runstate_free(&f.s);
	if (b.failed || io_write_fd(STDOUT_FILENO, b.data, b.len) < 0) return EX_FAIL;
	return f.running ? EX_OK : EX_STOPPED;
}

const struct applet applet_status = {
	.name = "status",
	.group = GROUP_CLUSTER,
	.summary = "tell what runs, how far it is, and which obstacles were removed how",
	.usage = "[-o json]",
	.opts = opts,
	.cfg_size = sizeof(struct status),
	.more = "Exit status: 0 running, 3 stopped.\n",
	.run = run,
};
