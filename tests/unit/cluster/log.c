/* The log: rotation, last lines, following, causes. */
#include "cluster/log.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "base/io.h"
#include "unit.h"

static char dir[] = "/tmp/k3sbox-unit-XXXXXX", path[64], old[72];
static struct buf b;

static const char *tail(unsigned n)
{
	buf_free(&b);
	return log_tail(path, n, &b) ? NULL : b.data ? b.data : "";
}

static void put(const char *text)
{
	io_replace(path, 0600, text, strlen(text));
}

TEST(open_makes_a_new_one)
{
	struct stat st;
	CHECK(mkdtemp(dir));
	snprintf(path, sizeof path, "%s/sub/log", dir);
	snprintf(old, sizeof old, "%s.1", path);
	int fd = log_open(path);
	CHECK(fd >= 0 && write(fd, "first\n", 6) == 6 && !fstat(fd, &st) &&
		(st.st_mode & 0777) == 0600);
	close(fd);
	fd = log_open(path);
	CHECK(fd >= 0 && !fstat(fd, &st) && st.st_size == 0 && !stat(old, &st) && st.st_size == 6);
	close(fd);
}

TEST(tails)
{
	put("");
	CHECK_STR(tail(3), "");
	put("one\ntwo\nthree\n");
	CHECK_STR(tail(0), "");
	CHECK_STR(tail(1), "three\n");
	CHECK_STR(tail(2), "two\nthree\n");
	CHECK_STR(tail(3), "one\ntwo\nthree\n");
	CHECK_STR(tail(99), "one\ntwo\nthree\n");
	put("one\ntwo");
	CHECK_STR(tail(1), "two");
	put("\n\n\n");
	CHECK_STR(tail(2), "\n\n");
	char *big = malloc(100001);
	memset(big, 'x', 100000);
	big[100000] = 0;
	big[50000] = '\n';
	put(big);
	CHECK(strlen(tail(1)) == 49999);
	CHECK(strlen(tail(2)) == 100000);
	free(big);
	buf_free(&b);
	CHECK(log_tail("/nowhere/at/all", 1, &b) == -ENOENT);
	buf_free(&b);
}

TEST(rotation_keeps_the_writers_descriptor)
{
	struct stat st;
	int fd = log_open(path);
	for (int i = 0; i < 100; i++) CHECK(write(fd, "0123456789\n", 11) == 11);
	CHECK(!log_rotate(path, 5000) && !fstat(fd, &st) && st.st_size == 1100);
	CHECK(!log_rotate(path, 500) && !fstat(fd, &st) && st.st_size == 0);
	CHECK(!stat(old, &st) && st.st_size == 1100);
	CHECK(write(fd, "next\n", 5) == 5 && !fstat(fd, &st) && st.st_size == 5);
	close(fd);
}

static bool enough(void *arg)
{
	struct stat st;
	return !fstat(*(int *)arg, &st) && st.st_size >= 24;
}

/* A follower sees additions, a cut and a new file of the name. */
TEST(following)
{
	char seen[64];
	snprintf(seen, sizeof seen, "%s/seen", dir);
	int out = open(seen, O_RDWR | O_CREAT | O_TRUNC, 0600), fd = log_open(path);
	CHECK(out >= 0 && fd >= 0);
	pid_t pid = fork();
	if (!pid) _exit(log_follow(path, 0, out, enough, &out) < 0);
	struct timespec step = { .tv_nsec = 250000000 };
	CHECK(write(fd, "added 1\n", 8) == 8);
	nanosleep(&step, NULL);
	CHECK(!truncate(path, 0));
	nanosleep(&step, NULL);
	CHECK(write(fd, "after..\n", 8) == 8);
	nanosleep(&step, NULL);
	close(fd);
	fd = log_open(path);
	CHECK(write(fd, "new one\n", 8) == 8);
	int status = -1;
	waitpid(pid, &status, 0);
	CHECK(status == 0);
	buf_free(&b);
	CHECK(!io_read(seen, &b, 1000));
	CHECK_STR(b.data, "added 1\nafter..\nnew one\n");
	close(fd);
	close(out);
}

TEST(what_k3s_waits_for)
{
	char text[] = "a: Node password rejected, duplicate\nE1 x: failed to pull image y\n"
		"b: Unable to register node with API server, z\nend\n";
	char other[] = "all is well\n";
	const char *help = NULL;

	CHECK_STR(log_waits(text, &help), "Unable to register node with API server, z");
	CHECK(strstr(help, "--node-name"));
	CHECK(!log_waits(other, &help));
}

TEST(causes)
{
	CHECK(strstr(log_cause("listen tcp :6443: bind: address already in use"),
		"--https-listen-port"));
	CHECK(strstr(log_cause("write x: no space left on device"), "--data-dir"));
	CHECK(strstr(log_cause("Open /dev/kmsg: No Such File"), "/dev writable"));
	CHECK(strstr(log_cause("x: \"overlayfs\" snapshotter cannot be enabled for \"/d\", "
		"try using \"native\": y"), "--snapshotter=native"));
	/* what k3s runs with, or what is about a container */
	CHECK(!log_cause("cni plugin not initialized") && !log_cause("unable to apply caps"));
	CHECK(!log_cause("all is well") && !log_cause(""));
}

TEST(why_k3s_ended)
{
	char out[64];

	log_last_error("level=info msg=\"Starting\"\nE1125 12:00:00.1 7 x.go:7] first\n"
		"E1125 12:00:00.2 7 y.go:9] \"Last one\" err=\"z\"\nI1125 b.go:1] bye\n", out,
		sizeof out);
	CHECK_STR(out, "Last one err=z");
	/* what counts more, whatever comes behind it */
	log_last_error("time=x level=error msg=\"Shutdown request received: "
		"\\\"containerd exited: signal: killed\\\"\"\ntime=y level=error msg=\"context "
		"canceled\"\nE1125 z.go:1] closed", out, sizeof out);
	CHECK_STR(out, "Shutdown request received: containerd exited: signal: killed");
	log_last_error("level=fatal msg=one\nlevel=error msg=two\n", out, sizeof out);
	CHECK_STR(out, "one");
	log_last_error("panic: a\x1b[31mb that is too long for the place in which it is to be put\n",
		out, 12);
	CHECK_STR(out, "panic: a[31");
	log_last_error("level=info msg=\"all is well\"\nEnd\n", out, sizeof out);
	CHECK_STR(out, "");
	log_last_error("", out, sizeof out);
	CHECK_STR(out, "");

	put("level=fatal msg=\"of the first\"\n" LOG_AGAIN "level=info msg=x\n");
	log_end(path, 0, out, sizeof out);
	CHECK_STR(out, "");
	put(LOG_AGAIN "level=fatal msg=\"of the second\"\n");
	log_end(path, 1, out, sizeof out);
	CHECK_STR(out, "of the second");
	log_end(path, 137, out, sizeof out);
	CHECK_STR(out, "killed by signal 9");
	log_end("/nowhere/at/all", 1, out, sizeof out);
	CHECK_STR(out, "");
	io_remove_tree(dir);
	buf_free(&b);
}

UNIT_MAIN("log")
