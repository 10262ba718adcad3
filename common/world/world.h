/* A world: user, mount, PID, network, UTS and IPC namespaces of its own, in which a whole node can
 * run without any privilege outside. The user namespace maps every ID to itself, so that k3s and
 * runc do not take it for one (runc libcontainer/userns: a map of "0 0 4294967295" is no user
 * namespace). */
#ifndef K3SBOX_WORLD_H
#define K3SBOX_WORLD_H

#include <stdbool.h>
#include <stddef.h>
#include <sys/types.h>

#include "base/err.h"

struct world {
	pid_t init;                /* process 1 inside, as it is numbered out here */
	/* SOCK_SEQPACKET to it (broker.h). Its end of file means that the other side has ended. */
	int channel;
};

/* What process 1 does; its return value is the exit status. channel is the inner end. */
typedef int world_main(void *arg, int channel);

/* Starts main(arg) as process 1 of new namespaces and waits until these are usable. Without a user
 * namespace of its own if user is false (a root with CAP_SYS_ADMIN needs none). The child is killed
 * when this process ends, and everything in the world with it. 0; or -errno, with the call that
 * failed in e. The caller closes channel and waits for init. */
int world_start(bool user, world_main *main, void *arg, struct world *out, struct err *e);

/* Inside, by process 1, before anything else: makes mounts private, mounts procfs, and gives the
 * world a /run of its own. What others keep in the old one still shows in it, except for the places
 * in which k3s and its parts keep their state. 0; or -errno, with the mount that failed in e. */
int world_settle(struct err *e);

/* Outside, after a world has ended: removes what it left in K3SBOX_RUN, unless another world uses
 * it. */
void world_clean_up(void);

/* Inside: gives a file this content for everything in the world, by a bind mount. The file outside
 * stays as it is; an empty one is made if it does not exist. 0 or -errno. */
int world_replace_file(const char *path, const char *text, size_t len, struct err *e);

/* Runs fn inside a temporary world, after world_settle(); fn gets a struct err * and returns 0 or
 * -errno with the detail in it. Returns what fn returned, or the -errno of making the world. For
 * probes. */
int world_try(bool user, int (*fn)(void *err), int timeout_ms, struct err *e);

#endif
