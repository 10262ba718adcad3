/* Combines what tells whether a k3s runs. The lock and the state file answer where they are intact;
 * the processes are looked through where they do not. */
#include "cluster/presence.h"

#include <errno.h>
#include <stdio.h>
#include <unistd.h>

#include "base/err.h"
#include "base/io.h"
#include "cluster/leftovers.h"

static bool lock_is_held(void)
{
	int lock = runstate_lock(K3SBOX_RUN);

	if (lock >= 0) close(lock);
	return lock == -EWOULDBLOCK;
}

/* What the processes tell, where lock and state do not agree that a supervisor lives. */
static void look_at_processes(struct presence *p, bool held)
{
	_cleanup_procs_ struct procs all = {0};

	if (leftovers_read(&all) < 0) all.n = 0;   /* no /proc: only the lock is left to go by */
	p->supervisor = leftovers_supervisor(&all);
	p->left = all.n;
	if (p->supervisor.pid) p->kind = PRESENCE_DAMAGED;
	else if (held) p->kind = PRESENCE_STARTING;
	else p->kind = all.n ? PRESENCE_LEFT : PRESENCE_NONE;
}

int presence_look(struct presence *p, bool have_lock, struct err *e)
{
	*p = (struct presence){0};
	bool held = !have_lock && lock_is_held();
	int r = runstate_load(&p->s, K3SBOX_RUN, e);

	if (r < 0 && r != -ENOENT && r != -EBADMSG) return r;
	p->have_state = !r;
	/* A supervisor that ends gives up its lock a moment before it is gone. What a damaged
	 * state says of it counts only with the time of its start. */
	bool named = r ? p->s.supervisor.start != 0 : p->s.phase != RUNSTATE_STOPPED;
	if (named && process_alive(&p->s.supervisor)) {
		p->supervisor = p->s.supervisor;
		p->kind = held && !r ? PRESENCE_RUNNING : PRESENCE_DAMAGED;
	} else {
		look_at_processes(p, held);
	}
	return 0;
}

void presence_free(struct presence *p)
{
	runstate_free(&p->s);
}

bool presence_alive(const struct presence *p)
{
	return p->kind != PRESENCE_NONE && p->kind != PRESENCE_LEFT;
}

int presence_end_killed(struct presence *p, size_t *n, struct err *e)
{
	struct runstate *s = &p->s;

	*n = 0;
	if (presence_alive(p)) return 0;
	if (p->kind == PRESENCE_NONE && (!p->have_state || s->phase == RUNSTATE_STOPPED)) return 0;
	/* Its state is gone too: k3s's default is all there is to go by. */
	if (!*s->data_dir) snprintf(s->data_dir, sizeof s->data_dir, "/var/lib/rancher/k3s");
	return leftovers_end(s, n, e);
}
