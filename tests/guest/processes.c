/* Processes, signals, stops, exec. */
#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/ptrace.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "guest.h"

static int leave(int argc, char **argv)
{
	return argc ? atoi(argv[0]) : 0;
}

static int die_of(int argc, char **argv)
{
	(void)argc;
	raise(atoi(argv[0]));
	return 0;
}

static void show_status(const char *label, int st)
{
	if (WIFEXITED(st)) printf("%s: exited %d\n", label, WEXITSTATUS(st));
	else if (WIFSIGNALED(st)) printf("%s: killed %d\n", label, WTERMSIG(st));
	else if (WIFSTOPPED(st)) printf("%s: stopped %d\n", label, WSTOPSIG(st));
	else if (WIFCONTINUED(st)) printf("%s: continued\n", label);
}

/* A child that stops in each way, is continued, and ends. */
static int stops(int argc, char **argv)
{
	static const int sigs[] = { SIGSTOP, SIGTSTP, SIGTTIN };
	int st;
	(void)argc, (void)argv;

	for (size_t i = 0; i < sizeof sigs / sizeof *sigs; i++) {
		int p[2];
		char c = 0;
		if (pipe(p)) return 1;
		pid_t pid = fork();
		if (!pid) {
			/* an orphaned group would not stop by SIGTSTP: its parent is in another
			 * group, same session */
			setpgid(0, 0);
			raise(sigs[i]);
			_exit(read(p[0], &c, 1) == 1 ? 7 : 8);
		}
		waitpid(pid, &st, WUNTRACED);
		show_status("first", st);
		kill(pid, SIGCONT);
		waitpid(pid, &st, WCONTINUED);
		show_status("then", st);
		if (write(p[1], &c, 1) == 1 && !WIFEXITED(st)) waitpid(pid, &st, 0);
		show_status("end", st);
	}
	return 0;
}

static volatile sig_atomic_t seen_code, seen_value, seen_sig, seen_n;

static void note(int sig, siginfo_t *info, void *context)
{
	(void)context;
	seen_sig = sig;
	seen_code = info->si_code;
	seen_value = info->si_value.sival_int;
	seen_n++;
}

static void catch(int sig, int flags)
{
	struct sigaction sa = { .sa_sigaction = note, .sa_flags = SA_SIGINFO | flags };
	sigaction(sig, &sa, NULL);
}

/* Signals with their siginfo; SIGTRAP too. */
static int signals(int argc, char **argv)
{
	const int sigs[] = { SIGUSR1, SIGTRAP, SIGURG, SIGCHLD, SIGRTMAX };
	(void)argc, (void)argv;

	for (size_t i = 0; i < sizeof sigs / sizeof *sigs; i++) {
		catch(sigs[i], 0);
		union sigval v = { .sival_int = 40 + (int)i };
		sigqueue(getpid(), sigs[i], v);
		printf("signal %d: %s code %d value %d\n", (int)i, seen_sig == sigs[i] ? "right"
			: "wrong", seen_code, seen_value);
		raise(sigs[i]);
		printf("raised: %s code %d\n", seen_sig == sigs[i] ? "right" : "wrong", seen_code);
	}
	__asm__ volatile("int3");
	printf("int3: code %d\n", seen_code);
	return 0;
}

static void *unused_stack(void)
{
	return (char *)malloc(65536) + 65536 - 64;
}

static void alarm_after(long us)
{
	timer_t t;
	struct sigevent e = { .sigev_notify = SIGEV_SIGNAL, .sigev_signo = SIGALRM };
	struct itimerspec s = { .it_value = { 0, us * 1000 }, .it_interval = { 0, us * 1000 } };

	timer_create(CLOCK_MONOTONIC, &e, &t);
	timer_settime(t, 0, &s, NULL);
}

/* Blocking calls while signals rain: restarted ones go on, the others say EINTR. */
static int restarts(int argc, char **argv)
{
	int p[2];
	char c;
	struct timespec ts = { 0, 50000000 }, rem;
	(void)argc, (void)argv;

	if (pipe(p)) return 1;
	catch(SIGALRM, SA_RESTART);
	alarm_after(3000);
	if (!fork()) {
		usleep(60000);
		c = 'x';
		_exit(write(p[1], &c, 1) != 1);
	}
	ssize_t n = read(p[0], &c, 1);
	printf("read: %zd %c\n", n, n == 1 ? c : '-');
	int st;
	pid_t w = wait(&st);
	show("wait", w);
	int r = nanosleep(&ts, &rem);
	printf("nanosleep: %s\n", r < 0 && errno == EINTR && rem.tv_nsec > 0 ? "EINTR with rest"
		: result_name(r));
	catch(SIGALRM, 0);
	show("read without SA_RESTART", read(p[0], &c, 1));
	printf("signals: %s\n", seen_n > 5 ? "many" : "few");
	return 0;
}

static int shared_fd = -1;

static int cloned(void *arg)
{
	shared_fd = open(arg, O_RDONLY);
	return shared_fd < 0 ? 1 : 5;
}

/* fork, vfork, clone and clone3 with and without shared memory; each child opens PATH. */
static int births(int argc, char **argv)
{
	const char *path = argc ? argv[0] : "/etc/passwd";
	int st;

	for (volatile int i = 0; i < 3; i++) {
		pid_t pid = i == 1 ? vfork() : fork();
		if (!pid) {
			int fd = open(path, O_RDONLY);
			_exit(fd < 0 ? 1 : 3);
		}
		waitpid(pid, &st, 0);
		show_status(i == 1 ? "vfork" : "fork", st);
	}
	pid_t pid = clone(cloned, unused_stack(), CLONE_VM | CLONE_FILES | SIGCHLD, (void *)path);
	waitpid(pid, &st, 0);
	show_status("clone", st);
	char b;
	printf("its descriptor: %s\n", read(shared_fd, &b, 1) >= 0 ? "ours too" : "lost");
	uint64_t args[8] = { 0, 0, 0, 0, SIGCHLD };
	long r = syscall(435, args, sizeof args);
	if (!r) _exit(open(path, O_RDONLY) < 0 ? 1 : 9);
	if (r < 0) return show("clone3", r), 0;
	waitpid((pid_t)r, &st, 0);
	show_status("clone3", st);
	return 0;
}

/* run PROGRAM ARG…: vfork and exec, status */
static int run_program(int argc, char **argv)
{
	int st;
	(void)argc;
	pid_t pid = vfork();
	if (!pid) {
		execv(argv[0], argv);
		_exit(127);
	}
	waitpid(pid, &st, 0);
	show_status("end", st);
	return 0;
}

/* daemon FILE MS: leaves a child behind that writes FILE later */
static int leave_behind(int argc, char **argv)
{
	(void)argc;
	if (fork()) return 4;
	setsid();
	usleep((useconds_t)atoi(argv[1]) * 1000);
	int fd = open(argv[0], O_WRONLY | O_CREAT, 0600);
	return write(fd, "late\n", 5) != 5;
}

/* nest: tracing inside */
static int nest(int argc, char **argv)
{
	(void)argc, (void)argv;
	pid_t pid = fork();
	int st;
	if (!pid) _exit(ptrace(PTRACE_TRACEME, 0, 0, 0) < 0 ? 10 : 11);
	waitpid(pid, &st, 0);
	show_status("TRACEME", st);
	return 0;
}

/* pods NEWROOT PATH [VALUE]: new mount and PID namespace, own /proc, pivot_root; then reads and
 * writes */
static int in_pod(void *arg)
{
	char **argv = arg;
	char b[128];

	show("private", mount("", "/", "", MS_REC | MS_PRIVATE, ""));
	if (mount("tmpfs", argv[0], "tmpfs", 0, "")) return show("tmpfs", -1), 1;
	if (chdir(argv[0]) || mkdir("proc", 0755) || mkdir("old", 0755) || mkdir("dev", 0755))
		return 2;
	show("proc", mount("proc", "proc", "proc", 0, ""));
	show("pivot_root", syscall(SYS_pivot_root, ".", "old"));
	show("chdir", chdir("/"));
	show("umount", umount2("/old", MNT_DETACH));
	prctl(PR_SET_DUMPABLE, 0);
	for (char **p = argv + 1; *p; p++) {
		char *value = strchr(*p, '=');
		if (value) *value++ = 0;
		if (value) {
			int w = open(*p, O_WRONLY | O_TRUNC | O_CREAT, 0644);
			show("open for writing", w);
			show("write", write(w, value, strlen(value)));
			close(w);
		}
		int fd = open(*p, O_RDONLY);
		ssize_t n = fd < 0 ? -1 : read(fd, b, sizeof b - 1);
		printf("%s: %.*s", *p, n < 0 ? 0 : (int)n, b);
		if (n < 0) puts(result_name(-1));
		if (fd >= 0) close(fd);
	}
	return 0;
}

static int pod(int argc, char **argv)
{
	int st;
	(void)argc;
	fflush(stdout);
	pid_t pid = clone(in_pod, unused_stack(), CLONE_NEWNS | CLONE_NEWPID | SIGCHLD, argv);
	if (pid < 0) return show("clone", pid), 0;
	waitpid(pid, &st, 0);
	show_status("end", st);
	return 0;
}

static volatile sig_atomic_t counted;

static void count_one(int sig)
{
	(void)sig;
	counted++;
}

/* count: how often SIGTERM comes within half a second of the first */
static int count(int argc, char **argv)
{
	(void)argc, (void)argv;
	signal(SIGTERM, count_one);
	puts("ready");
	fflush(stdout);
	while (!counted) usleep(1000);
	for (int i = 0; i < 500; i++) usleep(1000);
	printf("%d\n", (int)counted);
	return 0;
}

const struct command process_commands[] = {
	{ "exit", leave }, { "die", die_of }, { "stops", stops }, { "signals", signals },
	{ "restarts", restarts }, { "births", births },
	{ "run", run_program }, { "count", count }, { "leave-behind", leave_behind },
	{ "nest", nest }, { "pod", pod }, { 0 },
};
