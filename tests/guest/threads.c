/* Threads. */
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "guest.h"

static const char *path = "/etc/passwd";
static atomic_int good, bad;
static int rounds = 10;

static void *opener(void *arg)
{
	char b[256];
	for (int i = 0; i < rounds; i++) {
		int fd = open(path, O_RDONLY | O_CLOEXEC);
		if (fd >= 0 && read(fd, b, sizeof b) >= 0) good++;
		else bad++;
		close(fd);
	}
	return arg;
}

static pthread_t start(void *(*fn)(void *), void *arg)
{
	pthread_t t;
	pthread_attr_t a;
	pthread_attr_init(&a);
	pthread_attr_setstacksize(&a, 64 << 10);
	if (pthread_create(&t, &a, fn, arg)) {
		show("pthread_create", -1);
		exit(1);
	}
	return t;
}

/* threads N ROUNDS PATH: N at once, each opens ROUNDS times */
static int threads(int argc, char **argv)
{
	static pthread_t t[5000];
	int n = argc > 0 ? atoi(argv[0]) : 10;
	if (argc > 1) rounds = atoi(argv[1]);
	if (argc > 2) path = argv[2];

	for (int i = 0; i < n; i++) t[i] = start(opener, NULL);
	for (int i = 0; i < n; i++) pthread_join(t[i], NULL);
	printf("good %d bad %d\n", good, bad);
	return 0;
}

static void *nothing(void *arg)
{
	return arg;
}

/* churn N: N threads and as many forks, each ends at once */
static int churn(int argc, char **argv)
{
	int n = argc ? atoi(argv[0]) : 100, st, ended = 0;

	for (int i = 0; i < n; i++) {
		pthread_t t = start(nothing, NULL);
		pid_t pid = fork();
		if (!pid) _exit(0);
		pthread_join(t, NULL);
		ended += waitpid(pid, &st, 0) == pid && st == 0;
	}
	printf("ended: %d\n", ended);
	return 0;
}

static char **exec_argv;

static void *exec_it(void *arg)
{
	execv(exec_argv[0], exec_argv);
	return arg;
}

static void *spin(void *arg)
{
	for (;;) close(open(path, O_RDONLY));
	return arg;
}

/* exec PROGRAM ARG…: from a thread that is not the first, while others are busy */
static int exec_from_thread(int argc, char **argv)
{
	(void)argc;
	for (int i = 0; i < 8; i++) start(spin, NULL);
	usleep(10000);
	exec_argv = argv;
	start(exec_it, NULL);
	pause();
	return 1;
}

static char shared_path[2][64];

static void *scribble(void *arg)
{
	for (;;) {
		for (int i = 0; i < 64; i++) shared_path[0][i] = shared_path[1][i];
		memcpy(shared_path[0], "/proc/sys/kernel/none", 22);
	}
	return arg;
}

/* race A: a thread rewrites the path while it is opened: either file, or none, never nonsense */
static int race(int argc, char **argv)
{
	int odd = 0;
	(void)argc;
	snprintf(shared_path[1], sizeof shared_path[1], "%s", argv[0]);
	start(scribble, NULL);
	for (int i = 0; i < 2000; i++) {
		int fd = open(shared_path[0], O_RDONLY);
		if (fd < 0 && errno != ENOENT && errno != ENOTDIR) odd++;
		if (fd >= 0) close(fd);
	}
	printf("odd: %d\n", odd);
	return 0;
}

/* urgent N: threads that are hit by SIGURG all the time, as Go's are, while they open files */
static void no_op(int sig)
{
	(void)sig;
}

static int urgent(int argc, char **argv)
{
	static pthread_t t[64];
	int n = argc ? atoi(argv[0]) : 4;
	if (argc > 1) path = argv[1];
	struct sigaction sa = { .sa_handler = no_op, .sa_flags = SA_RESTART };

	sigaction(SIGURG, &sa, NULL);
	rounds = 200;
	for (int i = 0; i < n; i++) t[i] = start(opener, NULL);
	for (int k = 0; k < 300; k++)
		for (int i = 0; i < n; i++)
			if (good + bad < n * rounds) syscall(SYS_tkill, getpid() + i + 1, SIGURG);
	for (int i = 0; i < n; i++) pthread_join(t[i], NULL);
	printf("good %d bad %d\n", good, bad);
	return 0;
}

static int write_fd;
static ssize_t written;
static int write_errno;

static void *writer(void *arg)
{
	written = write(write_fd, arg, strlen(arg));
	write_errno = errno;
	return NULL;
}

/* hand PATH VALUE: opened by one thread, written by another that ran all the time */
static void *waiting_writer(void *arg)
{
	while (!*(volatile int *)&write_fd) {}
	return writer(arg);
}

static int hand(int argc, char **argv)
{
	(void)argc;
	pthread_t t = start(waiting_writer, argv[1]);
	usleep(10000);
	int fd = open(argv[0], O_WRONLY);
	show("open", fd);
	*(volatile int *)&write_fd = fd;
	pthread_join(t, NULL);
	errno = write_errno;
	show("written", written);
	return 0;
}

static atomic_int stolen_fd, over;

/* As soon as there is a descriptor of that number, it is another file. */
static void *thief(void *arg)
{
	while (!over) {
		int fd = stolen_fd;
		if (fd > 0 && fcntl(fd, F_GETFD) >= 0) dup2(*(int *)arg, fd);
	}
	return NULL;
}

/* steal FILE: does one who fills /proc/self/mountinfo's stand-in write to FILE instead? */
static int steal(int argc, char **argv)
{
	int victim = argc > 0 ? open(argv[0], O_PATH | O_CLOEXEC) : -1;

	show("victim", victim);
	pthread_t t = start(thief, &victim);
	for (int i = 0; i < 300; i++) {
		int next = dup(0);
		close(next);
		stolen_fd = next;
		int fd = open("/proc/self/mountinfo", O_RDONLY);
		stolen_fd = 0;
		if (fd >= 0) close(fd);
	}
	over = 1;
	pthread_join(t, NULL);
	return 0;
}

const struct command thread_commands[] = {
	{ "steal", steal },
	{ "threads", threads }, { "churn", churn }, { "exec", exec_from_thread }, { "race", race },
	{ "urgent", urgent }, { "hand", hand },
	{ 0 },
};
