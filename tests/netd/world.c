/* world K3SBOX COMMAND NETD-ARGUMENT…: runs COMMAND by sh(1) in a world whose node is 10.42.0.1/24
 * and fd42::1/64, with netd beside it, which is started again when it ends. The outside serves sockets until then.
 * Its status is COMMAND's. WORLD_USER=1: with a user namespace. */
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/buf.h"
#include "base/spawn.h"
#include "world/broker.h"
#include "world/switch.h"
#include "world/world.h"

#define NODE "10.42.0.1/24,fd42::1/64"

static pid_t start_netd(char **argv, int channel)
{
	struct strv v = {0};
	int ready[2];
	char c;

	strv_add(&v, argv[1]);
	strv_add(&v, "netd");
	strv_add(&v, "--channel=0");
	strv_add(&v, "--pods=" NODE);
	for (char **a = argv + 3; *a; a++) strv_add(&v, *a);
	if (pipe2(ready, O_CLOEXEC) < 0) return -errno;
	struct spawn s = { .path = argv[1], .argv = v.v, .in = channel, .out = ready[1], .err = -1,
		.die_with_parent = SIGKILL };
	pid_t pid = spawn(&s);
	close(ready[1]);
	if (pid > 0 && read(ready[0], &c, 1) != 1) pid = -EIO;
	close(ready[0]);
	strv_free(&v);
	return pid;
}

static int inside(void *arg, int channel)
{
	char **argv = arg;
	struct err e = {0};
	struct switch_node node;
	int status;

	switch_parse_node(&node, NODE);
	int r = world_settle(&e);
	if (!r) r = switch_make(&node, &e);
	pid_t netd = r < 0 ? r : start_netd(argv, channel);
	if (netd < 0) {
		fprintf(stderr, "world: %s\n", r < 0 ? e.text : "netd does not start");
		return 111;
	}
	const char *const sh[] = { "/bin/sh", "-c", argv[2], NULL };
	struct spawn s = { .path = sh[0], .argv = (char *const *)sh, .in = -1, .out = -1, .err = -1 };
	pid_t command = spawn(&s);
	for (pid_t pid; (pid = wait(&status)) != command;) {
		if (pid < 0 && errno != EINTR) return 111;
		if (pid != netd) continue;
		usleep(200000);
		netd = start_netd(argv, channel);
	}
	return spawn_status(status);
}

int main(int argc, char **argv)
{
	struct err e = {0};
	struct world w;
	int status = 0;

	if (argc < 3) return 100;
	int r = world_start(getenv("WORLD_USER") != NULL, inside, argv, &w, &e);
	if (r < 0) {
		fprintf(stderr, "world: %s\n", e.text);
		return 111;
	}
	for (struct pollfd p = { w.channel, POLLIN, 0 }; poll(&p, 1, -1) > 0 || errno == EINTR;) {
		r = broker_serve(w.channel);
		if (r < 0 && r != -EAGAIN) break;
	}
	waitpid(w.init, &status, 0);
	return spawn_status(status);
}
