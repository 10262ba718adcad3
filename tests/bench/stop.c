/* The floor below every tracer that works by seccomp. `stop filter PROGRAM…` runs it under a filter that lets everything pass; `stop trace
 * PROGRAM…` stops opens and stats, looks at nothing and lets them go on: what a stop costs before anybody does anything with it. */
#include <errno.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <signal.h>
#include <stddef.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/ptrace.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

static const struct sock_filter all_pass[] = {
	BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW),
};

static const struct sock_filter files_stop[] = {
	BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, nr)),
	BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, SYS_open, 4, 0),
	BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, SYS_openat, 3, 0),
	BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, SYS_stat, 2, 0),
	BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, SYS_newfstatat, 1, 0),
	BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW),
	BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_TRACE),
};

static void filtered(const struct sock_filter *f, size_t n, char **argv)
{
	struct sock_fprog p = { (unsigned short)n, (struct sock_filter *)f };

	prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0);
	if (!prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &p)) execv(argv[0], argv);
	_exit(127);
}

static int trace(char **argv)
{
	int go[2], st, status = 1;
	char c = 0;

	if (pipe(go)) return 1;
	pid_t pid = fork(), t;
	if (!pid && read(go[0], &c, 1) == 1) filtered(files_stop, sizeof files_stop / sizeof *files_stop, argv);
	if (ptrace(PTRACE_SEIZE, pid, 0, PTRACE_O_EXITKILL | PTRACE_O_TRACESECCOMP | PTRACE_O_TRACECLONE | PTRACE_O_TRACEFORK
		| PTRACE_O_TRACEVFORK)) return 1;
	if (write(go[1], &c, 1) != 1) return 1;
	while ((t = waitpid(-1, &st, __WALL)) > 0) {
		if (t == pid && WIFEXITED(st)) status = WEXITSTATUS(st);
		if (WIFSTOPPED(st)) ptrace(PTRACE_CONT, t, 0, (long)(st >> 16 ? 0 : WSTOPSIG(st)));
	}
	return status;
}

int main(int argc, char **argv)
{
	if (argc < 3) return 100;
	if (strcmp(argv[1], "filter")) return trace(argv + 2);
	filtered(all_pass, sizeof all_pass / sizeof *all_pass, argv + 2);
}
