/* The parts beside k3s, and when each is started again. The policy is machine.c's. */
#include "run/parts.h"

#include <stddef.h>

#include "base/clock.h"
#include "run/inside.h"

static const struct helper {
	enum machine_part part;
	pid_t (*start)(struct run *cfg);
	size_t pid;                /* offset in struct run */
} helpers[] = {
	{ PART_NETD, inside_start_netd, offsetof(struct run, netd_pid) },
	{ PART_ENTER, inside_start_enter, offsetof(struct run, enter_pid) },
};

enum { HELPERS = sizeof helpers / sizeof *helpers };

static pid_t *pid_of(struct run *cfg, const struct helper *h)
{
	return (pid_t *)((char *)cfg + h->pid);
}

bool parts_start_later(struct parts *p, enum machine_part part, bool ready)
{
	struct part *a = &p->v[part];
	int64_t now = clock_ms();
	int ms = machine_restart_ms(part, &a->ends, now - a->started, ready);

	a->due_at = ms < 0 ? 0 : now + ms;
	return ms >= 0;
}

void parts_ended(struct parts *p, struct run *cfg, pid_t pid, bool again)
{
	for (size_t i = 0; i < HELPERS; i++) {
		if (*pid_of(cfg, &helpers[i]) != pid) continue;
		*pid_of(cfg, &helpers[i]) = 0;
		if (again) parts_start_later(p, helpers[i].part, true);
	}
}

void parts_start_due(struct parts *p, struct run *cfg)
{
	for (size_t i = 0; i < HELPERS; i++) {
		struct part *a = &p->v[helpers[i].part];
		if (!a->due_at || clock_ms() < a->due_at) continue;
		pid_t pid = helpers[i].start(cfg);
		*pid_of(cfg, &helpers[i]) = pid > 0 ? pid : 0;
		a->started = clock_ms();
		a->due_at = 0;
		if (pid < 0) parts_start_later(p, helpers[i].part, true);
	}
}

int64_t parts_next(const struct parts *p)
{
	int64_t next = 0;

	for (size_t i = 0; i < PART_COUNT; i++)
		if (p->v[i].due_at && (!next || p->v[i].due_at < next)) next = p->v[i].due_at;
	return next;
}

void parts_forget(struct parts *p)
{
	for (size_t i = 0; i < PART_COUNT; i++) p->v[i].due_at = 0;
}
