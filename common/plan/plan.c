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
#include "plan/fix/cni_setup.h"

const char *const mechanism_names[MECHANISM_COUNT] = {
	[BY_NOTHING] = "nothing", [BY_FLAG] = "flag", [BY_FILE] = "file", [BY_MOUNT] = "mount", [BY_SHIM] = "OCI shim",
	[BY_INTERCEPT] = "interceptor",
};

const char *const mode_names[] = { [MODE_AUTO] = "auto", [MODE_CONTROL_PLANE] = "control-plane", [MODE_NODE] = "node", NULL };

void options_complete(struct options *o)
{
	char found[PATH_MAX];
	const char *env;

	if (!o->data_dir && (env = getenv("K3S_DATA_DIR")) && *env) o->data_dir = env;
	if (!o->data_dir) o->data_dir = "/var/lib/rancher/k3s";
	if (!o->k3s && (env = getenv("K3SBOX_K3S")) && *env) o->k3s = env;
	if (!o->k3s && !io_find_program("k3s", getenv("PATH"), found, sizeof found)) o->k3s = xstrdup(found);
}

/* ---- probing ---- */

void plan_journal(struct buf *out)
{
	io_read(K3SBOX_JOURNAL, out, 1 << 20);
}

/* A slow probe under way in a child, which sends its result through the pipe. */
struct running {
	pid_t pid;
	int fd;
};

static void start(const struct fact *f, const struct options *o, struct running *run)
{
	int p[2];

	*run = (struct running){ .pid = -1, .fd = -1 };
	if (pipe2(p, O_CLOEXEC) < 0) return;
	run->pid = fork();
	if (!run->pid) {
		struct fact_result r = {0};
		f->probe(o, &r);
		_exit(io_write_fd(p[1], &r, sizeof r) < 0);
	}
	close(p[1]);
	if (run->pid > 0) run->fd = p[0];
	else close(p[0]);
}

/* The child is our own image, so even the pointer in the result is good here. */
static void finish(const struct fact *f, const struct options *o, struct running *run, struct fact_result *r)
{
	_cleanup_buf_ struct buf b = {0};

	if (run->fd < 0) {
		f->probe(o, r);
		return;
	}
	io_read_fd(run->fd, &b, sizeof *r);
	close(run->fd);
	while (waitpid(run->pid, NULL, 0) < 0 && errno == EINTR) ;
	if (b.len == sizeof *r) memcpy(r, b.data, sizeof *r);
	else snprintf(r->why, sizeof r->why, "the probe died");
}

bool plan_lasts(const char *by)
{
	for (int m = BY_FILE; m <= BY_MOUNT; m++) {
		size_t n = strlen(mechanism_names[m]);
		if (!strncmp(by, mechanism_names[m], n) && by[n] == '\t') return true;
	}
	return false;
}

/* An obstacle that init saw is in the journal; seeing it again would only cost the wait. */
static bool seen_by_init(const struct fact *f, const struct options *o, const char *journal, struct fact_result *r)
{
	char start[64];

	if (!f->slow || !o->trust_init || !journal || (f->settled && f->settled(o))) return false;
	int n = snprintf(start, sizeof start, "%s\t", f->name);
	for (const char *line = journal; line && *line; line = strchr(line, '\n'), line += line != NULL)
		if (!strncmp(line, start, (size_t)n) && !plan_lasts(line + n)) {
			r->state = FACT_OBSTACLE;
			snprintf(r->why, sizeof r->why, "as 'k3sbox init' found");
			return true;
		}
	return false;
}

static bool skipped(const struct fact *f, const struct options *o)
{
	return f->node_only && o->mode == MODE_CONTROL_PLANE;
}

void plan_probe(const struct options *o, struct fact_result *results)
{
	struct running *runs = xcalloc(fact_count, sizeof *runs);
	_cleanup_buf_ struct buf journal = {0};

	plan_journal(&journal);
	memset(results, 0, fact_count * sizeof *results);
	/* Without root most of what follows would only say so again, each in its own way. */
	bool root = !geteuid();
	for (size_t i = 0; i < fact_count; i++) {
		if (skipped(&facts[i], o) || (!root && strcmp(facts[i].name, "root"))) results[i].state = FACT_SKIPPED;
		else if (facts[i].slow && !seen_by_init(&facts[i], o, journal.data, &results[i])) start(&facts[i], o, &runs[i]);
	}
	for (size_t i = 0; i < fact_count; i++)
		if (results[i].state != FACT_SKIPPED && !facts[i].slow) facts[i].probe(o, &results[i]);
	for (size_t i = 0; i < fact_count; i++)
		if (results[i].state == FACT_OK && facts[i].slow) finish(&facts[i], o, &runs[i], &results[i]);
	free(runs);
}

/* ---- the plan ---- */

static bool allowed(const struct options *o, enum mechanism by)
{
	return !(by == BY_MOUNT && o->no_mount) && !(by == BY_SHIM && o->no_shim) && !(by == BY_INTERCEPT && o->no_intercept);
}

static bool fine(const struct fact_result *results, const char *name)
{
	for (size_t i = 0; i < fact_count; i++)
		if (!strcmp(facts[i].name, name)) return results[i].state == FACT_OK;
	return false;
}

static bool fits(const struct options *o, const struct fact_result *results, const struct fact_result *r, const struct step_row *row)
{
	if (!allowed(o, row->by)) return false;
	if (row->when && (!r->kind || strcmp(row->when, r->kind))) return false;
	return !row->needs || fine(results, row->needs);
}

static void add_step(struct plan *p, size_t fact, const struct step_row *row)
{
	p->steps = xrealloc(p->steps, (p->n + 1) * sizeof *p->steps);
	p->steps[p->n++] = (struct step){ .fact = &facts[fact], .seen = &p->results[fact], .row = row };
}

/* The first row that fits, and the ones that go with it. */
static void answer(struct plan *p, const struct options *o, size_t fact)
{
	const struct fact_result *r = &p->results[fact];
	bool taken = false, with_last = false;

	for (size_t i = 0; i < step_row_count; i++) {
		const struct step_row *row = &step_rows[i];
		if (strcmp(row->fact, facts[fact].name)) continue;
		bool wanted = row->also ? with_last : !taken;
		if (!row->also) with_last = false;
		if (!wanted || !fits(o, p->results, r, row)) continue;
		taken = with_last = true;
		if (row->node_only && o->mode == MODE_CONTROL_PLANE) continue;
		add_step(p, fact, row);
	}
	if (!taken) add_step(p, fact, NULL);
}

void plan_make(const struct options *o, const struct fact_result *results, struct plan *p)
{
	*p = (struct plan){ .results = xcalloc(fact_count, sizeof *results) };
	memcpy(p->results, results, fact_count * sizeof *results);
	for (size_t i = 0; i < fact_count; i++)
		if (p->results[i].state == FACT_OBSTACLE) answer(p, o, i);
}

void plan_free(struct plan *p)
{
	free(p->results);
	free(p->steps);
	*p = (struct plan){0};
}

const struct step *plan_blocked(const struct plan *p, enum severity s)
{
	for (size_t i = 0; i < p->n; i++)
		if (!p->steps[i].row && p->steps[i].fact->severity == s) return &p->steps[i];
	return NULL;
}

const struct fact *plan_prepare(struct options *o, struct plan *p)
{
	struct fact_result *results = xcalloc(fact_count, sizeof *results);
	const struct fact *why = NULL;

	plan_probe(o, results);
	plan_make(o, results, p);
	const struct step *s = o->mode == MODE_AUTO ? plan_blocked(p, NODE_FATAL) : NULL;
	if (s) {
		why = s->fact;
		plan_free(p);
		o->mode = MODE_CONTROL_PLANE;
		for (size_t i = 0; i < fact_count; i++)
			if (skipped(&facts[i], o)) results[i].state = FACT_SKIPPED;
		plan_make(o, results, p);
	} else if (o->mode == MODE_AUTO) {
		o->mode = MODE_NODE;
	}
	free(results);
	return why;
}

/* ---- applying ---- */

/* The folder itself is locked, so that no file stays. */
int plan_lock(void)
{
	int r = io_mkdirs(K3SBOX_RUN, 0700);
	int fd = r < 0 ? r : open(K3SBOX_RUN, O_RDONLY | O_DIRECTORY | O_CLOEXEC);

	if (fd < 0) return r < 0 ? r : -errno;
	while (flock(fd, LOCK_EX) < 0)
		if (errno != EINTR) break;   /* some file systems have none */
	return fd;
}

/* Adds the step's line unless it is there. */
static int record(const struct step *s)
{
	_cleanup_buf_ struct buf b = {0}, line = {0};

	buf_printf(&line, "%s\t%s\t%s\t", s->fact->name, mechanism_names[s->row->by], s->row->what);
	plan_journal(&b);
	if (b.data && strstr(b.data, line.data)) return 0;
	buf_printf(&b, "%s%s\n", line.data, s->seen->value);
	return b.failed ? -ENOMEM : io_replace(K3SBOX_JOURNAL, 0600, b.data, b.len);
}

/* "fact TAB mechanism TAB …" of a fact that is fine now, and of a mechanism that only `run` has use for. */
static bool is_obsolete(const struct plan *p, const char *line)
{
	size_t fact = strcspn(line, "\t");
	bool fine_now = false;

	for (size_t i = 0; i < fact_count; i++)
		fine_now |= strlen(facts[i].name) == fact && !memcmp(facts[i].name, line, fact) && p->results[i].state == FACT_OK;
	return fine_now && line[fact] && !plan_lasts(line + fact + 1);
}

/* Drops the lines about obstacles that are gone and left nothing on this machine (no file, no mount) to take back. */
static int forget(const struct plan *p)
{
	_cleanup_buf_ struct buf b = {0}, kept = {0};

	plan_journal(&b);
	for (char *line = b.data, *next; line && *line; line = next) {
		next = line + strcspn(line, "\n");
		next += *next == '\n';
		if (!is_obsolete(p, line)) buf_add(&kept, line, (size_t)(next - line));
	}
	if (kept.len == b.len) return 0;
	return kept.failed ? -ENOMEM : io_replace(K3SBOX_JOURNAL, 0600, kept.data ? kept.data : "", kept.len);
}

static int write_shim_rules(const struct plan *p)
{
	_cleanup_buf_ struct buf b = {0};

	for (size_t i = 0; i < p->n; i++) {
		const struct step_row *row = p->steps[i].row;
		if (row && row->by == BY_SHIM) buf_printf(&b, "%s\n", row->rule);
	}
	return b.failed ? -ENOMEM : io_replace(K3SBOX_SHIM_RULES, 0600, b.data ? b.data : "", b.len);
}

static void complain(const struct step *s, int r)
{
	if (r == -EEXIST && s->row->apply && *cni_setup_obstacle()) {
		warn("%s: %s is in the way: move it away, or keep your own network with '-- --flannel-backend=none'",
			s->row->what, cni_setup_obstacle());
		return;
	}
	warn_errno(r, "%s (%s): %s", s->fact->name, s->fact->title, s->row->what);
}

static bool has_step(const struct plan *p, const struct step *s)
{
	for (size_t i = 0; i < p->n; i++)
		if (p->steps[i].fact == s->fact && p->steps[i].row == s->row) return true;
	return false;
}

/* One round. Verbose: but for what the round before has told already. */
static int apply(const struct options *o, const struct plan *p, const struct plan *before, bool verbose)
{
	int r = io_mkdirs(K3SBOX_RUN, 0700);

	if (r < 0) {
		warn_errno(r, "%s", K3SBOX_RUN);
		return r;
	}
	if (!o->trust_init && (r = forget(p)) < 0) {
		warn_errno(r, "%s", K3SBOX_JOURNAL);
		return r;
	}
	for (size_t i = 0; i < p->n; i++) {
		const struct step *s = &p->steps[i];
		if (!s->row) continue;
		/* What run sees of the network may be over the next time: only init's word is taken for longer. */
		r = o->trust_init && s->fact->slow ? 0 : record(s);
		if (!r && s->row->apply) r = s->row->apply(o, s->seen);
		if (r < 0) {
			complain(s, r);
			return r;
		}
		if (verbose && !has_step(before, s)) printf("%-16s %-11s %s\n", s->fact->name, mechanism_names[s->row->by], s->row->what);
	}
	r = write_shim_rules(p);
	if (r < 0) {
		warn_errno(r, "%s", K3SBOX_SHIM_RULES);
	}
	return r;
}

static bool changes_something(const struct plan *p)
{
	for (size_t i = 0; i < p->n; i++)
		if (p->steps[i].row && p->steps[i].row->apply) return true;
	return false;
}

/* What was applied lets some probes see what they could not (the files of a cgroup, once it is mounted). Those that wait for the network
 * have nothing new to say. */
static void look_again(const struct options *o, const struct plan *before, struct plan *p)
{
	struct fact_result *results = xcalloc(fact_count, sizeof *results);

	memcpy(results, before->results, fact_count * sizeof *results);
	for (size_t i = 0; i < fact_count; i++) {
		if (facts[i].slow || skipped(&facts[i], o)) continue;
		results[i] = (struct fact_result){0};
		facts[i].probe(o, &results[i]);
	}
	plan_make(o, results, p);
	free(results);
}

int plan_apply(const struct options *o, struct plan *p, bool verbose)
{
	enum { ROUNDS = 3 };
	struct plan before = {0};
	int r = apply(o, p, &before, verbose);

	for (int round = 1; !r && round < ROUNDS && changes_something(p); round++) {
		plan_free(&before);
		before = *p;
		look_again(o, &before, p);
		r = apply(o, p, &before, verbose);
	}
	plan_free(&before);
	return r;
}

int plan_undo(const struct options *o, bool verbose)
{
	int result = 0;

	for (size_t i = step_row_count; i--;) {
		const struct step_row *row = &step_rows[i];
		if (!row->undo) continue;
		int r = row->undo(o);
		if (r < 0) {
			warn_errno(r, "cannot take back %s", row->what);
			if (!result) result = r;
		}
	}
	static const char *const files[] = { K3SBOX_SHIM_RULES, K3SBOX_JOURNAL };
	for (size_t i = 0; i < sizeof files / sizeof *files && !result; i++) result = io_unlink(files[i]);
	if (!result && verbose) puts("everything that init made is gone");
	return result;
}
