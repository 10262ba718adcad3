#include "intercept/trace/probe.h"

#include <linux/filter.h>
#include <linux/seccomp.h>


#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/ptrace.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "base/die.h"
#include "base/io.h"
#include "intercept/trace/event.h"

enum { CAP_SYS_PTRACE_BIT = 19 };

unsigned trace_options(bool seccomp)
{
	return PTRACE_O_TRACESYSGOOD | PTRACE_O_EXITKILL | PTRACE_O_TRACECLONE | PTRACE_O_TRACEFORK | PTRACE_O_TRACEVFORK
		| PTRACE_O_TRACEEXEC | (seccomp ? PTRACE_O_TRACESECCOMP : 0);
}

int filter_install(const struct sock_filter *f, size_t n)
{
	struct sock_fprog p = { (unsigned short)n, (struct sock_filter *)f };

	if (!prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &p, 0, 0)) return 0;
	if (errno != EACCES) return -errno;
	if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) < 0) return -errno;
	return prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &p, 0, 0) < 0 ? -errno : 0;
}

static bool has_cap_ptrace(void)
{
	_cleanup_buf_ struct buf b = {0};
	int r = io_read("/proc/self/status", &b, 1 << 16);
	const char *p = r < 0 || !b.data ? NULL : strstr(b.data, "\nCapEff:");
	return p && strtoull(p + 8, NULL, 16) >> CAP_SYS_PTRACE_BIT & 1;
}

static volatile uint64_t known_word = 0x6b337362;

/* Waits to be seized, then makes one call that its filter stops. */
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
	if (filter_install(f, sizeof f / sizeof *f) < 0) _exit(2);
	syscall(SYS_getppid);
	_exit(0);
}

/* Follows the subject from its seccomp stop; what stops first after PTRACE_SYSCALL tells the order: at
 * an entry stop the result register still says ENOSYS. */
static bool learn(struct tracer *tr, struct tracee *t)
{
	bool filtered = false;
	int status, request = PTRACE_CONT;

	for (; waitpid(t->tid, &status, __WALL) == t->tid; tracee_resume(t, request, 0)) {
		regs_t r;
		switch (event_classify(status).type) {
		case EV_EXITED: case EV_KILLED: return filtered;
		case EV_SECCOMP:
			filtered = true;
			mem_probe(&tr->mem, t->tid, (uint64_t)(uintptr_t)&known_word, known_word);
			request = PTRACE_SYSCALL;
			break;
		case EV_SYSCALL:
			if (request == PTRACE_SYSCALL) {
				if (tracee_get_regs(t, &r) == 0) tr->seccomp_first = regs_result(&r) == -ENOSYS;
				tr->has_syscall_info = true;
				tr->has_syscall_info = tracee_native_call(tr, t);
			}
			request = PTRACE_CONT;
			break;
		default: break;
		}
	}
	return filtered;
}

/* Without filters: memory and GET_SYSCALL_INFO at any stop will do. */
static void learn_plain(struct tracer *tr, struct tracee *t)
{
	int status;

	if (tracee_interrupt(t) < 0 || waitpid(t->tid, &status, __WALL) != t->tid) return;
	mem_probe(&tr->mem, t->tid, (uint64_t)(uintptr_t)&known_word, known_word);
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

/* Is looking for stops again and again worth more than sleeping? Only beside a tracee on another processor, and where a look costs next to
 * nothing against being woken: not in gVisor, where each is a call to another process. */
static bool looks_are_cheap(pid_t child)
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
	return (to.tv_sec - from.tv_sec) * 1000000000 + to.tv_nsec - from.tv_nsec < LOOKS * CHEAP_NS;
}

int probe_tracing(struct tracer *tr, bool force_syscall, const char **what)
{
	int go = -1, status, r;
	char byte = 0;

	tr->cap_ptrace = has_cap_ptrace();
	*what = "fork";
	struct tracee t = { .tid = start_subject(&go) };
	if (t.tid < 0) return t.tid;
	tr->spin = looks_are_cheap(t.tid);
	*what = "PTRACE_SEIZE";
	r = tracee_seize(t.tid, trace_options(true));
	bool filters = r == 0;
	if (r == -EINVAL) r = tracee_seize(t.tid, trace_options(false));
	if (!r && filters) filters = write(go, &byte, 1) == 1 && learn(tr, &t);
	else if (!r) learn_plain(tr, &t);
	close(go);
	if (!filters) {
		kill(t.tid, SIGKILL);
		while (waitpid(t.tid, &status, __WALL) == t.tid && !WIFEXITED(status) && !WIFSIGNALED(status)) {}
	}
	if (r < 0) return r;
	tr->engine = filters && !force_syscall ? ENGINE_SECCOMP : ENGINE_SYSCALL;
	return 0;
}
