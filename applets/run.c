/* Starts k3s as this machine needs it and waits until it is ready: the command line, --detach, and
 * a second `run` beside a first. The supervisor is run/loop.c. */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "app/applet.h"
#include "base/cleanup.h"
#include "base/clock.h"
#include "base/die.h"
#include "base/err.h"
#include "base/io.h"
#include "cluster/presence.h"
#include "fetch/fetch.h"
#include "plan/isolate.h"
#include "run/inside.h"
#include "run/run.h"

static const char *const waits[] = { [WAIT_NODE] = "node", [WAIT_API] = "api", [WAIT_NONE] = "none",
	NULL };

static const char *const restarts[] = { [RESTART_ALWAYS] = "always", [RESTART_NO] = "no", NULL };

enum { WAIT_WORDS = 2 };

static const struct run defaults = { .timeout = 300 };

static const struct opt opts[] = {
	{ OPT_FLAG, 'd', "detach", offsetof(struct run, detach),
	  .help = "return once k3s is ready and leave it in the background" },
	{ OPT_CHOICE, 0, "wait", offsetof(struct run, wait), .choices = waits,
	  .help = "what --detach waits for (node; api without a node)" },
	{ OPT_BARE, .value = "node" },
	{ OPT_SECONDS, 0, "timeout", offsetof(struct run, timeout), "TIME",
	  .help = "how long --detach waits (300 s; 0: no limit)" },
	{ OPT_CHOICE, 0, "restart", offsetof(struct run, restart), .choices = restarts,
	  .help = "start k3s again if it ends by itself (always)" },
	{ OPT_FLAG, 'v', "verbose", offsetof(struct run, verbose),
	  .help = "copy the log of k3s to stderr" },
	PLAN_OPT_ROWS(struct run, o),
	{ OPT_FLAG, 0, "no-fetch", offsetof(struct run, no_fetch),
	  .help = "do not download k3s if there is none" },
	{ OPT_END },
};

/* ---- another run has the lock ---- */

static bool far_enough(const struct run *cfg, const struct runstate *s)
{
	if (cfg->wait == WAIT_NONE) return true;
	if (cfg->wait == WAIT_API) return s->phase == RUNSTATE_API || s->phase == RUNSTATE_READY;
	return s->phase == RUNSTATE_READY;
}

/* Do the options agree, apart from what to wait for and how long? */
static bool same_words(const struct strv *a, const struct strv *b)
{
	if (a->n != b->n) return false;
	for (size_t i = WAIT_WORDS; i < a->n; i++)
		if (strcmp(a->v[i], b->v[i])) return false;
	return true;
}

static int refuse_damaged(const struct presence *p)
{
	warn("k3s is running (supervisor pid %d), but its files in %s were removed or damaged: "
		"'k3sbox stop' first", (int)p->supervisor.pid, K3SBOX_RUN);
	return EX_FAIL;
}

static int refuse_lock(int r)
{
	warn("%s: %s%s", K3SBOX_RUN "/lock", strerror(-r), r == -EROFS
		? "; mount a tmpfs on /run (docker run --tmpfs /run)" : "");
	return EX_FAIL;
}

/* Another run holds the lock. Says so, once it is known which; true if there is no need to wait. */
static bool look_at_first(const struct run *cfg, const struct strv *words, const struct presence *p,
	bool *said, const struct loop_reporter *r)
{
	static const char *const phases[RUNSTATE_PHASES] = {
		[RUNSTATE_STARTING] = "k3s started", [RUNSTATE_API] = "API ready",
		[RUNSTATE_READY] = "ready", [RUNSTATE_STOPPING] = "stopping",
		[RUNSTATE_STOPPED] = "stopped",
	};
	static enum runstate_phase shown = RUNSTATE_PHASES;
	const struct runstate *s = &p->s;

	if (p->kind != PRESENCE_RUNNING) return false;   /* it prepares, or ends */
	if (!*said && !same_words(words, &s->argv))
		warn("k3s was started with other options, which it keeps: 'k3sbox stop' first");
	if (!*said)
		printf("k3sbox runs already (pid %d, %s)\n", (int)p->supervisor.pid,
			runstate_phase_names[s->phase]);
	if (s->phase != shown) loop_report(r, "%s", phases[s->phase]);
	shown = s->phase;
	fflush(stdout);
	*said = true;
	return far_enough(cfg, s);
}

/* Waits for what the first one waits for. Success once it is ready, its status if it ends before.
 * -1 with the lock in cfg->lock if there was none: `status` and `stop` take it for a moment too,
 * and a first one may fail early. */
static int join(struct run *cfg, const struct strv *words, const struct loop_reporter *reporter)
{
	int64_t end = reporter->t0 + (int64_t)cfg->timeout * 1000;
	bool said = false;

	for (int ms = 20;; clock_sleep_ms((unsigned)ms), ms = 200) {
		_cleanup_presence_ struct presence p = {0};
		struct err e = {0};
		int lock = runstate_lock(K3SBOX_RUN), r = presence_look(&p, lock >= 0, &e);
		if (lock >= 0 && !said) {
			cfg->lock = lock;
			return -1;
		}
		if (lock >= 0) {
			close(lock);
			warn("the other k3sbox has ended");
			return !r && p.s.status ? p.s.status : EX_FAIL;
		}
		if (r < 0) {
			warn("%s", e.text);
			return EX_FAIL;
		}
		if (lock != -EWOULDBLOCK) return refuse_lock(lock);
		if (p.kind == PRESENCE_DAMAGED) return refuse_damaged(&p);
		if (look_at_first(cfg, words, &p, &said, reporter)) return EX_OK;
		if (!cfg->timeout || clock_ms() < end) continue;
		warn("not ready after %u s: 'k3sbox status' and 'k3sbox logs' show how far it is",
			cfg->timeout);
		return EX_TIMEOUT;
	}
}

/* ---- --detach: the process that waits ---- */

/* Shows what comes through the pipe up to its NUL; the byte behind that is the status. */
static int show_until_end(int fd)
{
	char chunk[512];
	ssize_t n;

	while ((n = read(fd, chunk, sizeof chunk)) > 0 || (n < 0 && errno == EINTR)) {
		char *nul = n > 0 ? memchr(chunk, 0, (size_t)n) : NULL;
		if (n > 0) fwrite(chunk, 1, nul ? (size_t)(nul - chunk) : (size_t)n, stdout);
		fflush(stdout);
		if (!nul) continue;
		bool known = nul + 1 < chunk + n || read(fd, nul + 1, 1) == 1;
		return known ? (unsigned char)nul[1] : EX_FAIL;
	}
	warn("the supervisor ended unexpectedly: see 'k3sbox logs'");
	return EX_FAIL;
}

/* The caller's descriptors (a pipe that is read to its end, a lock) must not stay open as long as
 * k3s runs. */
static void close_others(const struct run *cfg, int pipe)
{
	_cleanup_closedir_ DIR *d = opendir("/proc/self/fd");

	for (struct dirent *e; d && (e = readdir(d));) {
		int fd = atoi(e->d_name);
		if (fd > STDERR_FILENO && fd != pipe && fd != cfg->lock && fd != dirfd(d) &&
			!plan_probe_early_has(&cfg->o, fd)) close(fd);
	}
}

/* What goes on in the background; run() returns its exit status. */
struct background {
	struct run *cfg;
	struct loop_reporter *r;
	struct prepared *p;        /* without a world */
	const struct strv *words;  /* with one: the options, for the state */
	bool user;                 /* which gets a user namespace */
	int (*run)(const struct background *b);
};

static int detach(const struct background *b)
{
	const struct run *cfg = b->cfg;
	struct loop_reporter *r = b->r;
	int fd[2];

	if (pipe2(fd, O_CLOEXEC) < 0) die_errno(EX_SYS, -errno, "pipe");
	fflush(stdout);
	pid_t pid = fork();
	if (pid < 0) die_errno(EX_SYS, -errno, "fork");
	if (pid) {
		close(fd[1]);
		return show_until_end(fd[0]);
	}
	close_others(cfg, fd[1]);
	setsid();
	signal(SIGHUP, SIG_IGN);
	int null = open("/dev/null", O_RDWR | O_CLOEXEC);
	if (null >= 0) {
		dup2(null, STDIN_FILENO);
		dup2(null, STDOUT_FILENO);
		close(null);
	}
	r->fd = fd[1];
	r->pipe = true;
	int status = b->run(b);
	loop_report_end(r, status, -1);
	_exit(status);
}

/* ---- */

/* With the lock held. 0, or an exit status: only the lock may have been lost, and k3s still
 * runs. */
static int clean_up_after_a_crash(void)
{
	_cleanup_presence_ struct presence p;
	struct err e = {0};

	if (presence_look(&p, true, &e) < 0) {
		warn("%s", e.text);
		return EX_FAIL;
	}
	if (presence_alive(&p)) return refuse_damaged(&p);
	size_t n;
	/* What is left of that one does not keep this one from starting. */
	if (presence_end_killed(&p, &n, &e) < 0) warn("%s", e.text);
	if (n) warn("an earlier k3sbox was killed; ended %zu processes that it had left", n);
	return EX_OK;
}

static void report_prepared(const struct loop_reporter *r, const struct prepared *p)
{
	loop_report(r, "prepared (%u obstacle%s removed%s)", p->removed, p->removed == 1 ? "" : "s",
		p->state.control_plane ? "; control plane alone" : "");
}

static void print_next(const struct runstate *s)
{
	_cleanup_buf_ struct buf limits = {0};

	printf("kubeconfig: %s   next: k3sbox kubectl get %s\n", s->kubeconfig,
		s->control_plane ? "namespaces" : "nodes,pods -A");
	plan_limits_of(&s->obstacles, &limits);
	if (limits.len) printf("limits here: %s\n", limits.data);
}

static int run_here(const struct background *b)
{
	return loop_supervise(b->cfg, b->p, b->r);
}

static int start_here(struct run *cfg, const struct strv *words, struct loop_reporter *r)
{
	struct prepared p = {0};
	struct background b = { .cfg = cfg, .r = r, .p = &p, .run = run_here };
	int status = prepare_launch(cfg, (int)words->n, words->v, &p);

	if (!status) {
		report_prepared(r, &p);
		status = cfg->detach ? detach(&b) : loop_supervise(cfg, &p, r);
	}
	if (!status && cfg->detach) print_next(&p.state);
	prepared_free(&p);
	return status;
}

/* Process 1 does not receive signals with the default action. Until k3s runs nothing has to be
 * stopped. */
static void leave(int sig)
{
	_exit(128 + sig);
}

/* ---- in a world ---- */

static int run_inside(struct run *cfg, void *arg)
{
	const struct background *b = arg;
	struct prepared p = {0};

	signal(SIGTERM, leave);
	signal(SIGINT, leave);
	int status = prepare_launch(cfg, (int)b->words->n, b->words->v, &p);
	if (!status) {
		report_prepared(b->r, &p);
		status = loop_supervise(cfg, &p, b->r);
	}
	loop_report_end(b->r, status, -1);
	prepared_free(&p);
	return status;
}

/* Process 1 says in the state that it has ended, unless it was killed. */
static void note_end(int status)
{
	struct err e = {0};
	_cleanup_runstate_ struct runstate s = {0};

	if (runstate_load(&s, K3SBOX_RUN, &e) < 0 || s.phase == RUNSTATE_STOPPED) return;
	s.phase = RUNSTATE_STOPPED;
	s.status = status ? status : EX_FAIL;
	int r = runstate_save(&s, K3SBOX_RUN);
	if (r < 0) warn_errno(r, K3SBOX_RUN "/state");
}

static int run_world(const struct background *b)
{
	int status = inside_run(b->cfg, b->user, run_inside, (void *)(uintptr_t)b);

	note_end(status);
	return status;
}

static int start_in_world(struct run *cfg, const struct strv *words,
	const struct isolation_result *isolation, struct loop_reporter *r)
{
	struct background b = {
		.cfg = cfg, .r = r, .words = words, .user = isolation->user, .run = run_world,
	};
	struct err e = {0};
	_cleanup_runstate_ struct runstate s = {0};

	loop_report(r, "in namespaces of its own%s%s", *isolation->why.text ? "; outside: " : "",
		isolation->why.text);
	int status = cfg->detach ? detach(&b) : run_world(&b);
	if (!status && cfg->detach && !runstate_load(&s, K3SBOX_RUN, &e))
		print_next(&s);
	return status;
}

static int start(struct run *cfg, const struct strv *words, struct loop_reporter *r)
{
	struct isolation_result isolation;
	int status = clean_up_after_a_crash();

	if (status) return status;
	/* Out here, also for a world: that is where its connections begin. */
	cfg->o.trust_init = true;
	plan_probe_early(&cfg->o);
	if (isolate_decide(&cfg->o, &isolation) < 0) {
		warn("--namespaces=yes: %s", isolation.why.text);
		return EX_FAIL;
	}
	return isolation.wanted ? start_in_world(cfg, words, &isolation, r)
		: start_here(cfg, words, r);
}

/* The options once more, as words: `restart` calls run with them. WAIT_WORDS of them say for what
 * to wait. */
static void words_of(const struct run *cfg, struct strv *out)
{
	strv_addf(out, "--wait=%s", waits[cfg->wait]);
	strv_addf(out, "--timeout=%u", cfg->timeout);
	strv_addf(out, "--mode=%s", plan_mode_names[cfg->o.mode]);
	strv_addf(out, "--data-dir=%s", cfg->o.data_dir);
	strv_addf(out, "--restart=%s", restarts[cfg->restart]);
	if (cfg->o.k3s) strv_addf(out, "--k3s=%s", cfg->o.k3s);
	if (cfg->o.no_mount) strv_add(out, "--no-mount");
	if (cfg->o.no_shim) strv_add(out, "--no-shim");
	if (cfg->o.pod_ca) strv_add(out, "--pod-ca");
	if (cfg->o.no_intercept) strv_add(out, "--no-intercept");
	if (cfg->no_fetch) strv_add(out, "--no-fetch");
	strv_addf(out, "--namespaces=%s", isolation_names[cfg->o.namespaces]);
	strv_addf(out, "--accounting=%s", isolation_names[cfg->o.accounting]);
	strv_add(out, "--");
	for (size_t i = 0; i < cfg->o.args.user->n; i++) strv_add(out, cfg->o.args.user->v[i]);
}

/* Relative names must not depend on the current directory. The data directory may not exist yet. */
static void make_absolute(const char **path)
{
	if (!*path || **path == '/') return;
	char *here = getcwd(NULL, 0);
	if (!here) die_errno(EX_SYS, -errno, "the current directory");
	*path = xasprintf("%s/%s", here, *path);
	free(here);
}

static int run(void *cfg_, const struct args *args)
{
	struct run *cfg = cfg_;
	_cleanup_strv_ struct strv k3s_args = {0}, words = {0};
	struct err why = {0};
	struct loop_reporter r = { .fd = STDOUT_FILENO, .t0 = clock_ms() };

	if (geteuid()) {
		warn("k3s needs root: use sudo, or a container whose user is 0");
		return EX_FAIL;
	}
	for (char **a = args->rest; *a; a++) strv_add(&k3s_args, *a);
	if (plan_options_complete(&cfg->o, &k3s_args, &why) < 0)
		warn("%s; flags that it sets may be overruled", why.text);
	make_absolute(&cfg->o.k3s);
	make_absolute(&cfg->o.data_dir);
	if (cfg->detach && getpid() == 1) {
		warn("--detach is ignored: the container would end with its process 1");
		cfg->detach = false;
	}
	if (getpid() == 1) {
		signal(SIGTERM, leave);
		signal(SIGINT, leave);
	}
	words_of(cfg, &words);
	cfg->lock = runstate_lock(K3SBOX_RUN);
	int status = cfg->lock == -EWOULDBLOCK ? join(cfg, &words, &r) : -1;
	if (status >= 0) return status;
	if (cfg->lock < 0) return refuse_lock(cfg->lock);
	if (!cfg->o.k3s && !cfg->no_fetch) fetch_missing(&cfg->o, false);
	status = start(cfg, &words, &r);
	k3s_args_free(&cfg->o.args);   /* the lock goes with the process that supervises */
	return status;
}

const struct applet applet_run = {
	.name = "run",
	.group = GROUP_CLUSTER,
	.summary = "start k3s, wait until it is ready, stay with it",
	.usage = "[-d] [OPTION…] [-- K3S-FLAG…]",
	.opts = opts,
	.defaults = &defaults,
	.cfg_size = sizeof(struct run),
	.flags = APPLET_REST,
	.more =
		"Prepares what 'k3sbox init' has not, adds the flags that k3s needs on this\n"
		"machine (yours, after --, take precedence), and prints each phase with the\n"
		"seconds since the start. Ctrl-C or SIGTERM stops k3s and its pods and leaves\n"
		"no process and no mount of theirs behind; a second one kills them. What was\n"
		"prepared stays until 'k3sbox clean'. Works as process 1. A second 'run' waits\n"
		"for the first. A k3s that ends by itself is started again, and its pods go on\n"
		"meanwhile; one that was never ready is given up after 3 ends within seconds, or\n"
		"5 in all.\n"
		"Exit status: that of k3s; with -d 0 once k3s is ready, 124 if that takes too\n"
		"long (k3s keeps running).\n",
	.run = run,
};
