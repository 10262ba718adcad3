/* Readiness. TLS needs more memory than everything else in the supervisor together, so the API is
 * asked in a child. */
#include "cluster/ready.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/prctl.h>
#include <time.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/err.h"
#include "base/io.h"
#include "base/text.h"
#include "cluster/kube.h"

enum { TIMEOUT_MS = 5000 };

static int cred_path(const struct runstate *s, char *path, size_t size)
{
	return io_join(path, size, s->data_dir, "server/cred/admin.kubeconfig");
}

bool ready_worth_asking(const struct runstate *s)
{
	char path[PATH_MAX];
	return io_exists(s->kubeconfig) || (!cred_path(s, path, sizeof path) && io_exists(path));
}

int ready_kubeconfig(const struct runstate *s, struct kubeconfig *k, struct err *e)
{
	char path[PATH_MAX];
	int r = kubeconfig_load(k, s->kubeconfig, e);

	if (!r || cred_path(s, path, sizeof path) < 0 || !io_exists(path)) return r;
	kubeconfig_free(k);
	return kubeconfig_load(k, path, e);
}

int ready_api(const struct runstate *s, struct kubeconfig *k, int timeout_ms, struct err *e)
{
	if (s->frozen)
		return err_set(e, -EAGAIN, "k3s does not answer: a signal has stopped it; SIGCONT "
			"continues it, or 'k3sbox restart'");
	int r = ready_kubeconfig(s, k, e);
	return r < 0 ? r : kube_ready(k, timeout_ms, e);
}

/* The time of the start by the clock as it is now, if that was set back since: what the kubelet has
 * written since then is not older. */
static time_t start_now(const struct ready_since *since)
{
	int64_t start = time(NULL) - (clock_ms() - since->monotonic_ms) / 1000;

	return (time_t)(start < since->clock - 1 ? start : since->clock);
}

/* This node counts, not others of a cluster that it has joined, once its kubelet has spoken since
 * the start: its condition of an earlier run stays "True" for a while. */
static void look_at_nodes(const struct kubeconfig *k, const struct runstate *s,
	const struct ready_since *since, int timeout_ms, struct ready_result *out)
{
	struct kube_nodes nodes;
	char start[TEXT_TIME_SIZE];

	text_time(start_now(since), start);
	if (kube_list_nodes(k, &nodes, timeout_ms, &out->why) < 0) return;
	err_set(&out->why, 0, "no node has registered");
	for (unsigned i = 0; i < nodes.n && i < KUBE_NODES_MAX; i++) {
		if (*s->node && strcmp(nodes.v[i].name, s->node)) continue;
		err_set(&out->why, 0, "the node is not ready%s%s", nodes.v[i].ready ? "" : ": ",
			nodes.v[i].ready ? "" : nodes.v[i].why);
		if (!nodes.v[i].ready || strcmp(nodes.v[i].heartbeat, start) < 0) continue;
		out->node = true;
		snprintf(out->name, sizeof out->name, "%.63s", nodes.v[i].name);
		snprintf(out->taint, sizeof out->taint, "%s", nodes.v[i].taint);
		return;
	}
}

/* A pod is refused until its namespace has the default service account, which the controller
 * manager makes some seconds after its start; and where flannel brings the network, a pod made
 * before it is up waits for the kubelet's second attempt. */
static bool pods_can_start(const struct kubeconfig *k, const struct runstate *s, int timeout_ms,
	struct err *e)
{
	char conflist[PATH_MAX];

	if (kube_exists(k, "/api/v1/namespaces/default/serviceaccounts/default", timeout_ms, e) < 0)
		return false;
	if (io_join(conflist, sizeof conflist,
		s->data_dir, "agent/etc/cni/net.d/10-flannel.conflist") < 0) return true;
	if (!io_exists(conflist) || io_exists("/run/flannel/subnet.env")) return true;
	err_set(e, 0, "flannel is not ready");
	return false;
}

void ready_ask(const struct runstate *s, const struct ready_since *since, int timeout_ms,
	struct ready_result *out)
{
	struct kubeconfig k = {0};

	*out = (struct ready_result){0};
	if (!ready_api(s, &k, timeout_ms, &out->why)) {
		out->api = true;
		if (!s->control_plane) look_at_nodes(&k, s, since, timeout_ms, out);
		if (out->node) out->pods = pods_can_start(&k, s, timeout_ms, &out->why);
	}
	kubeconfig_free(&k);
}

pid_t ready_start(const struct runstate *s, const struct ready_since *since, int *fd)
{
	int p[2];
	struct ready_result out;
	pid_t self = getpid();

	if (pipe2(p, O_CLOEXEC) < 0) return -errno;
	pid_t pid = fork();
	if (!pid) {
		prctl(PR_SET_PDEATHSIG, SIGKILL);
		if (getppid() != self) _exit(1);
		ready_ask(s, since, TIMEOUT_MS, &out);
		_exit(io_write_fd(p[1], &out, sizeof out) < 0);
	}
	int e = errno;
	close(p[1]);
	if (pid < 0) {
		close(p[0]);
		return -e;
	}
	*fd = p[0];
	return pid;
}

void ready_take(int fd, struct ready_result *out)
{
	/* Its size is below PIPE_BUF, so it came in one piece or not at all. */
	if (read(fd, out, sizeof *out) != sizeof *out)
		*out = (struct ready_result){ .why.text = "the API could not be asked" };
	close(fd);
}
