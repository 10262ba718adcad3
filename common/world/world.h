/* A world: user, mount, PID, network, UTS and IPC namespaces of its own, in which a whole node can live without any privilege outside.
 * The user namespace maps every ID to itself, so that k3s and runc do not take it for one (runc libcontainer/userns: a map of
 * "0 0 4294967295" is no user namespace). */
#ifndef K3SBOX_WORLD_H
#define K3SBOX_WORLD_H

#include <stdbool.h>
#include <stddef.h>
#include <sys/types.h>

#include "base/err.h"

struct world {
	pid_t init;                /* process 1 inside, as it is numbered out here */
	int channel;               /* SOCK_SEQPACKET to it: broker.h; its end of file tells either side that the other has ended */
};

/* What process 1 does; its return value is the exit status. channel is the inner end. */
typedef int world_main(void *arg, int channel);

/* Starts main(arg) as process 1 of new namespaces and waits until these are usable. Without a user namespace of its own if user is false
 * (a root with CAP_SYS_ADMIN needs none). The child is killed when this process ends, and so is everything in the world then.
 * 0; or -errno, with the call that failed in e. The caller closes channel and waits for init. */
int world_start(bool user, world_main *main, void *arg, struct world *out, struct err *e);

/* Inside, by process 1, before anything else: makes mounts private, mounts procfs, and gives the world a /run of its own, in which
 * what others keep there still shows, but for the places where k3s and its parts keep their state. 0 or -errno with the
 * mount that failed in e. */
int world_settle(struct err *e);

/* Outside, after a world has ended: removes what it left in K3SBOX_RUN, unless another one is using it. */
void world_clean_up(void);

/* Inside: lets this text be the content of a file for everything in the world, by a bind mount. What is at path outside stays as it is; an
 * empty file is made if there is none. 0 or -errno. */
int world_replace_file(const char *path, const char *text, size_t len, struct err *e);

/* Runs fn inside a throw-away world, which is settled first; fn returns 0 or -errno with the detail in its struct err. Returns what it
 * returned, or the -errno of making the world. For probes. */
int world_try(bool user, int (*fn)(void *err), int timeout_ms, struct err *e);

#endif
