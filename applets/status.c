/* Prints whether k3s runs and how far it is: from the run state and from its API. */
#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>
#include <sys/statvfs.h>
#include <time.h>
#include <unistd.h>

#include "app/applet.h"
#include "base/buf.h"
#include "base/die.h"
#include "base/err.h"
#include "base/io.h"
#include "base/json.h"
#include "cluster/kube.h"
#include "cluster/log.h"
#include "cluster/outside.h"
#include "cluster/presence.h"
#include "cluster/ready.h"
#include "plan/node.h"
#include "plan/rows.h"

struct status {
	int format;
	bool watch;
};

static const struct opt opts[] = {
	{ OPT_CHOICE, 'o', "output", offsetof(struct status, format), .choices = output_formats,
	  .help = "output format" },
	{ OPT_FLAG, 'w', "watch", offsetof(struct status, watch),
	  .help = "show it again when it changes, until Ctrl-C" },
	{ OPT_END },
};

enum { TIMEOUT_MS = 3000, WATCH_MS = 2000, NAME = 64 };

/* Everything that is printed, gathered before the first word of it is. */
struct status_report {
	struct presence now;
	bool running, api, nodes_known, pods_known;
	struct kube_nodes nodes;
	struct kube_pods pods;
	struct buf services_text;  /* the list of those that are not for the cluster alone */
	struct json services;
	char own[64];              /* this machine's address */
	struct err why;            /* the API is not ready, or nothing is known of it */
	char version[64];
	int64_t time, uptime;      /* when this was gathered; how long k3s has run: seconds */
	struct statvfs disk;       /* that of the data directory; zeros: not known */
};

static unsigned long long disk_mib(const struct statvfs *d, fsblkcnt_t blocks)
{
	return (unsigned long long)blocks * d->f_frsize >> 20;
}

/* The kubelet evicts pods at k3s's default of 5 %. Without a count of files there is no limit. */
static bool disk_is_low(const struct statvfs *d)
{
	return (d->f_blocks && d->f_bavail * 20 <= d->f_blocks) ||
		(d->f_files && d->f_favail * 20 <= d->f_files);
}

/* Where that is not known, nothing is printed. */
static void ask_for_services(struct status_report *f, const struct kubeconfig *k)
{
	static const char path[] = "/api/v1/services?fieldSelector=spec.type%21%3DClusterIP";

	if (!node_first_address(f->own, sizeof f->own)) return;
	if (kube_get_ok(k, path, &f->services_text, TIMEOUT_MS, NULL) < 0) return;
	json_parse(&f->services, f->services_text.data, f->services_text.len);
}

static void ask(struct status_report *f)
{
	_cleanup_kubeconfig_ struct kubeconfig k = {0};

	if (ready_api(&f->now.s, &k, TIMEOUT_MS, &f->why) < 0) return;
	f->api = true;
	kube_version(&k, f->version, sizeof f->version, TIMEOUT_MS, NULL);
	f->nodes_known = !kube_list_nodes(&k, &f->nodes, TIMEOUT_MS, NULL);
	f->pods_known = !kube_list_pods(&k, NULL, &f->pods, TIMEOUT_MS, NULL);
	ask_for_services(f, &k);
}

static const char *phase_of(const struct status_report *f)
{
	bool known = f->now.have_state || f->now.kind == PRESENCE_STARTING;
	return known ? runstate_phase_names[f->now.s.phase] : "unknown";
}

/* Keys of another version's steps are counted only. */
static void print_steps(const struct strv *keys, struct buf *b)
{
	size_t unknown = 0;

	if (keys->n) buf_puts(b, "removed:\n");
	for (size_t i = 0; i < keys->n; i++) {
		const struct step_row *row = step_find(keys->v[i]);
		if (!row) unknown++;
		else buf_printf(b, "  %-16s %-11s %s\n", facts[row->fact].name,
			mechanisms[row->by].name, row->what);
	}
	if (unknown) buf_printf(b, "  %zu more, by another version of k3sbox\n", unknown);
}

static int get_text(const struct json *j, const struct json_node *object, const char *path,
	char out[NAME])
{
	return json_string(j, json_path(j, object, path), out, NAME, NULL);
}

/* Each Service that is reached outside, in a line of text or an element of a JSON array. */
static void print_services(const struct status_report *f, bool as_json, struct buf *b)
{
	const struct json *j = &f->services;
	const struct json_node *s = json_first(j, json_get(j, json_root(j), "items"));
	const char *sep = "";

	for (; s; s = json_next(j, s)) {
		_cleanup_buf_ struct buf at = {0};
		char namespace_[NAME], name[NAME];
		outside_print(j, s, f->own, &at);
		if (!at.len || at.failed || get_text(j, s, "metadata.name", name) < 0 ||
			get_text(j, s, "metadata.namespace", namespace_) < 0)
			continue;
		buf_printf(b, as_json ? "%s\n    {\"name\": \"%s/%s\", \"outside\": \"%s\"}"
			: "%soutside:     %s/%s at %s\n", sep, namespace_, name, at.data);
		if (as_json) sep = ",";
	}
}

/* "status 1, 12 s ago: listen tcp :6443: …" */
static void print_cause(const struct status_report *f, struct buf *b)
{
	const struct runstate *s = &f->now.s;
	const char *help = log_cause(s->cause);

	buf_printf(b, "status %d, %lld s ago%s%s\n", s->status, (long long)(f->time - s->ended),
		*s->cause ? ": " : "", s->cause);
	if (help) buf_printf(b, "             likely cause: %s\n", help);
}

static void print_end(const struct status_report *f, struct buf *b)
{
	const struct runstate *s = &f->now.s;

	if (f->now.kind == PRESENCE_LEFT)
		buf_printf(b, "k3sbox:      killed; %zu processes that it started are left: "
			"'k3sbox stop' ends them\n",
			f->now.left);
	else if (s->ended && !s->asked) {
		buf_puts(b, "k3sbox:      stopped; k3s ended with ");
		print_cause(f, b);
		buf_printf(b, "log:         %s\n", s->log);
	} else
		buf_puts(b, "k3sbox:      stopped\n");
}

static void print_damage(const struct status_report *f, struct buf *b)
{
	buf_printf(b, "k3sbox:      running (pid %d), but its files in %s were removed or "
		"damaged:\n"
		"             stop it with 'k3sbox stop'\n", (int)f->now.supervisor.pid,
		K3SBOX_RUN);
}

static void print_nodes(const struct status_report *f, struct buf *b)
{
	buf_printf(b, "nodes:       %u of %u ready\n", f->nodes.ready, f->nodes.n);
	for (unsigned i = 0; i < f->nodes.n && i < KUBE_NODES_MAX; i++)
		if (!f->nodes.v[i].ready)
			buf_printf(b, "             %s: %s\n", f->nodes.v[i].name,
				f->nodes.v[i].why);
}

static void print_disk(const struct status_report *f, struct buf *b)
{
	const struct statvfs *d = &f->disk;

	if (!disk_is_low(d)) return;
	buf_printf(b, "disk:        %llu MiB and %llu files are free in %s: make room before pods "
		"are evicted\n", disk_mib(d, d->f_bavail), (unsigned long long)d->f_favail,
		f->now.s.data_dir);
}

static void print_text(const struct status_report *f, struct buf *b)
{
	if (!f->running) {
		print_end(f, b);
		return;
	}
	if (f->now.kind == PRESENCE_DAMAGED) print_damage(f, b);
	else buf_puts(b, "k3sbox:      running\n");
	if (f->now.kind == PRESENCE_STARTING)
		buf_puts(b, "phase:       starting: k3s has not been started yet\n");
	if (!f->now.have_state || f->now.kind == PRESENCE_STARTING) return;
	const struct runstate *s = &f->now.s;
	buf_printf(b, "k3s:         %s (pid %d, supervisor %d), up %lld s\n", *s->version
		? s->version : "unknown version",
		(int)s->k3s.pid, (int)s->supervisor.pid, (long long)f->uptime);
	buf_printf(b, "mode:        %s\n", s->control_plane ? "control plane" : "node");
	buf_printf(b, "phase:       %s\n", phase_of(f));
	if (f->api) buf_printf(b, "API:         ready, %s\n", f->version);
	else buf_printf(b, "API:         not ready: %s\n", f->why.text);
	if (s->restarts) {
		buf_printf(b, "restarts:    %d, the last because k3s ended by itself with ",
			s->restarts);
		print_cause(f, b);
	}
	if (f->nodes_known) print_nodes(f, b);
	if (f->pods_known)
		buf_printf(b, "pods:        %u, %u running, %u ready\n", f->pods.n, f->pods.running,
			f->pods.ready);
	if (f->pods.unpulled.n)
		buf_printf(b, "images:      pods that cannot pull one: %u; %s: %s\n",
			f->pods.unpulled.n, f->pods.unpulled.pod,
			kube_pull_error(f->pods.unpulled.why));
	print_services(f, false, b);
	print_disk(f, b);
	buf_printf(b, "data-dir:    %s\nkubeconfig:  %s\nlog:         %s\n", s->data_dir,
		s->kubeconfig, s->log);
	print_steps(&s->obstacles, b);
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

static void json_bool(struct buf *b, const char *key, bool value)
{
	buf_printf(b, ",\n  \"%s\": %s", key, value ? "true" : "false");
}

/* How k3s last ended by itself. */
static void print_json_end(const struct runstate *s, struct buf *b)
{
	buf_printf(b, ",\n  \"lastEnd\": {\"time\": %lld, \"status\": %d, \"cause\": ",
		(long long)s->ended, s->status);
	buf_json(b, s->cause);
	buf_putc(b, '}');
}

static void print_json_running(const struct status_report *f, struct buf *b)
{
	const struct runstate *s = &f->now.s;

	json_text(b, "phase", phase_of(f));
	json_bool(b, "damaged", f->now.kind == PRESENCE_DAMAGED);
	json_text(b, "mode", s->control_plane ? "control-plane" : "node");
	json_text(b, "version", s->version);
	buf_printf(b, ",\n  \"pid\": %d,\n  \"k3sPid\": %d,\n  \"uptimeSeconds\": %lld",
		(int)f->now.supervisor.pid,
		(int)s->k3s.pid, (long long)f->uptime);
	json_bool(b, "api", f->api);
	json_bool(b, "node", f->nodes.ready);
	if (!f->api) json_text(b, "message", f->why.text);
	if (f->nodes_known)
		buf_printf(b, ",\n  \"nodes\": {\"total\": %u, \"ready\": %u}", f->nodes.n,
			f->nodes.ready);
	if (f->pods_known)
		buf_printf(b, ",\n  \"pods\": {\"total\": %u, \"running\": %u, \"ready\": %u}",
			f->pods.n,
			f->pods.running, f->pods.ready);
	if (f->pods.unpulled.n) {
		buf_printf(b, ",\n  \"imagePulls\": {\"failing\": %u, \"pod\": ",
			f->pods.unpulled.n);
		buf_json(b, f->pods.unpulled.pod);
		buf_puts(b, ", \"message\": ");
		buf_json(b, f->pods.unpulled.why);
		buf_putc(b, '}');
	}
	if (f->services.text) {
		buf_puts(b, ",\n  \"services\": [");
		print_services(f, true, b);
		buf_putc(b, ']');
	}
	buf_printf(b, ",\n  \"restarts\": %d", s->restarts);
	if (s->ended) print_json_end(s, b);
	buf_printf(b, ",\n  \"disk\": {\"freeMiB\": %llu, \"totalMiB\": %llu, \"low\": %s}",
		disk_mib(&f->disk, f->disk.f_bavail), disk_mib(&f->disk, f->disk.f_blocks),
		disk_is_low(&f->disk) ? "true" : "false");
	json_text(b, "dataDir", s->data_dir);
	json_text(b, "kubeconfig", s->kubeconfig);
	json_text(b, "log", s->log);
	print_json_steps(&s->obstacles, b);
}

static void print_json(const struct status_report *f, struct buf *b)
{
	buf_printf(b, "{\n  \"running\": %s", f->running ? "true" : "false");
	if (f->running) print_json_running(f, b);
	if (!f->running && f->now.s.version[0])
		buf_printf(b, ",\n  \"status\": %d,\n  \"processesLeft\": %zu", f->now.s.status,
			f->now.left);
	if (!f->running && f->now.s.ended && !f->now.s.asked) print_json_end(&f->now.s, b);
	buf_puts(b, "\n}\n");
}

/* EX_OK, or EX_FAIL and a message. */
static int gather(struct status_report *f)
{
	struct err e = {0};

	*f = (struct status_report){ .time = time(NULL) };
	if (presence_look(&f->now, false, &e) < 0) {
		warn("%s (root is needed)", e.text);
		return EX_FAIL;
	}
	f->running = presence_alive(&f->now);
	if (f->now.kind == PRESENCE_STARTING) {
		runstate_free(&f->now.s);   /* an earlier run's */
		f->now.s = (struct runstate){0};
		err_set(&f->why, 0, "k3s has not been started yet");
	} else if (!f->now.have_state) {
		err_set(&f->why, 0, "the state of k3s is lost");
	} else if (f->running) {
		f->uptime = f->time - f->now.s.started;
		if (statvfs(f->now.s.data_dir, &f->disk) < 0) f->disk = (struct statvfs){0};
		ask(f);
	}
	return EX_OK;
}

/* Writes it, if it has changed, and frees it. last: what was written last, without what changes all
 * the time; NULL: it is written in any case. */
static int put(struct status_report *f, bool as_json, struct buf *last, const char *before)
{
	void (*print)(const struct status_report *, struct buf *) = as_json ? print_json
		: print_text;
	struct buf same = {0};
	_cleanup_buf_ struct buf b = {0};
	int r = 0;

	buf_puts(&b, before);
	print(f, &b);
	if (last) {
		f->time = f->uptime = 0;
		if (!disk_is_low(&f->disk)) f->disk = (struct statvfs){0};
		print(f, &same);
	}
	if (b.failed || same.failed) r = -ENOMEM;
	else if (!last || !last->data || strcmp(same.data, last->data))
		r = io_write_fd(STDOUT_FILENO, b.data, b.len);
	presence_free(&f->now);
	json_free(&f->services);
	buf_free(&f->services_text);
	if (last) {
		buf_free(last);
		*last = same;
	}
	return r < 0 ? EX_FAIL : EX_OK;
}

static void leave(int sig)
{
	(void)sig;
	_exit(EX_OK);
}

static int run(void *cfg_, const struct args *args)
{
	const struct status *cfg = cfg_;
	bool as_json = cfg->format == OUTPUT_JSON;
	bool redraw = cfg->watch && isatty(STDOUT_FILENO), compare = cfg->watch && !redraw;
	const char *before = redraw ? "\033[H\033[J" : "";
	struct pollfd out = { .fd = STDOUT_FILENO };   /* ready once nothing reads it any more */
	_cleanup_buf_ struct buf last = {0};
	static struct status_report f;

	(void)args;
	if (cfg->watch) signal(SIGINT, leave);
	do {
		int status = gather(&f);
		bool running = f.running;
		if (!status) status = put(&f, as_json, compare ? &last : NULL, before);
		if (status || !cfg->watch) return status ? status : running ? EX_OK : EX_STOPPED;
		if (!*before && !as_json) before = "\n";
	} while (poll(&out, 1, WATCH_MS) == 0);
	return EX_OK;
}

const struct applet applet_status = {
	.name = "status",
	.group = GROUP_CLUSTER,
	.summary = "show whether k3s runs, how far it is, and how obstacles were removed",
	.usage = "[-w] [-o json]",
	.opts = opts,
	.cfg_size = sizeof(struct status),
	.more =
		"--watch prints a block or a JSON object for each change; a terminal is redrawn.\n"
		"Exit status: 0 running, 3 stopped; with --watch 0.\n",
	.run = run,
};
