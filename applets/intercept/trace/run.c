#include "intercept/trace/run.h"

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
#include "intercept/trace/filter.h"
#include "intercept/trace/probe.h"
#include "intercept/view/virtual.h"

/* Signals that are meant for the program. From a terminal they reach it anyway, as a member of the
 * foreground group. */
static const int forwarded[] = { SIGHUP, SIGINT, SIGQUIT, SIGTERM, SIGUSR1, SIGUSR2, SIGCONT, SIGALRM,
	SIGWINCH };
/* Job control: the program stops first, then we (loop.c). */
static const int ignored[] = { SIGTTIN, SIGTTOU, SIGPIPE };

static volatile pid_t main_pid;

/* Runs in the middle of anything, so that waiting for stops costs no extra call. */
static void forward(int sig, siginfo_t *info, void *context)
{
	int saved = errno;

	(void)context;
	if (info->si_code <= 0 && main_pid > 0) kill(main_pid, sig);
	errno = saved;
}

static volatile sig_atomic_t tstp;
static volatile int64_t stopped;    /* when the program was, without us (ms) */

/* Ctrl-Z is for the whole group, and may reach the program before us. */
static void take_tstp(int sig)
{
	enum { AT_ONCE_MS = 100 };

	(void)sig;
	if (clock_ms() - stopped < AT_ONCE_MS) raise(SIGSTOP);
	else tstp = 1;
}

/* Who sent SIGTSTP to the program alone wakes it alone, which we must be awake for. */
static void main_is_stopped(int sig)
{
	if (sig != SIGTSTP || tstp) raise(SIGSTOP);
	else stopped = clock_ms();
	tstp = 0;
}

struct signals {
	struct sigaction forwarded[sizeof forwarded / sizeof *forwarded],
		ignored[sizeof ignored / sizeof *ignored], child, tstp;
};

static void take_signals(struct signals *old)
{
	struct sigaction sa = { .sa_sigaction = forward, .sa_flags = SA_SIGINFO | SA_RESTART };
	struct sigaction ign = { .sa_handler = SIG_IGN };
	/* a stop needs no signal too */
	struct sigaction quiet = { .sa_handler = SIG_DFL, .sa_flags = SA_NOCLDSTOP };

	sigaction(SIGCHLD, &quiet, &old->child);
	sigaction(SIGTSTP, &(struct sigaction){ .sa_handler = take_tstp, .sa_flags = SA_RESTART }, &old->tstp);
	for (size_t i = 0; i < sizeof forwarded / sizeof *forwarded; i++) sigaction(forwarded[i], &sa,
		&old->forwarded[i]);
	for (size_t i = 0; i < sizeof ignored / sizeof *ignored; i++) sigaction(ignored[i], &ign, &old->ignored[i]);
}

static void give_signals_back(const struct signals *old)
{
	sigaction(SIGCHLD, &old->child, NULL);
	sigaction(SIGTSTP, &old->tstp, NULL);
	for (size_t i = 0; i < sizeof forwarded / sizeof *forwarded; i++) sigaction(forwarded[i],
		&old->forwarded[i], NULL);
	for (size_t i = 0; i < sizeof ignored / sizeof *ignored; i++) sigaction(ignored[i], &old->ignored[i], NULL);
}

/* Its descendants go on, and nobody is left to pass a signal on to: it is for us, and they end with us. */
static void main_is_gone(void)
{
	main_pid = 0;
	for (size_t i = 0; i < sizeof forwarded / sizeof *forwarded; i++) signal(forwarded[i], SIG_DFL);
}

/* What the child says before it becomes the program. */
enum word { FILTERED = 'f', UNFILTERED = 'u' };

struct start {
	int go[2], said[2];
	struct sock_filter filter[FILTER_MAX];
	size_t filter_n;
};

static _Noreturn void child(struct start *s, char **argv)
{
	char c = UNFILTERED;

	close(s->go[1]);
	if (read(s->go[0], &c, 1) != 1) _exit(EX_SYS);   /* the tracer gave up */
	c = s->filter_n && filter_install(s->filter, s->filter_n) == 0 ? FILTERED : UNFILTERED;
	if (write(s->said[1], &c, 1) != 1) _exit(EX_SYS);
	if (read(s->go[0], &c, 1) != 1) _exit(EX_SYS);
	execvp(argv[0], argv);
	int e = errno;
	warn_errno(-errno, "%s", argv[0]);
	_exit(e == ENOENT || e == ENOTDIR ? EX_NOTFOUND : EX_NOEXEC);
}

/* A seized thread reports clones and signals, nothing of its reads and writes, so the talk needs no
 * waiting. */
static void start(struct tracer *tr, char **argv)
{
	struct start s = { .filter_n = 0 };
	char c = 0;

	if (tr->engine == ENGINE_SECCOMP) s.filter_n = filter_make(rules, rule_count, tr->features, s.filter);
	if (pipe2(s.go, O_CLOEXEC) < 0 || pipe2(s.said, O_CLOEXEC) < 0) die_errno(EX_SYS, -errno, "pipe");
	struct signals old;
	take_signals(&old);
	pid_t pid = fork();
	if (pid < 0) die_errno(EX_SYS, -errno, "fork");
	if (!pid) {
		give_signals_back(&old);
		child(&s, argv);
	}
	close(s.go[0]);
	close(s.said[1]);
	int r = tracee_seize(pid, trace_options(tr->engine == ENGINE_SECCOMP));
	if (r < 0) {
		die_errno(EX_SYS, r, "PTRACE_SEIZE");
	}
	main_pid = tr->main = pid;
	if (!tracee_add(tr, pid)) die(EX_SYS, "out of memory");
	if (tr->features & F_REAPER) orphans_born(&tr->orphans, pid, 0, false);
	if (write(s.go[1], &c, 1) != 1 || read(s.said[0], &c, 1) != 1) die(EX_SYS,
		"the program ended before it began");
	if (c == UNFILTERED) tr->engine = ENGINE_SYSCALL;
	if (tr->engine == ENGINE_SYSCALL) tracee_interrupt(tracee_find(tr, pid));
	if (write(s.go[1], &c, 1) != 1) die(EX_SYS, "the program ended before it began");
	close(s.go[1]);
	close(s.said[0]);
}

/* Everything that is asked about a tracee goes through /proc/PID, so its numbers must be those that waitpid tells. */
static void check_proc(const struct tracer *tr)
{
	char link[32];
	ssize_t n = readlink("/proc/self", link, sizeof link - 1);

	link[n < 0 ? 0 : n] = 0;
	if (!(tr->features & (F_PATH | F_STATFS | F_LIST | F_REAPER | F_MOUNTS | F_PROPAGATION)) || atoi(link) == getpid()) return;
	if (n < 0) die(EX_FAIL, "/proc is not mounted, and without it no file of the program can be found: mount -t proc proc /proc");
	die(EX_FAIL, "/proc belongs to another PID namespace: mount -t proc proc /proc in this one");
}

int tracer_run(struct tracer *tr, char **argv, bool end_with_main)
{
	check_proc(tr);
	tracer_own_root(tr);
	tr->own_net = virtual_net_ns(&(struct tracee){ .tid = getpid() });
	tr->main_ended = main_is_gone;
	tr->main_stopped = main_is_stopped;
	start(tr, argv);
	int r = tracer_loop(tr, end_with_main);
	main_pid = 0;
	special_free(&tr->specials);
	store_free(&tr->store);
	orphans_free(&tr->orphans);
	if (r < 0) {
		die_errno(EX_SYS, r, "waitpid");
	}
	return spawn_status(tr->main_status);
}
