/* What the probes share, and their declarations: plan/rows.h has the contract. Only plan/facts.c
 * names them. */
#ifndef K3SBOX_PROBE_H
#define K3SBOX_PROBE_H

#include "plan/rows.h"

#define FACT(id, probe, ...) fact_probe probe;
#include "plan/facts.def"

bool probe_registry_settled(const struct plan_options *o);

/* Fills in r as an obstacle of this kind with printf-like why. */
void probe_obstacle(struct fact_result *r, enum obstacle_kind kind, const char *fmt, ...)
	__attribute__((format(printf, 3, 4)));
/* The same; why is "what: strerror(err)". err is positive. */
void probe_obstacle_errno(struct fact_result *r, enum obstacle_kind kind, const char *what,
	int err);

/* Makes r the result of a fact that was not tested, with the reason. */
void probe_skip(struct fact_result *r, const char *why);

/* Is this a user namespace that has only some of the ids? */
bool probe_in_user_namespace(void);

/* Makes a directory in the data directory. 0 or -errno. *had: for probe_dir_done(). */
int probe_dir(const struct plan_options *o, char *dir, size_t size, size_t *had);
/* Removes it, and the directories that did not exist before. 0 or -errno. */
int probe_dir_done(const struct plan_options *o, const char *dir, size_t had);

/* Calls fn in a child that has a private mount namespace of its own and whose mounts are gone
 * afterwards. What fn returned (0 or an errno value), or why it could not be called. */
int probe_in_mount_namespace(int (*fn)(void *arg), void *arg);

#endif
