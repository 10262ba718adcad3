/* The state machine of a call: finds its rule, runs the handler, and does what the verdict says.
 * The phases and stops are described in trace/flight.h. */
#include "intercept/calls/dispatch.h"

#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/ptrace.h>
#include <sys/syscall.h>

#include "intercept/calls/call.h"

bool dispatch_stops_always(struct tracer *tr, struct tracee *t)
{
	const struct specials *s = &tr->view.specials;

	if (tr->kernel.engine == ENGINE_SYSCALL) return true;
	return s->hot_n && special_is_hot(s, tracee_tgid(t));
}

void dispatch_resume(struct tracer *tr, struct tracee *t, int sig)
{
	bool follow = t->call.phase != PHASE_OUT || dispatch_stops_always(tr, t);
	tr->wait.resumed = t->tid;
	tracee_resume(t, follow ? PTRACE_SYSCALL : PTRACE_CONT, sig);
}

/* ---- strings for the tracee ---- */

/* What the call was about to do when it had to be an mmap(2) first. */
struct held_call {
	regs_t regs;
	struct call_text texts[SCRATCH_STRINGS];
	int text_n;
	call_handler *then;
};

static enum call_verdict go_on(struct call *c)
{
	const struct held_call *h = c->t->call.held;

	for (int i = 0; i < 6; i++) call_set_arg(c, i, regs_arg(&h->regs, i));
	call_set_nr(c, regs_nr(&h->regs));
	memcpy(c->texts, h->texts, sizeof c->texts);
	c->text_n = h->text_n;
	return call_then(c, h->then);
}

static enum call_verdict pool_mapped(struct call *c)
{
	bool failed = c->result < 0 && c->result > -4096;

	if (failed || scratch_add(&c->tr->scratch, tracee_tgid(c->t), (uint64_t)c->result) < 0)
		return call_again(c, call_pass);
	return call_again(c, go_on);
}

/* Turns the call into the mmap(2) of a pool; when it comes again it goes on. */
static enum call_verdict map_pool(struct call *c)
{
	const uint64_t args[6] = {
		0, SCRATCH_BYTES, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, (uint64_t)-1,
			0,
	};
	struct held_call *h = malloc(sizeof *h);

	if (!h) return CALL_PASS;
	*h = (struct held_call){ .regs = c->regs, .text_n = c->text_n, .then = c->then };
	memcpy(h->texts, c->texts, sizeof h->texts);
	free(c->t->call.held);
	c->t->call.held = h;
	call_set_nr(c, SYS_mmap);
	for (int i = 0; i < 6; i++) call_set_arg(c, i, args[i]);
	return call_then(c, pool_mapped);
}

static bool write_texts(struct call *c)
{
	const struct flight *f = &c->t->call;

	for (int i = 0; i < c->text_n; i++) {
		uint64_t at = scratch_at(f->pool, f->slot, i);
		const char *text = c->texts[i].text;
		if (call_write(c, at, text, strlen(text) + 1) < 0) return false;
		call_set_arg(c, c->texts[i].arg, at);
	}
	return true;
}

/* Puts the strings that the handler asked for into the tracee, and lets the arguments point to
 * them. */
static enum call_verdict place_texts(struct call *c)
{
	struct flight *f = &c->t->call;

	if (!f->pool) f->pool = scratch_get(c->tr->scratch, tracee_tgid(c->t), &f->slot);
	enum call_verdict v = !f->pool ? map_pool(c) : write_texts(c) ? CALL_THEN : CALL_PASS;
	if (v == CALL_PASS) c->regs = f->saved;
	return v;
}

/* ---- a call begins ---- */

/* The same call at the same place with the same arguments: the one that call_again() was about. */
static bool same_call(const regs_t *a, const regs_t *b)
{
	if (regs_nr(a) != regs_nr(b) || regs_ip(a) != regs_ip(b) || regs_sp(a) != regs_sp(b))
		return false;
	for (int i = 0; i < 6; i++)
		if (regs_arg(a, i) != regs_arg(b, i)) return false;
	return true;
}

static bool filter_passes(const struct syscall_rule *r, const regs_t *regs)
{
	return r->pass.mask && (regs_arg(regs, r->pass.arg) & r->pass.mask) == r->pass.value;
}

/* chosen: a filter or an earlier stop has chosen it already. */
static const struct syscall_rule *pick_rule(struct tracer *tr, struct tracee *t, const regs_t *regs,
	bool always, bool chosen)
{
	unsigned features = tr->cfg.features | (always ? F_HOT : 0);
	const struct syscall_rule *rule = syscall_rule_find(regs_nr(regs), features);
	bool hot = always && tr->kernel.engine == ENGINE_SECCOMP;

	if (!rule || chosen) return rule;
	/* What the filter would let pass, passes here too, unless the process is watched. */
	if (!hot && filter_passes(rule, regs)) return NULL;
	return !tr->kernel.has_syscall_info || tracee_native_call(t) ? rule : NULL;
}

static enum call_verdict run_handler(struct call *c, call_handler *resumed)
{
	const struct syscall_rule *r = c->rule;

	if (!r) return CALL_PASS;
	c->tr->counters.by_rule[r - syscall_rules].stops++;
	if (r->error) return call_done(c, -(long)r->error);
	if (!resumed && !r->enter) return call_then(c, r->exit);
	enum call_verdict v = resumed ? resumed(c) : r->enter(c);
	return v == CALL_THEN && c->text_n ? place_texts(c) : v;
}

/* At the seccomp stop of a call (filtered) or at its entry stop. */
static void begin(struct tracer *tr, struct tracee *t, bool filtered)
{
	struct flight *f = &t->call;
	struct call c = { .tr = tr, .t = t };

	f->phase = PHASE_OUT;
	if (tracee_get_regs(t, &c.regs) < 0) return;
	bool always = dispatch_stops_always(tr, t);
	call_handler *resumed = f->again && same_call(&f->saved, &c.regs) ? f->then : NULL;
	c.rule = pick_rule(tr, t, &c.regs, always, resumed || filtered);
	if (!resumed) tracee_end_call(t);
	f->again = false;
	f->then = NULL;
	f->saved = c.regs;
	tr->counters.stops++;

	enum call_verdict v = run_handler(&c, resumed);
	if (v == CALL_THEN) {
		f->rule = c.rule;
		f->then = c.then;
	} else if (v == CALL_DONE) {
		regs_set_nr(&c.regs, -1);
		regs_set_result(&c.regs, c.result);
		f->forced = c.dirty = true;
		f->result = c.result;
	}
	if (c.dirty) tracee_set_regs(t, &c.regs);

	/* A call that is skipped at its entry stop still passes the filters of the tracee itself,
	 * which may set another result: the exit stop corrects it. */
	bool follow = v == CALL_THEN || always || (v == CALL_DONE && !filtered);
	bool entry_comes = filtered && tr->kernel.seccomp_first && v != CALL_DONE;
	if (follow) f->phase = entry_comes ? PHASE_FILTERED : PHASE_IN;
	else tracee_end_call(t);
}

/* ---- a call ends ---- */

static void give_arguments_back(regs_t *r, const regs_t *saved)
{
	for (int i = 0; i < 6; i++) regs_set_arg(r, i, regs_arg(saved, i));
	regs_set_nr(r, regs_nr(saved));
}

static void end(struct tracer *tr, struct tracee *t)
{
	struct flight *f = &t->call;
	struct call c = { .tr = tr, .t = t, .rule = f->rule };

	f->phase = PHASE_OUT;
	if (!f->rule && !f->forced && !f->swapped) return;
	if (tracee_get_regs(t, &c.regs) < 0) return;
	if (f->swapped) give_arguments_back(&c.regs, &f->saved);
	c.dirty = f->swapped || f->forced;
	c.result = f->forced ? f->result : regs_result(&c.regs);

	call_handler *then = f->then;
	f->rule = NULL;
	f->then = NULL;
	f->forced = f->swapped = false;
	enum call_verdict v = then ? then(&c) : CALL_PASS;
	if (v == CALL_AGAIN) {
		regs_repeat(&c.regs, regs_nr(&f->saved));
		f->again = true;
		f->then = c.then;
	} else {
		regs_set_result(&c.regs, c.result);
		tracee_end_call(t);
	}
	if (v != CALL_PASS || c.dirty) tracee_set_regs(t, &c.regs);
}

void dispatch_seccomp_stop(struct tracer *tr, struct tracee *t)
{
	if (t->call.phase != PHASE_IN) begin(tr, t, true);
}

void dispatch_syscall_stop(struct tracer *tr, struct tracee *t)
{
	switch (t->call.phase) {
	case PHASE_OUT: begin(tr, t, false); break;
	case PHASE_FILTERED: t->call.phase = PHASE_IN; break;
	case PHASE_IN: end(tr, t); break;
	}
}
