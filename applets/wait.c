/* Waits until the API, the node, pods or a Deployment are ready. Starts nothing: that is run. */
#include <errno.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <time.h>
#include <unistd.h>

#include "app/applet.h"
#include "base/buf.h"
#include "base/clock.h"
#include "base/die.h"
#include "base/err.h"
#include "base/io.h"
#include "cluster/kube.h"
#include "cluster/presence.h"
#include "cluster/ready.h"

struct wait {
	const char *what, *namespace_;
	const char *deployment;    /* its name; NULL: another thing is waited for */
	unsigned timeout;
	int format;
};

static const struct wait defaults = { .what = "node", .timeout = 300 };

#define THINGS "api|node|pods|deployment/NAME"

static const struct opt opts[] = {
	{ OPT_STR, 0, "for", offsetof(struct wait, what), THINGS,
	  .help = "what is to be ready (node)" },
	{ OPT_STR, 'n', "namespace", offsetof(struct wait, namespace_), "NS",
	  .help = "of the pods (all), or of the deployment (default)" },
	{ OPT_SECONDS, 0, "timeout", offsetof(struct wait, timeout), "TIME",
	  .help = "give up after this time (300 s; 0: no limit)" },
	{ OPT_CHOICE, 'o', "output", offsetof(struct wait, format), .choices = output_formats,
	  .help = "output format" },
	{ OPT_END },
};

/* The last request has LEAST_MS, too, although time is up: its answer is the last state. */
enum { REQUEST_MS = 3000, LEAST_MS = 500, FIRST_MS = 125, LONGEST_MS = 500 };

/* Names become parts of a URL's path. */
static bool is_name(const char *s)
{
	return *s && !s[strspn(s, "abcdefghijklmnopqrstuvwxyz0123456789.-")];
}

static void check_words(struct wait *cfg)
{
	static const char deployment[] = "deployment/";
	bool pods = !strcmp(cfg->what, "pods");

	if (!strncmp(cfg->what, deployment, sizeof deployment - 1))
		cfg->deployment = cfg->what + sizeof deployment - 1;
	if (cfg->deployment ? !is_name(cfg->deployment) : !pods && strcmp(cfg->what, "api") &&
		strcmp(cfg->what, "node"))
		die_usage("--for takes " THINGS ", not '%s'", cfg->what);
	if (cfg->namespace_ && (!is_name(cfg->namespace_) || (!pods && !cfg->deployment)))
		die_usage("--namespace takes the namespace of pods or of a deployment");
	if (cfg->deployment && !cfg->namespace_) cfg->namespace_ = "default";
}

/* The node's condition must be younger than this k3s, which may have been started again. */
static int ask_node(const struct runstate *s, int timeout_ms, struct err *e)
{
	int64_t start = s->ended > s->started ? s->ended : s->started;
	struct ready_since since = { start, clock_ms() - (time(NULL) - start) * 1000 };
	struct ready_result r;

	if (s->control_plane) return err_set(e, -ENOTSUP, "k3s runs as a control plane alone");
	ready_ask(s, &since, timeout_ms, &r);
	*e = r.why;
	return r.pods ? 0 : -EAGAIN;
}

static int ask_pods(const struct kubeconfig *k, const char *namespace_, int timeout_ms,
	struct err *e)
{
	struct kube_pods pods;
	int r = kube_list_pods(k, namespace_, &pods, timeout_ms, e);

	if (r < 0 || (pods.n && !pods.unready.n)) return r;
	return err_set(e, -EAGAIN, pods.n ? "%u of %u are not ready; %s: %s" : "there are none",
		pods.unready.n, pods.n, pods.unready.pod, kube_pull_error(pods.unready.why));
}

/* 0: it is ready; -ESRCH: k3s does not run; -ENOTSUP: it cannot become ready; any other -errno: not
 * yet. With the reason in e. */
static int ask(const struct wait *cfg, int timeout_ms, struct err *e)
{
	_cleanup_kubeconfig_ struct kubeconfig k = {0};
	_cleanup_presence_ struct presence p = {0};
	int r = presence_look(&p, false, e);

	if (r < 0) return -ENOTSUP;
	if (!presence_alive(&p)) return err_set(e, -ESRCH, "k3s is stopped: k3sbox run -d");
	if (p.kind == PRESENCE_STARTING)
		return err_set(e, -EAGAIN, "k3s has not been started yet");
	if (!p.have_state) return err_set(e, -ENOTSUP, "the state of k3s is lost");
	if (*cfg->what == 'n') return ask_node(&p.s, timeout_ms, e);
	r = ready_api(&p.s, &k, timeout_ms, e);
	if (r < 0 || *cfg->what == 'a') return r;
	return cfg->deployment
		? kube_deployment(&k, cfg->namespace_, cfg->deployment, timeout_ms, e)
		: ask_pods(&k, cfg->namespace_, timeout_ms, e);
}

/* On a terminal, one line that the next one replaces; an empty one removes it. */
static void show(const struct wait *cfg, const char *what, const char *why)
{
	struct winsize size;
	char line[512];

	if (cfg->format == OUTPUT_JSON || ioctl(STDOUT_FILENO, TIOCGWINSZ, &size) < 0) return;
	snprintf(line, sizeof line, "%s%s%s", what, *why ? ": " : "", why);
	for (char *c = line; *c; c++)
		if ((unsigned char)*c < ' ') *c = ' ';
	printf("\r\033[K%.*s", size.ws_col ? size.ws_col - 1 : 79, line);
	fflush(stdout);
}

static int print(const struct wait *cfg, bool ready, const char *why, int64_t ms)
{
	_cleanup_buf_ struct buf b = {0};

	if (cfg->format == OUTPUT_JSON) {
		buf_puts(&b, "{\"for\": ");
		buf_json(&b, cfg->what);
		buf_printf(&b, ", \"ready\": %s, \"milliseconds\": %lld, \"message\": ",
			ready ? "true" : "false", (long long)ms);
		buf_json(&b, why);
		buf_puts(&b, "}\n");
	} else if (ready)
		buf_printf(&b, "%s: ready\n", cfg->what);
	return b.failed || io_write_fd(STDOUT_FILENO, b.data, b.len) < 0 ? EX_FAIL : EX_OK;
}

static int run(void *cfg_, const struct args *args)
{
	struct wait *cfg = cfg_;
	int64_t begun = clock_ms(), end = cfg->timeout ? begun + cfg->timeout * 1000LL : INT64_MAX;
	int64_t pause = FIRST_MS, now;
	struct err e;
	int r;

	(void)args;
	check_words(cfg);
	for (;;) {
		int64_t left = end - clock_ms();
		e = (struct err){0};
		left = left > REQUEST_MS ? REQUEST_MS : left < LEAST_MS ? LEAST_MS : left;
		r = ask(cfg, (int)left, &e);
		if (r < 0 && !*e.text) err_errno(&e, r, "the API server's answer");
		now = clock_ms();
		if (!r || r == -ESRCH || r == -ENOTSUP || now >= end) break;
		show(cfg, cfg->what, e.text);
		clock_sleep_ms((unsigned)(pause < end - now ? pause : end - now));
		if (pause < LONGEST_MS) pause *= 2;
	}
	show(cfg, "", "");
	int status = print(cfg, !r, r ? e.text : "", now - begun);
	if (!r) return status;
	if (r == -ESRCH || r == -ENOTSUP) warn("%s", e.text);
	else warn("timed out after %u s: %s: %s", cfg->timeout, cfg->what, e.text);
	return r == -ESRCH ? EX_STOPPED : r == -ENOTSUP ? EX_FAIL : EX_TIMEOUT;
}

const struct applet applet_wait = {
	.name = "wait",
	.group = GROUP_CLUSTER,
	.summary = "wait until the API, the node, pods or a Deployment are ready",
	.usage = "[--for WHAT] [OPTION…]",
	.opts = opts,
	.defaults = &defaults,
	.cfg_size = sizeof(struct wait),
	.flags = APPLET_ASKED,
	.more =
		"node is what 'run -d' waits for: it is Ready, and pods can be created. pods\n"
		"means that there are some, and each is ready or has completed. A deployment\n"
		"has rolled out.\n"
		"Exit status: 0 ready, 1 it cannot become ready, 3 k3s is stopped, 124 timed\n"
		"out.\n",
	.run = run,
};
