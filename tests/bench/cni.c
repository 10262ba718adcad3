/* cni OURS PEER EMPTY RUNS LEASES DIR: what ADD, DEL and VERSION of two host-local programs cost, each
 * less the start of an empty static program (they take turns, so that a busy machine is busy for all);
 * medians. DIR is for the stores. */
#include <errno.h>
#include <fcntl.h>
#include <spawn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

enum { MOST = 1000, PROGRAMS = 5 };   /* empty; ours with one lease and with many; the peer with one and with many */
static const char *const commands[] = { "ADD", "DEL", "VERSION" };

struct series {
	double ms[MOST];
	int n;
	long kb;
};

static void die(const char *what)
{
	perror(what);
	exit(1);
}

static void write_file(const char *path, const char *text)
{
	int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC, 0600);
	if (fd < 0 || write(fd, text, strlen(text)) != (ssize_t)strlen(text)) die(path);
	close(fd);
}

/* A store with that many leases, and the configuration for it. */
static void prepare(const char *dir, int i, int leases)
{
	char path[512], text[1024];

	snprintf(path, sizeof path, "%s/%d", dir, i);
	mkdir(path, 0755);
	snprintf(path, sizeof path, "%s/%d/n", dir, i);
	if (mkdir(path, 0755) < 0) die(path);
	for (int k = 0; k < leases; k++) {
		snprintf(path, sizeof path, "%s/%d/n/10.99.%d.%d", dir, i, k / 250, 2 + k % 250);
		snprintf(text, sizeof text, "%064x\r\neth0", k);
		write_file(path, text);
	}
	snprintf(path, sizeof path, "%s/conf.%d", dir, i);
	snprintf(text, sizeof text, "{\"cniVersion\":\"1.0.0\",\"name\":\"n\",\"type\":\"bridge\",\"ipam\":{\"type\":\"host-local\","
		"\"ranges\":[[{\"subnet\":\"10.99.0.0/16\"}]],\"routes\":[{\"dst\":\"0.0.0.0/0\"}],\"dataDir\":\"%s/%d\"}}", dir, i);
	write_file(path, text);
}

static void run(const char *program, const char *command, const char *dir, int i, int round, struct series *s)
{
	char path[512], env_command[64], env_id[128];
	char *argv[] = { (char *)program, NULL };
	char *env[] = { env_command, env_id, "CNI_IFNAME=eth0", "CNI_NETNS=/nonexistent", "CNI_PATH=/nonexistent", NULL };
	posix_spawn_file_actions_t files;
	struct timespec a, b;
	struct rusage u;
	int status, err;
	pid_t pid;

	snprintf(env_command, sizeof env_command, "CNI_COMMAND=%s", command);
	snprintf(env_id, sizeof env_id, "CNI_CONTAINERID=%064x", (1 << 20) + round);
	snprintf(path, sizeof path, "%s/conf.%d", dir, i);
	posix_spawn_file_actions_init(&files);
	posix_spawn_file_actions_addopen(&files, 0, path, O_RDONLY, 0);
	posix_spawn_file_actions_addopen(&files, 1, "/dev/null", O_WRONLY, 0);
	clock_gettime(CLOCK_MONOTONIC, &a);
	if ((err = posix_spawn(&pid, program, &files, NULL, argv, env))) {
		errno = err;
		die(program);
	}
	if (wait4(pid, &status, 0, &u) < 0) die("wait4");
	clock_gettime(CLOCK_MONOTONIC, &b);
	posix_spawn_file_actions_destroy(&files);
	if (status) {
		fprintf(stderr, "%s %s: wait status %d\n", program, command, status);
		exit(1);
	}
	if (round < 0) return;   /* warm-up: the first call meets a store that it has not seen */
	s->ms[s->n++] = (double)(b.tv_sec - a.tv_sec) * 1e3 + (double)(b.tv_nsec - a.tv_nsec) / 1e6;
	if (u.ru_maxrss > s->kb) s->kb = u.ru_maxrss;
}

static int by_value(const void *a, const void *b)
{
	double d = *(const double *)a - *(const double *)b;
	return d < 0 ? -1 : d > 0;
}

static double median(struct series *s)
{
	qsort(s->ms, (size_t)s->n, sizeof *s->ms, by_value);
	return s->ms[s->n / 2];
}

int main(int argc, char **argv)
{
	static struct series all[PROGRAMS][3];

	if (argc != 7) return 100;
	const char *programs[PROGRAMS] = { argv[3], argv[1], argv[1], argv[2], argv[2] };
	int runs = atoi(argv[4]), leases[PROGRAMS] = { 0, 1, atoi(argv[5]), 1, atoi(argv[5]) };
	if (runs < 1 || runs > MOST) return 100;
	for (int i = 0; i < PROGRAMS; i++) prepare(argv[6], i, leases[i]);
	for (int round = -1; round < runs; round++)
		for (int c = 0; c < 3; c++)
			for (int i = 0; i < PROGRAMS; i++) {
				/* the slow one's median needs fewer runs */
				if (i == 4 && round >= 0 && c < 2 && round % 4) continue;
				run(programs[i], commands[c], argv[6], i, round, &all[i][c]);
			}
	double zero = median(&all[0][0]);
	printf("an empty static program: %.2f ms; what is below: ms more than that, medians of %d\n", zero, runs);
	printf("%-8s %8s %8s %7s  %7s %5d: %8s %8s %7s  %8s\n", "", "k3sbox", "peer", "ratio", "leases", leases[2], "k3sbox", "peer",
		"ratio", "full/one");
	for (int c = 0; c < 3; c++) {
		double ms[PROGRAMS];
		for (int i = 1; i < PROGRAMS; i++) ms[i] = median(&all[i][c]) - zero;
		printf("%-8s %8.2f %8.2f %6.1fx  %14s %8.2f %8.2f %6.1fx  %8.2f\n", commands[c], ms[1], ms[3], ms[3] / ms[1], "", ms[2],
			ms[4], ms[4] / ms[2], ms[2] / ms[1]);
	}
	printf("memory   %8ld %8ld KB, ADD; with the leases %ld and %ld KB; an empty program %ld KB\n", all[1][0].kb, all[3][0].kb,
		all[2][0].kb, all[4][0].kb, all[0][0].kb);
	return 0;
}
