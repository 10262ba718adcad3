/* Control groups of version 2 in a container: a group with processes of its own cannot pass its
 * controllers on (Linux, admin-guide/cgroup-v2: no internal processes), so the root group's move to
 * a leaf, as in docker:dind and kind. */
#ifndef K3SBOX_FIX_CGROUP2_H
#define K3SBOX_FIX_CGROUP2_H

#include "plan/cgroup.h"
#include "plan/rows.h"

/* What is to be known of the root group, CGROUP_ROOT. */
struct cgroup2_root {
	char controllers[256];     /* that it has, separated by blanks */
	char enabled[256];         /* that it passes on */
	bool is_ours;              /* the root of a cgroup namespace, and not the kernel's */
	bool has_systemd;          /* process 1 manages the groups */
};
/* 0 or -errno. */
int cgroup2_look(struct cgroup2_root *out);

/* Pure: the first of the controllers that Kubernetes needs which is not in a list like these; NULL:
 * all are. */
const char *cgroup2_absent(const char *controllers);

/* Pure: the next of the controllers that Kubernetes needs and `root` has, but does not pass on; i:
 * where to go on, 0 at first. NULL: no more. */
const char *cgroup2_missing(const struct cgroup2_root *root, size_t *i);

/* Passes the controller on to the groups below, or not any more. 0 or -errno. */
int cgroup2_enable(const char *controller, bool on);

/* The next number in the text of a cgroup.procs; 0 for a process that has none in this PID
 * namespace, -1 at the end. Pure. */
long cgroup2_next_pid(const char **procs);

/* Moves all processes of the root group to a leaf of its own, and passes the controllers on. What
 * cannot be moved, as kernel threads, stays; a controller that cannot be passed on is an error only
 * if none can. */
step_apply cgroup2_free_root;
/* The controllers that it passed on, and the processes. */
step_undo cgroup2_fill_root;

#endif
