/* Commands from outside run in a world. Joining its namespaces with setns(2) needs capabilities that an unprivileged container does not have
 * (and gVisor cannot join a user namespace), so a process inside runs them: the caller passes its descriptors by a socket in K3SBOX_RUN,
 * which both sides see and only root may use. */
#ifndef K3SBOX_ENTER_H
#define K3SBOX_ENTER_H

#include <sys/types.h>

#include "base/err.h"

#define ENTER_SOCKET "/run/k3sbox/enter"

/* Inside: makes the socket and serves it in a child, each command in one of its own, until this process ends. The child's pid or -errno. */
pid_t enter_start_server(void);

/* Outside: runs argv (searched in PATH) inside, with this process's standard descriptors, environment and current directory, and waits for its
 * end; signals that would end this process go to the command. Its exit status (0..255); -ENOENT or -ECONNREFUSED: there is no world;
 * or -errno, with the detail in e. */
int enter_run(char *const argv[], struct err *e);

#endif
