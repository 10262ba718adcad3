/* Runs the probes, makes the plan, applies and undoes its steps. Not for what a step does
 * (plan/fix) or what the journal looks like (plan/journal.c). */
#include "plan/plan.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/die.h"
#include "base/io.h"
#include "plan/journal.h"
#include "plan/probe/probe.h"
#include "plan/ranges.h"

const char *const plan_mode_names[] = {
	[MODE_AUTO] = "auto", [MODE_CONTROL_PLANE] = "control-plane", [MODE_NODE] = "node", NULL,
};

int plan_options_complete(struct plan_options *o, const struct strv *user, struct err *e)
{
	char found[PATH_MAX];
	const char *env, *dir;
	int r = k3s_args_load(&o->args, user, e);

	/* What stands behind -- is for k3s, which has the last word. */
	o->data_dir_unknown = o->args.data_dir_unknown && !o->data_dir;
	dir = k3s_args_typed(&o->args, "data-dir");
	if (dir && *dir) o->data_dir = dir;
	else if (!o->data_dir && (dir = k3s_args_find(&o->args, "data-dir")))
		o->data_dir = xstrdup(dir);
	if (!o->data_dir || !*o->data_dir) o->data_dir = "/var/lib/rancher/k3s";
	ranges_choose(o);
	if (!o->k3s && (env = getenv("K3SBOX_K3S")) && *env) o->k3s = env;
	if (!o->k3s && (!io_find_program("k3s", getenv("PATH"), found, sizeof found) ||
		!io_find_program(PLAN_K3S, NULL, found, sizeof found)))
		o->k3s = xstrdup(found);
	return r;
}

/* ---- probing ---- */

/* A slow probe in a child, which sends its result through the pipe. */
struct plan_child {
	pid_t pid;                 /* -1: there is none to wait for; 0: not started */
	int fd;                    /* -1: none */
};

static void start(const struct fact *f, const struct plan_options *o, struct plan_child *c)
{
	int p[2];

	*c = (struct plan_child){ .pid = -1, .fd = -1 };
	if (pipe2(p, O_CLOEXEC) < 0) return;
	c->pid = fork();
	if (!c->pid) {
		struct fact_result r = {0};
		f->probe(o, &r);
		_exit(io_write_fd(p[1], &r, sizeof r) < 0);
	}
	close(p[1]);
	if (c->pid > 0) c->fd = p[0];
	else close(p[0]);
}

static void finish(const struct fact *f, const struct plan_options *o, struct plan_child *c,
	struct fact_result *r)
{
	_cleanup_buf_ struct buf b = {0};

	if (c->fd < 0) {
		f->probe(o, r);
		return;
	}
	io_read_fd(c->fd, &b, sizeof *r);
	close(c->fd);
	/* ECHILD: another process started it (plan_probe_early), and waits for it. */
	while (c->pid > 0 && waitpid(c->pid, NULL, 0) < 0 && errno == EINTR) ;
	if (b.len == sizeof *r) memcpy(r, b.data, sizeof *r);
	else snprintf(r->why, sizeof r->why, "the probe ended without a result");
}

/* An obstacle that init saw is in the journal; seeing it again would only cost the wait. */
static bool seen_by_init(const struct fact *f, const struct plan_options *o,
	const struct journal *j, struct fact_result *r)
{
	if (!f->slow || !o->trust_init) return false;
	if (f->may_be_settled && probe_registry_settled(o)) return false;
	for (size_t i = 0; i < j->n; i++)
		if (&facts[j->v[i].row->fact] == f && !mechanisms[j->v[i].row->by].lasts) {
			r->state = RESULT_OBSTACLE;
			r->kind = j->v[i].row->when;
			snprintf(r->why, sizeof r->why, "as 'k3sbox init' found");
			return true;
		}
	return false;
}

static bool is_skipped(const struct fact *f, const struct plan_options *o)
{
	return f->node_only && o->mode == MODE_CONTROL_PLANE;
}

static const char not_a_node[] = "not tested: of concern to a node alone";

struct plan_early {
	struct plan_child children[FACT_COUNT];
};

/* Leaves out what init saw, and what runs already. */
static void start_slow(const struct plan_options *o, struct plan_child children[FACT_COUNT],
	struct fact_result results[FACT_COUNT])
{
	_cleanup_journal_ struct journal journal = {0};

	/* A journal that cannot be read spares no probe. */
	journal_load(&journal);
	for (size_t i = 0; i < FACT_COUNT; i++)
		if (facts[i].slow && results[i].state != RESULT_SKIPPED && !children[i].pid &&
			!seen_by_init(&facts[i], o, &journal, &results[i]))
			start(&facts[i], o, &children[i]);
}

void plan_probe_early(struct plan_options *o)
{
	struct fact_result results[FACT_COUNT] = {0};

	for (size_t i = 0; i < FACT_COUNT; i++)
		if (is_skipped(&facts[i], o)) probe_skip(&results[i], not_a_node);
	o->early = xcalloc(1, sizeof *o->early);
	start_slow(o, o->early->children, results);
}

bool plan_probe_early_has(const struct plan_options *o, int fd)
{
	for (size_t i = 0; o->early && i < FACT_COUNT; i++)
		if (o->early->children[i].pid > 0 && o->early->children[i].fd == fd) return true;
	return false;
}

/* A pid of the outside may be netd's in a world, above all where the outside is process 1, too. */
static void take_early(const struct plan_options *o, struct plan_early *out)
{
	if (!o->early) return;
	*out = *o->early;
	*o->early = (struct plan_early){0};
	for (size_t i = 0; o->isolated && i < FACT_COUNT; i++)
		if (out->children[i].pid) out->children[i].pid = -1;
}

void plan_probe(const struct plan_options *o, struct fact_result results[FACT_COUNT])
{
	struct plan_early children = {0};
	bool root = !geteuid();

	take_early(o, &children);
	/* Without root most of the facts would only report that, each in its own way. */
	memset(results, 0, FACT_COUNT * sizeof *results);
	for (size_t i = 0; i < FACT_COUNT; i++)
		if (is_skipped(&facts[i], o)) probe_skip(&results[i], not_a_node);
		else if (!root && i != FACT_ROOT)
			probe_skip(&results[i], "not tested: root is needed");
	start_slow(o, children.children, results);
	for (size_t i = 0; i < FACT_COUNT; i++)
		if (results[i].state != RESULT_SKIPPED && !facts[i].slow)
			facts[i].probe(o, &results[i]);
	for (size_t i = 0; i < FACT_COUNT; i++)
		if (results[i].state == RESULT_OK && facts[i].slow)
			finish(&facts[i], o, &children.children[i], &results[i]);
}

/* ---- the plan ---- */

static bool is_allowed(const struct plan_options *o, enum mechanism by)
{
	return !(by == BY_MOUNT && o->no_mount) && !(by == BY_SHIM && o->no_shim) &&
		!(by == BY_INTERCEPT && o->no_intercept);
}

static bool fits(const struct plan_options *o, const struct fact_result *results,
	const struct step_row *row)
{
	if (!is_allowed(o, row->by) || results[mechanisms[row->by].needs].state != RESULT_OK)
		return false;
	return row->when == KIND_NONE || row->when == results[row->fact].kind;
}

static void add_step(struct plan *p, size_t fact, const struct step_row *row)
{
	p->steps = xrealloc(p->steps, (p->n + 1) * sizeof *p->steps);
	p->steps[p->n++] = (struct plan_step){ .fact = &facts[fact], .seen = &p->results[fact],
		.row = row };
}

/* The first row that fits, and the ones that go with it. */
static void add_steps(struct plan *p, const struct plan_options *o, size_t fact)
{
	bool taken = false, with_last = false;

	for (size_t i = 0; i < STEP_COUNT; i++) {
		const struct step_row *row = &step_rows[i];
		if (row->fact != fact) continue;
		bool wanted = row->also ? with_last : !taken;
		if (!row->also) with_last = false;
		if (!wanted || !fits(o, p->results, row)) continue;
		taken = with_last = true;
		if (row->node_only && o->mode == MODE_CONTROL_PLANE) continue;
		add_step(p, fact, row);
	}
	if (!taken) add_step(p, fact, NULL);
}

void plan_make(const struct plan_options *o, const struct fact_result results[FACT_COUNT],
	struct plan *p)
{
	*p = (struct plan){ .results = xcalloc(FACT_COUNT, sizeof *results) };
	memcpy(p->results, results, FACT_COUNT * sizeof *results);
	for (size_t i = 0; i < FACT_COUNT; i++)
		if (p->results[i].state == RESULT_OBSTACLE) add_steps(p, o, i);
}

void plan_free(struct plan *p)
{
	free(p->results);
	free(p->steps);
	*p = (struct plan){0};
}

const struct plan_step *plan_blocked(const struct plan *p, enum severity s)
{
	for (size_t i = 0; i < p->n; i++)
		if (!p->steps[i].row && p->steps[i].fact->severity == s) return &p->steps[i];
	return NULL;
}

const char *plan_help(const struct fact *f, const struct fact_result *seen)
{
	return seen->help ? seen->help : f->help;
}

/* Several steps may have the same limit. */
static void add_limit(struct buf *out, enum limit limit)
{
	const char *text = limit_texts[limit];

	if (!text || (out->len && strstr(out->data, text))) return;
	buf_printf(out, "%s%s", out->len ? "; " : "", text);
}

void plan_limits(const struct plan *p, struct buf *out)
{
	for (size_t i = 0; i < p->n; i++)
		add_limit(out, p->steps[i].row ? p->steps[i].row->limit : p->steps[i].fact->limit);
}

void plan_limits_of(const struct strv *keys, struct buf *out)
{
	for (size_t i = 0; i < keys->n; i++) {
		const struct step_row *row = step_find(keys->v[i]);
		if (row) add_limit(out, row->limit);
	}
}

const struct fact *plan_prepare(struct plan_options *o, struct plan *p)
{
	struct fact_result results[FACT_COUNT];
	const struct fact *why = NULL;

	plan_probe(o, results);
	plan_make(o, results, p);
	if (o->mode != MODE_AUTO) return NULL;
	const struct plan_step *s = plan_blocked(p, NODE_FATAL);
	o->mode = s ? MODE_CONTROL_PLANE : MODE_NODE;
	if (!s) return NULL;
	why = s->fact;
	plan_free(p);
	for (size_t i = 0; i < FACT_COUNT; i++)
		if (&facts[i] == why) results[i].state = RESULT_SKIPPED;   /* and says why */
		else if (is_skipped(&facts[i], o)) probe_skip(&results[i], not_a_node);
	plan_make(o, results, p);
	return why;
}

/* ---- applying ---- */

/* The directory itself is locked, so that no file stays. */
int plan_lock(void)
{
	int r = io_mkdirs(K3SBOX_RUN, 0700);
	int fd = r < 0 ? r : open(K3SBOX_RUN, O_RDONLY | O_DIRECTORY | O_CLOEXEC);

	if (fd < 0) return r < 0 ? r : -errno;
	while (flock(fd, LOCK_EX) < 0)
		if (errno != EINTR) break;   /* some file systems have none */
	return fd;
}

/* Its fact is fine now, and it left nothing on this machine to undo. */
static bool is_obsolete(const void *plan, const struct step_row *row)
{
	const struct plan *p = plan;
	return p->results[row->fact].state == RESULT_OK && !mechanisms[row->by].lasts;
}

static bool is_same(const void *failed, const struct step_row *row)
{
	return row == failed;
}

static int write_shim_rules(const struct plan *p)
{
	_cleanup_buf_ struct buf b = {0};

	for (size_t i = 0; i < p->n; i++) {
		const struct step_row *row = p->steps[i].row;
		if (!row || row->by != BY_SHIM) continue;
		buf_printf(&b, "%s%s%s\n", shim_rule_name(row->rule), row->arg ? " " : "",
			row->arg ? row->arg : "");
	}
	return b.failed ? -ENOMEM : io_replace(PLAN_SHIM_RULES, 0600, b.data ? b.data : "", b.len);
}

static bool has_step(const struct plan *p, const struct plan_step *s)
{
	for (size_t i = 0; i < p->n; i++)
		if (p->steps[i].row == s->row) return true;
	return false;
}

/* Where plan_apply() reports, and what it has reported already. */
struct plan_progress {
	const struct plan *before;
	plan_report *report;
	void *arg;
};

static void tell(const struct plan_progress *to, const struct plan_step *s, int r,
	const struct err *why)
{
	if (to->report && !has_step(to->before, s)) to->report(to->arg, s, r, why);
}

static int take(const struct plan_options *o, const struct plan_step *s,
	const struct plan_progress *to, struct err *e)
{
	struct err why = {0};
	/* What run sees of the network may be over the next time: only what init sees is kept. */
	/* Mounts of a world go with it: nothing outside can be undone by what was seen inside. */
	const char *seen = o->isolated && s->row->by == BY_MOUNT ? "" : s->seen->value;
	int r = o->trust_init && s->fact->slow ? 0 : journal_add(s->row, seen);

	if (r < 0) return err_errno(e, r, "%s", JOURNAL_FILE);
	if (s->row->apply) r = s->row->apply(o, s, &why);
	if (r < 0 && !*why.text) err_set(&why, r, "%s", strerror(-r));
	if (r < 0 && !s->row->optional)
		return err_set(e, r, "%s (%s): cannot %s: %s", s->fact->name, s->fact->title,
			s->row->what, why.text);
	tell(to, s, r, &why);
	if (r < 0) r = journal_drop(is_same, s->row);
	return r < 0 ? err_errno(e, r, "%s", JOURNAL_FILE) : 0;
}

/* One round. */
static int apply(const struct plan_options *o, const struct plan *p, const struct plan_progress *to,
	struct err *e)
{
	int r = io_mkdirs(K3SBOX_RUN, 0700);

	if (r < 0) return err_errno(e, r, "%s", K3SBOX_RUN);
	if (!o->trust_init && (r = journal_drop(is_obsolete, p)) < 0)
		return err_errno(e, r, "%s", JOURNAL_FILE);
	for (size_t i = 0; i < p->n && !r; i++)
		if (p->steps[i].row) r = take(o, &p->steps[i], to, e);
	if (r < 0) return r;
	r = write_shim_rules(p);
	return r < 0 ? err_errno(e, r, "%s", PLAN_SHIM_RULES) : 0;
}

/* By a step that was not applied before. */
static bool changes_something(const struct plan *p, const struct plan *before)
{
	for (size_t i = 0; i < p->n; i++)
		if (p->steps[i].row && p->steps[i].row->apply && !has_step(before, &p->steps[i]))
			return true;
	return false;
}

/* What was applied lets some probes see what they could not (the files of a cgroup, once it is
 * mounted). Those that wait for the network have nothing new to say. */
static void probe_again(const struct plan_options *o, const struct plan *before, struct plan *p)
{
	struct fact_result results[FACT_COUNT];

	memcpy(results, before->results, sizeof results);
	for (size_t i = 0; i < FACT_COUNT; i++) {
		if (facts[i].slow || is_skipped(&facts[i], o)) continue;
		results[i] = (struct fact_result){0};
		facts[i].probe(o, &results[i]);
	}
	plan_make(o, results, p);
}

int plan_apply(const struct plan_options *o, struct plan *p, plan_report *report, void *arg,
	struct err *e)
{
	enum { ROUNDS = 3 };
	struct plan before = {0};
	const struct plan_progress to = { &before, report, arg };
	int r = apply(o, p, &to, e);

	for (int round = 1; !r && round < ROUNDS && changes_something(p, &before); round++) {
		plan_free(&before);
		before = *p;
		probe_again(o, &before, p);
		r = apply(o, p, &to, e);
	}
	plan_free(&before);
	return r;
}

int plan_undo(const struct plan_options *o, plan_report *report, void *arg)
{
	static const char *const files[] = { PLAN_SHIM_RULES, JOURNAL_FILE };
	_cleanup_journal_ struct journal j = {0};
	int result = 0;

	journal_load(&j);   /* a step that needs its value does without where it cannot be read */
	for (size_t i = STEP_COUNT; i--;) {
		const struct step_row *row = &step_rows[i];
		const struct plan_step s = { .fact = &facts[row->fact], .row = row };
		const struct journal_entry *entry = journal_find(&j, row);
		struct err why = {0};
		if (!row->undo) continue;
		int r = row->undo(o, entry ? entry->seen : NULL, &why);
		if (r >= 0) continue;
		if (!*why.text) err_set(&why, r, "%s", strerror(-r));
		if (report) report(arg, &s, r, &why);
		if (!result) result = r;
	}
	for (size_t i = 0; i < sizeof files / sizeof *files && !result; i++)
		result = io_unlink(files[i]);
	return result;
}
