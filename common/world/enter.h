/* Runs commands from outside in a world. To join its namespaces by setns(2) takes capabilities that
 * an unprivileged container lacks (and gVisor cannot join a user namespace), so a process inside
 * starts them: the caller passes its descriptors by a socket in K3SBOX_RUN, which both sides see
 * and which only root may use. */
#ifndef K3SBOX_ENTER_H
#define K3SBOX_ENTER_H

#include <stdbool.h>
#include <sys/types.h>

#include "base/err.h"

#define ENTER_SOCKET "/run/k3sbox/enter"

/* Inside: makes the socket and serves it in a child, each command in a process of its own, until
 * this process ends. The child's pid or -errno. */
pid_t enter_start_server(void);

/* Outside: runs argv (searched in PATH) inside, with this process's standard descriptors,
 * environment and current directory ("/" if that does not exist inside), and waits for its end.
 * SIGINT, SIGTERM, SIGHUP and SIGQUIT go to the command and its process group. on_terminal: if
 * standard input and output are a terminal, the command gets one of its own, on which it can have
 * job control; this process's is in raw mode until the command ends. 0, with its exit
 * status (0..255) in *status. -ENOTCONN: there is no world. Other -errno, with the detail in e:
 * *status is then what a shell would end with, 126 or 127 for a command that cannot be executed, 1
 * for everything else. */
int enter_run(char *const argv[], bool on_terminal, int *status, struct err *e);

#endif
