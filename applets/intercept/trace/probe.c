/* Finds out what this kernel can do for a tracer: a child process is traced, and its stops are
 * looked at. Facts that concern k3s are probed elsewhere (common/plan/probe). */
#include "intercept/trace/probe.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <sched.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ptrace.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "base/buf.h"
#include "base/io.h"
#include "intercept/trace/event.h"
#include "intercept/trace/seccomp.h"
#include "intercept/trace/tracee.h"

enum { CAP_SYS_PTRACE_BIT = 19 };

static bool has_cap_ptrace(void)
{
	_cleanup_buf_ struct buf b = {0};
	int r = io_read("/proc/self/status", &b, 1 << 16);
	const char *p = r < 0 || !b.data ? NULL : strstr(b.data, "\nCapEff:");
	return p && strtoull(p + 8, NULL, 16) >> CAP_SYS_PTRACE_BIT & 1;
}

static volatile uint64_t known_word = 0x6b337362;

/* The child: waits to be seized, then makes one call that its filter stops. */
static _Noreturn void subject(int go)
{
	static const struct sock_filter f[] = {
		BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, nr)),
		BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, SYS_getppid, 0, 1),
		BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_TRACE),
		BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW),
	};
	char c;

	if (read(go, &c, 1) != 1) _exit(1);
	if (seccomp_install(f, sizeof f / sizeof *f) < 0) _exit(2);
	syscall(SYS_getppid);
	_exit(0);
}

static void find_memory(struct mem *m, pid_t tid)
{
	mem_probe(m, tid, (uint64_t)(uintptr_t)&known_word, known_word);
}

/* The stop after the seccomp stop, if PTRACE_SYSCALL asked for one. At an entry stop the result
 * register still has ENOSYS. */
static void learn_order(struct kernel_facts *k, struct tracee *t)
{
	regs_t r;

	if (tracee_get_regs(t, &r) == 0) k->seccomp_first = regs_result(&r) == -ENOSYS;
	k->has_syscall_info = tracee_native_call(t);
}

/* Follows the child to its end. Does the kernel report seccomp stops? */
static bool learn(struct kernel_facts *k, struct mem *m, struct tracee *t)
{
	bool filtered = false;
	int status, request = PTRACE_CONT;

	for (; waitpid(t->tid, &status, __WALL) == t->tid; tracee_resume(t, request, 0))
		switch (event_classify(status).type) {
		case EV_EXITED: case EV_KILLED: return filtered;
		case EV_SECCOMP:
			filtered = true;
			find_memory(m, t->tid);
			request = PTRACE_SYSCALL;
			break;
		case EV_SYSCALL:
			if (request == PTRACE_SYSCALL) learn_order(k, t);
			request = PTRACE_CONT;
			break;
		default: break;
		}
	return filtered;
}

/* Without filters: the memory can be probed at any stop. */
static void learn_plain(struct mem *m, struct tracee *t)
{
	int status;

	if (tracee_interrupt(t) < 0 || waitpid(t->tid, &status, __WALL) != t->tid) return;
	find_memory(m, t->tid);
}

static pid_t start_subject(int *go)
{
	int p[2];

	if (pipe2(p, O_CLOEXEC) < 0) return -errno;
	pid_t pid = fork();
	if (pid == 0) subject(p[0]);
	int saved = errno;
	close(p[0]);
	*go = p[1];
	return pid < 0 ? -saved : pid;
}

static void end_subject(pid_t pid)
{
	int status;

	kill(pid, SIGKILL);
	while (waitpid(pid, &status, __WALL) == pid)
		if (WIFEXITED(status) || WIFSIGNALED(status)) break;
}

/* Is polling worth more than sleeping? Only if the tracee runs on another processor, and where a
 * look costs next to nothing compared with being woken: not in gVisor, where each is a call to
 * another process. */
static bool polling_is_cheap(pid_t child)
{
	enum { LOOKS = 16, CHEAP_NS = 3000 };
	struct timespec from, to;
	cpu_set_t cpus;
	int status;

	if (sched_getaffinity(0, sizeof cpus, &cpus) < 0 || CPU_COUNT(&cpus) < 2) return false;
	clock_gettime(CLOCK_MONOTONIC, &from);
	for (int i = 0; i < LOOKS; i++)
		if (waitpid(child, &status, __WALL | WNOHANG)) return false;
	clock_gettime(CLOCK_MONOTONIC, &to);
	long ns = (to.tv_sec - from.tv_sec) * 1000000000 + to.tv_nsec - from.tv_nsec;
	return ns < LOOKS * CHEAP_NS;
}

int probe_tracing(struct kernel_facts *k, struct mem *m, bool force_syscall, struct err *e)
{
	int go = -1;
	char byte = 0;

	k->cap_ptrace = has_cap_ptrace();
	struct tracee t = { .tid = start_subject(&go) };
	if (t.tid < 0) return err_set(e, t.tid, "fork");
	k->spin = polling_is_cheap(t.tid);
	int r = tracee_seize(t.tid, true);
	bool filters = r == 0;
	if (r == -EINVAL) r = tracee_seize(t.tid, false);
	if (!r && filters) filters = write(go, &byte, 1) == 1 && learn(k, m, &t);
	else if (!r) learn_plain(m, &t);
	close(go);
	if (!filters) end_subject(t.tid);
	if (r < 0) return err_set(e, r, "PTRACE_SEIZE");
	k->engine = filters && !force_syscall ? ENGINE_SECCOMP : ENGINE_SYSCALL;
	return 0;
}
