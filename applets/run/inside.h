/* `run` in a world: this process stays outside as supervisor and socket broker, and process 1
 * inside does what `run` does otherwise. */
#ifndef K3SBOX_RUN_INSIDE_H
#define K3SBOX_RUN_INSIDE_H

#include "run/run.h"

/* What process 1 does once the world is ready for k3s; its exit status. */
typedef int inside_main(struct run *cfg, void *arg);

/* Makes the world, runs main in it, serves sockets and passes signals on until it has ended. The
 * exit status. */
int inside_run(struct run *cfg, bool user, inside_main *main, void *arg);

/* Inside: start netd or the server of `enter`, or start it again. The pid, or -errno. */
pid_t inside_start_netd(struct run *cfg);
pid_t inside_start_enter(struct run *cfg);

#endif
