/* The first process of a pod: holds its namespaces and reaps reparented children, as Kubernetes'
 * pause does. */
#include <errno.h>
#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

#include "app/applet.h"
#include "base/die.h"

static int run(void *cfg, const struct args *args)
{
	sigset_t set;
	int sig;

	(void)cfg;
	(void)args;
	sigemptyset(&set);
	sigaddset(&set, SIGINT);
	sigaddset(&set, SIGTERM);
	sigaddset(&set, SIGCHLD);
	/* Blocked and waited for: a signal between two waits is not lost, and no handler runs. */
	sigprocmask(SIG_BLOCK, &set, NULL);
	for (;;) {
		while (waitpid(-1, NULL, WNOHANG) > 0) ;
		if (sigwait(&set, &sig) || sig == SIGCHLD) continue;
		return EX_OK;
	}
}

const struct applet applet_pause = {
	.name = "pause",
	.group = GROUP_CNI,
	.summary = "wait for SIGTERM and reap children: the pod sandbox's process",
	.run = run,
};
