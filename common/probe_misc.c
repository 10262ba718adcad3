/* Rights, files and what else the parts of k3s stumble over. */
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ptrace.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "cleanup.h"
#include "io.h"
#include "kmsg.h"
#include "passwd.h"
#include "probe.h"
#include "procsys.h"
#include "seeds.h"
#include "spawn.h"

void probe_root(const struct options *o, struct fact_result *r)
{
	(void)o;
	if (geteuid()) obstacle(r, NULL, "running as user %u", (unsigned)geteuid());
}

void probe_k3s(const struct options *o, struct fact_result *r)
{
	if (!o->k3s) obstacle(r, NULL, "no k3s in PATH");
	else if (access(o->k3s, X_OK) < 0) obstacle_errno(r, NULL, o->k3s, errno);
}

void probe_kmsg(const struct options *o, struct fact_result *r)
{
	(void)o;
	int e = kmsg_check();
	/* Where /dev cannot be written to, no link can be made. */
	const char *kind = e != -ENOENT ? "refused" : access("/dev", W_OK) < 0 ? "sealed" : "absent";
	if (e < 0) obstacle_errno(r, kind, "open /dev/kmsg", -e);
}

void probe_passwd(const struct options *o, struct fact_result *r)
{
	(void)o;
	int e = passwd_check();
	if (e < 0) obstacle_errno(r, NULL, "/etc/passwd", -e);
}

void probe_procsys(const struct options *o, struct fact_result *r)
{
	const char *first = NULL;
	int n = 0, error = 0;

	(void)o;
	for (size_t i = 0; i < seed_count; i++) {
		if (!procsys_wanted(&seeds[i])) continue;
		int e = procsys_check(&seeds[i]);
		if (e < 0 && !n++) first = seeds[i].path, error = -e;
	}
	if (n == 1) obstacle(r, NULL, PROC_SYS "/%s: %s", first, strerror(error));
	else if (n) obstacle(r, NULL, PROC_SYS "/%s: %s; and %d more", first, strerror(error), n - 1);
}

/* In a pod it is the sandbox's own procfs that runc reads, whatever was mounted over ours. */
void probe_cap_last_cap(const struct options *o, struct fact_result *r)
{
	char path[64], line[16];

	(void)o;
	/* after procsys the real one is out of sight at the usual place */
	snprintf(path, sizeof path, K3SBOX_RUN "/proc-sys/kernel/cap_last_cap");
	if (access(K3SBOX_RUN "/proc-sys/kernel", F_OK) < 0) snprintf(path, sizeof path, PROC_SYS "/kernel/cap_last_cap");
	int e = io_read_line(path, line, sizeof line);
	if (e < 0) obstacle_errno(r, NULL, path, -e);
}

/* containerd's enable_unprivileged_ports and _icmp set these in each pod. */
void probe_pod_sysctls(const struct options *o, struct fact_result *r)
{
	static const char *const names[] = { "net/ipv4/ip_unprivileged_port_start", "net/ipv4/ping_group_range" };
	char path[96], line[64];

	(void)o;
	for (size_t i = 0; i < sizeof names / sizeof *names && !r->state; i++) {
		snprintf(path, sizeof path, PROC_SYS "/%s", names[i]);
		int e = io_read_line(path, line, sizeof line);
		if (e < 0) obstacle_errno(r, NULL, path, -e);
	}
}

/* The kubelet asks for -998 for its pods' sandboxes and critical pods. */
static int lower_oom_score(void *arg)
{
	char now[16];
	(void)arg;
	int r = io_read_line("/proc/self/oom_score_adj", now, sizeof now);
	if (r < 0) return -r;
	char want[16];
	snprintf(want, sizeof want, "%d", atoi(now) - 1);
	return -io_poke("/proc/self/oom_score_adj", atoi(now) > -1000 ? want : now);
}

void probe_oom_score(const struct options *o, struct fact_result *r)
{
	(void)o;
	int e = spawn_call(lower_oom_score, NULL, 2000);
	if (e) obstacle_errno(r, NULL, "lowering /proc/self/oom_score_adj (CAP_SYS_RESOURCE)", e < 0 ? -e : e);
}

static int join_keyring(void *arg)
{
	enum { JOIN_SESSION_KEYRING = 1 };   /* linux/keyctl.h */
	(void)arg;
	if (syscall(SYS_keyctl, JOIN_SESSION_KEYRING, "k3sbox-probe") >= 0 || errno == ENOSYS) return 0;   /* runc accepts ENOSYS */
	return errno;
}

void probe_keyring(const struct options *o, struct fact_result *r)
{
	(void)o;
	int e = spawn_call(join_keyring, NULL, 2000);
	if (e) obstacle_errno(r, NULL, "keyctl(KEYCTL_JOIN_SESSION_KEYRING)", e < 0 ? -e : e);
}

/* A tracee with the options that the interceptor cannot do without. */
static int trace_child(void *arg)
{
	int status;

	(void)arg;
	pid_t pid = fork();
	if (pid < 0) return errno;
	if (!pid) {
		for (;;) pause();
	}
	int e = ptrace(PTRACE_SEIZE, pid, 0, (void *)(PTRACE_O_EXITKILL | PTRACE_O_TRACECLONE | PTRACE_O_TRACEFORK)) < 0 ? errno : 0;
	kill(pid, SIGKILL);
	while (waitpid(pid, &status, __WALL) < 0 && errno == EINTR) ;
	return e;
}

void probe_ptrace(const struct options *o, struct fact_result *r)
{
	(void)o;
	int e = spawn_call(trace_child, NULL, 2000);
	if (e) obstacle_errno(r, NULL, "ptrace(PTRACE_SEIZE) with PTRACE_O_EXITKILL", e < 0 ? -e : e);
}
