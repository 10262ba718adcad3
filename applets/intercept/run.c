/* Starts the program under the interceptor, installs the filter in it, and passes signals on to
 * it. */
#include "intercept/run.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/clock.h"
#include "base/die.h"
#include "base/spawn.h"
#include "intercept/calls/filter.h"
#include "intercept/loop.h"
#include "intercept/trace/seccomp.h"
#include "intercept/view/root.h"

/* Signals that are passed on to the program. Those of a terminal reach it anyway, because it is in
 * the foreground group. */
static const int forwarded[] = {
	SIGHUP, SIGINT, SIGQUIT, SIGTERM, SIGUSR1, SIGUSR2, SIGCONT, SIGALRM, SIGWINCH,
};
/* Job control: the program stops first, then the interceptor (loop.c). */
static const int ignored[] = { SIGTTIN, SIGTTOU, SIGPIPE };

enum { FORWARDED = sizeof forwarded / sizeof *forwarded,
	IGNORED = sizeof ignored / sizeof *ignored };

static volatile pid_t main_pid;

/* Runs at any moment, so that waiting for stops needs no additional system call. */
static void forward(int sig, siginfo_t *info, void *context)
{
	int saved = errno;

	(void)context;
	if (info->si_code <= 0 && main_pid > 0) kill(main_pid, sig);
	errno = saved;
}

static volatile sig_atomic_t tstp;
static volatile int64_t stopped;    /* when the program stopped alone (ms) */

/* Ctrl-Z is for the whole group, and may reach the program before the interceptor. */
static void take_tstp(int sig)
{
	enum { AT_ONCE_MS = 100 };

	(void)sig;
	if (clock_ms() - stopped < AT_ONCE_MS) raise(SIGSTOP);
	else tstp = 1;
}

/* A program that was sent SIGTSTP alone is also woken alone, and then the interceptor must not be
 * stopped. */
static void program_stopped(int sig)
{
	if (sig != SIGTSTP || tstp) raise(SIGSTOP);
	else stopped = clock_ms();
	tstp = 0;
}

/* The actions before ours. */
struct old_signals {
	struct sigaction forwarded[FORWARDED], ignored[IGNORED], child, tstp;
};

static void take_signals(struct old_signals *old)
{
	struct sigaction pass_on = { .sa_sigaction = forward, .sa_flags = SA_SIGINFO | SA_RESTART };
	struct sigaction ignore = { .sa_handler = SIG_IGN };
	/* no SIGCHLD for each stop */
	struct sigaction child = { .sa_handler = SIG_DFL, .sa_flags = SA_NOCLDSTOP };
	struct sigaction stop = { .sa_handler = take_tstp, .sa_flags = SA_RESTART };

	sigaction(SIGCHLD, &child, &old->child);
	sigaction(SIGTSTP, &stop, &old->tstp);
	for (size_t i = 0; i < FORWARDED; i++)
		sigaction(forwarded[i], &pass_on, &old->forwarded[i]);
	for (size_t i = 0; i < IGNORED; i++) sigaction(ignored[i], &ignore, &old->ignored[i]);
}

static void give_signals_back(const struct old_signals *old)
{
	sigaction(SIGCHLD, &old->child, NULL);
	sigaction(SIGTSTP, &old->tstp, NULL);
	for (size_t i = 0; i < FORWARDED; i++) sigaction(forwarded[i], &old->forwarded[i], NULL);
	for (size_t i = 0; i < IGNORED; i++) sigaction(ignored[i], &old->ignored[i], NULL);
}

/* Its descendants go on, but there is no program to pass signals on to: they are for the
 * interceptor, which takes its tracees along when it ends. */
static void program_ended(void)
{
	main_pid = 0;
	for (size_t i = 0; i < FORWARDED; i++) signal(forwarded[i], SIG_DFL);
}

/* What the child reports before it becomes the program. */
enum start_word { FILTERED = 'f', UNFILTERED = 'u' };

struct program_start {
	int go[2], reply[2];        /* pipes to the child and from it */
	struct sock_filter filter[FILTER_MAX];
	size_t filter_n;
};

static _Noreturn void child(struct program_start *s, char **argv)
{
	char c = UNFILTERED;

	close(s->go[1]);
	if (read(s->go[0], &c, 1) != 1) _exit(EX_SYS);   /* the tracer has given up */
	c = s->filter_n && seccomp_install(s->filter, s->filter_n) == 0 ? FILTERED : UNFILTERED;
	if (write(s->reply[1], &c, 1) != 1) _exit(EX_SYS);
	if (read(s->go[0], &c, 1) != 1) _exit(EX_SYS);
	execvp(argv[0], argv);
	int e = errno;
	warn_errno(-errno, "%s", argv[0]);
	_exit(e == ENOENT || e == ENOTDIR ? EX_NOTFOUND : EX_NOEXEC);
}

static void ended_early(void)
{
	die(EX_SYS, "the program ended before it was started");
}

/* A seized thread reports clones and signals, but not its reads and writes, so the two can talk
 * without a waitpid(2). */
static void seize_child(struct tracer *tr, struct program_start *s, pid_t pid)
{
	char c = 0;

	close(s->go[0]);
	close(s->reply[1]);
	int r = tracee_seize(pid, tr->kernel.engine == ENGINE_SECCOMP);
	if (r < 0) die_errno(EX_SYS, r, "PTRACE_SEIZE");
	main_pid = tr->program.pid = pid;
	struct tracee *t = tracee_add(&tr->tracees, pid);
	if (!t) die(EX_SYS, "out of memory");
	if (tr->cfg.features & F_REAPER) orphans_born(&tr->orphans, pid, 0, false);
	if (write(s->go[1], &c, 1) != 1 || read(s->reply[0], &c, 1) != 1) ended_early();
	if (c == UNFILTERED) tr->kernel.engine = ENGINE_SYSCALL;
	if (tr->kernel.engine == ENGINE_SYSCALL) tracee_interrupt(t);
	if (write(s->go[1], &c, 1) != 1) ended_early();
	close(s->go[1]);
	close(s->reply[0]);
}

static void start(struct tracer *tr, char **argv)
{
	struct program_start s = { .filter_n = 0 };
	struct old_signals old;

	if (tr->kernel.engine == ENGINE_SECCOMP)
		s.filter_n = filter_make(syscall_rules, syscall_rule_count, tr->cfg.features,
			s.filter);
	if (pipe2(s.go, O_CLOEXEC) < 0 || pipe2(s.reply, O_CLOEXEC) < 0)
		die_errno(EX_SYS, -errno, "pipe");
	take_signals(&old);
	pid_t pid = fork();
	if (pid < 0) die_errno(EX_SYS, -errno, "fork");
	if (!pid) {
		give_signals_back(&old);
		child(&s, argv);
	}
	seize_child(tr, &s, pid);
}

/* Everything that is asked about a tracee goes through /proc/PID, so its numbers must be those that
 * waitpid(2) returns. */
static void check_proc(unsigned features)
{
	const unsigned need = F_PATH | F_STATFS | F_LIST | F_REAPER | F_MOUNTS | F_PROPAGATION;
	char link[32];
	ssize_t n = readlink("/proc/self", link, sizeof link - 1);

	link[n < 0 ? 0 : n] = 0;
	if (!(features & need) || atoi(link) == getpid()) return;
	if (n < 0)
		die(EX_FAIL, "/proc is not mounted, and the program's files cannot be found "
			"without "
			"it: mount -t proc proc /proc");
	die(EX_FAIL, "/proc belongs to another PID namespace: mount -t proc proc /proc in this "
		"one");
}

int run_traced(struct tracer *tr, char **argv, bool end_with_main)
{
	check_proc(tr->cfg.features);
	root_find_own(&tr->view);
	tr->wait.spin = tr->kernel.spin;
	tr->program.ended = program_ended;
	tr->program.stopped = program_stopped;
	start(tr, argv);
	int r = loop_run(tr, end_with_main);
	main_pid = 0;
	view_free(&tr->view);
	orphans_free(&tr->orphans);
	if (r < 0) die_errno(EX_SYS, r, "waitpid");
	return spawn_status(tr->program.status);
}
