/* Gives Services of type LoadBalancer the address at which their ports are listened on, by running
 * `k3sbox services --publish`. */
#ifndef K3SBOX_NETD_PUBLISH_H
#define K3SBOX_NETD_PUBLISH_H

#include <stdint.h>
#include <sys/types.h>

#include "netd/services.h"

enum {
	PUBLISH_LOOK_MS = 50,      /* between two looks whether it has ended */
	PUBLISH_AGAIN_MS = 3000,   /* from one run to the next, if that is still needed */
};

struct publisher {
	struct services *services;
	const char *address;       /* NULL: there is none to give */
	const char *kubeconfig;    /* of an administrator */
	uint64_t version;          /* of the store that was looked at last */
	bool needed;               /* by what it has */
	pid_t pid;                 /* of the run under way; 0: none */
	int64_t at;                /* not before */
};

/* After each batch. Milliseconds until it must be called again; -1: no need. */
int publisher_settle(struct publisher *p, int64_t now);

#endif
