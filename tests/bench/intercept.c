/* Prints "NAME ns" for what a tracer may slow down: the median of a few rounds. */
#include <fcntl.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

enum { ROUNDS = 7 };

static const char *plain = "/etc/hostname", *seeded = "/proc/sys/net/core/devconf_inherit_init_net";

static double now(void)
{
	struct timespec t;
	clock_gettime(CLOCK_MONOTONIC, &t);
	return (double)t.tv_sec * 1e9 + (double)t.tv_nsec;
}

static void unnamed(void)
{
	syscall(SYS_getppid);
}

static void open_close(void)
{
	close(open(plain, O_RDONLY));
}

static void seeded_open_close(void)
{
	int fd = open(seeded, O_RDONLY);
	if (fd >= 0) close(fd);
}

static void stat_one(void)
{
	struct stat st;
	stat(plain, &st);
}

static void create_excl(void)
{
	close(open("/etc/hostname", O_RDONLY | O_CREAT | O_EXCL, 0600));
}

static void *nothing(void *arg)
{
	return arg;
}

static void thread(void)
{
	pthread_t t;
	if (!pthread_create(&t, NULL, nothing, NULL)) pthread_join(t, NULL);
}

static void process(void)
{
	pid_t pid = fork();
	if (!pid) _exit(0);
	waitpid(pid, NULL, 0);
}

static const struct { const char *name; void (*run)(void); int n; } ops[] = {
	{ "getppid", unnamed, 4000 }, { "open+close", open_close, 400 }, { "stat", stat_one, 400 },
	{ "open-new", create_excl, 400 }, { "open-seeded", seeded_open_close, 60 }, { "thread", thread, 60 }, { "fork", process, 40 },
};

static void *sleeper(void *arg)
{
	usleep(2000000);
	return arg;
}

/* With N threads asleep behind it the tracer's waitpid has a long list to look through. */
static void among_threads(int n)
{
	pthread_attr_t a;
	pthread_t t;

	pthread_attr_init(&a);
	pthread_attr_setstacksize(&a, 32768);
	for (int i = 0; i < n; i++) pthread_create(&t, &a, sleeper, NULL);
}

static int by_size(const void *a, const void *b)
{
	double x = *(const double *)a, y = *(const double *)b;
	return (x > y) - (x < y);
}

int main(int argc, char **argv)
{
	int scale = argc > 1 ? atoi(argv[1]) : 1;

	if (argc > 2) among_threads(atoi(argv[2]));
	for (size_t i = 0; i < sizeof ops / sizeof *ops; i++) {
		double took[ROUNDS];
		int n = ops[i].n / scale + 1;
		if (argc > 2 && i != 1) continue;
		for (int r = 0; r < ROUNDS; r++) {
			double t = now();
			for (int k = 0; k < n; k++) ops[i].run();
			took[r] = (now() - t) / n;
		}
		qsort(took, ROUNDS, sizeof *took, by_size);
		printf("%s %.0f\n", ops[i].name, took[ROUNDS / 2]);
	}
	return 0;
}
