/* shim N FROM TO PROGRAM… -- ARG…: runs each program N times in turn with the arguments, copying FROM to TO
 * before each call, and prints a line for each: median microseconds from start to end, mean microseconds of
 * processor time. */
#include <fcntl.h>
#include <spawn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

extern char **environ;

static double now(void)
{
	struct timespec t;
	clock_gettime(CLOCK_MONOTONIC, &t);
	return (double)t.tv_sec * 1e6 + (double)t.tv_nsec / 1e3;
}

static double cpu(void)
{
	struct rusage u;
	getrusage(RUSAGE_CHILDREN, &u);
	return (double)(u.ru_utime.tv_sec + u.ru_stime.tv_sec) * 1e6 + (double)(u.ru_utime.tv_usec + u.ru_stime.tv_usec);
}

static void copy(const char *from, const char *to)
{
	static char text[1 << 20];
	int in = open(from, O_RDONLY), out = open(to, O_WRONLY | O_CREAT | O_TRUNC, 0600);
	ssize_t n = read(in, text, sizeof text);

	if (in < 0 || out < 0 || n < 0 || write(out, text, (size_t)n) != n) exit(1);
	close(in);
	close(out);
}

static int by_size(const void *a, const void *b)
{
	return (*(const double *)a > *(const double *)b) - (*(const double *)a < *(const double *)b);
}

int main(int argc, char **argv)
{
	int n = atoi(argv[1]), programs = 0;
	while (strcmp(argv[4 + programs], "--")) programs++;
	char **args = argv + 4 + programs;   /* the "--" becomes argv[0] */
	double *wall = calloc((size_t)(n * programs), sizeof *wall), *used = calloc((size_t)programs,
		sizeof *used);

	(void)argc;
	for (int i = 0; i < n; i++) {
		for (int p = 0; p < programs; p++) {
			pid_t pid;
			int status;
			copy(argv[2], argv[3]);
			args[0] = argv[4 + p];
			double start = now(), before = cpu();
			if (posix_spawn(&pid, args[0], NULL, NULL, args, environ) || waitpid(pid, &status,
				0) != pid || status) return 1;
			wall[p * n + i] = now() - start;
			used[p] += cpu() - before;
		}
	}
	for (int p = 0; p < programs; p++) {
		qsort(wall + p * n, (size_t)n, sizeof *wall, by_size);
		printf("%.0f %.0f\n", wall[p * n + n / 2], used[p] / n);
	}
	return 0;
}
