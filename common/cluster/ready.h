/* Is the cluster ready? Its API is asked in a child that ends soon. */
#ifndef K3SBOX_READY_H
#define K3SBOX_READY_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "base/err.h"
#include "cluster/runstate.h"

struct ready_result {
	/* pods: they can be created, and will not have to wait for the network first */
	bool api, node, pods;
	char name[64];             /* of the node */
	char taint[128];           /* of the node: kube_node.taint */
	struct err why;            /* what is not ready yet */
};

/* When k3s was started: a node's condition that is older is of an earlier run. By two clocks,
 * because the first may be set meanwhile. */
struct ready_since {
	int64_t clock;             /* seconds since the epoch */
	int64_t monotonic_ms;      /* clock_ms() */
};

/* Asks the API in a child that ends soon; its answer comes through *fd. pid or -errno. */
pid_t ready_start(const struct runstate *s, const struct ready_since *since, int *fd);
/* After the child ended: its answer. Closes fd. */
void ready_take(int fd, struct ready_result *out);
/* The same in this process. timeout_ms: of each request. */
void ready_ask(const struct runstate *s, const struct ready_since *since, int timeout_ms,
	struct ready_result *out);
/* A cheap check before that: does a kubeconfig exist? */
bool ready_worth_asking(const struct runstate *s);
/* The kubeconfig of a cluster: the one that k3s writes for its users, or the one that it writes
 * first for itself. 0 or -errno with the reason in e. */
struct kubeconfig;
int ready_kubeconfig(const struct runstate *s, struct kubeconfig *k, struct err *e);
/* The same, and whether the API is ready. */
int ready_api(const struct runstate *s, struct kubeconfig *k, int timeout_ms, struct err *e);

#endif
