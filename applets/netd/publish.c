/* Runs the program that changes the status of Services: the request must not stop the loop. */
#include "netd/publish.h"

#include <limits.h>
#include <signal.h>
#include <stdio.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/die.h"
#include "base/io.h"
#include "base/spawn.h"

static bool is_needed(struct services *s)
{
	const struct service_front *f;

	for (size_t i = 0; (f = services_front(s, i)); i++) {
		const struct service_object *o = service_object(f->service);
		if (o->type == SERVICE_LOAD_BALANCER && !o->ingress_n && !o->classed) return true;
	}
	return false;
}

static pid_t start(const struct publisher *p)
{
	char self[PATH_MAX], address[128], file[PATH_MAX + 16];
	char *const argv[] = { self, (char *)"services", address, file, NULL };
	const struct spawn s = { .path = self, .argv = argv, .in = SPAWN_NULL, .out = SPAWN_NULL,
		.err = -1, .die_with_parent = SIGKILL };
	int r = io_self_path(self, sizeof self);

	if (r < 0) return r;
	snprintf(address, sizeof address, "--publish=%s", p->address);
	snprintf(file, sizeof file, "--kubeconfig=%s", p->kubeconfig);
	return spawn(&s);
}

int publisher_settle(struct publisher *p, int64_t now)
{
	if (!p->address || !p->kubeconfig) return -1;
	if (p->pid > 0 && waitpid(p->pid, NULL, WNOHANG) == 0) return PUBLISH_LOOK_MS;
	p->pid = 0;
	/* This is called for each batch of packets, too. */
	if (p->version != services_version(p->services)) {
		p->version = services_version(p->services);
		p->needed = is_needed(p->services);
	}
	if (!p->needed || !services_complete(p->services)) return -1;
	if (now < p->at) return (int)(p->at - now);
	p->pid = start(p);
	p->at = now + PUBLISH_AGAIN_MS;
	if (p->pid < 0) warn_errno(p->pid, "addresses of load balancers");
	return PUBLISH_LOOK_MS;
}
