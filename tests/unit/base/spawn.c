/* Child processes: how they start, end, are cut off and are cleaned up after. */
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "base/buf.h"
#include "base/spawn.h"
#include "unit.h"

#define SH(script) "/bin/sh", (char *[]){ "sh", "-c", script, NULL }

static int capture(const char *path, char **argv, char *out, size_t size, size_t max, bool both,
	int timeout_ms)
{
	struct buf b = {0};
	int r = spawn_capture(path, argv, &b, max, both, timeout_ms);

	snprintf(out, size, "%s", b.data ? b.data : "");
	buf_free(&b);
	return r;
}

static int descriptors(void)
{
	int n = 0;
	for (int fd = 0; fd < 256; fd++) n += fcntl(fd, F_GETFD) >= 0;
	return n;
}

TEST(output)
{
	char out[64];
	int fds = descriptors();

	CHECK(capture(SH("echo out; echo err >&2; exit 3"), out, sizeof out, 100, false,
		5000) == 3 << 8);
	CHECK_STR(out, "out\n");
	CHECK(!capture(SH("echo out; echo err >&2"), out, sizeof out, 100, true, 5000));
	CHECK_STR(out, "out\nerr\n");
	/* stdin is empty */
	CHECK(!capture(SH("cat; echo done"), out, sizeof out, 100, false, 5000));
	CHECK_STR(out, "done\n");
	CHECK(!capture(SH("i=0; while [ $i -lt 20000 ]; do echo 0123456789; i=$((i+1)); done"), out,
		sizeof out, 25, false, 20000));
	CHECK(strlen(out) == 25);   /* read to the end all the same: no SIGPIPE */
	CHECK(descriptors() == fds);
}

/* A program that runs for days must not hold more than it was given. */
TEST(descriptors_of_the_program)
{
	char out[64];

	/* what make and others have left open for this program */
	for (int fd = STDERR_FILENO + 1; fd < 256; fd++) fcntl(fd, F_SETFD, FD_CLOEXEC);
	CHECK(!capture(SH("for fd in 0 1 2 3 4 5 6 7 8 9; do [ ! -e /proc/$$/fd/$fd ] || "
		"echo $fd; done"), out, sizeof out, 60, false, 5000));
	CHECK_STR(out, "0\n1\n2\n");
}

TEST(programs_that_do_not_start)
{
	char out[8];
	int fds = descriptors();

	CHECK(capture("/none", (char *[]){ "x", NULL }, out, sizeof out, 8, false,
		1000) == -ENOENT);
	CHECK(capture("/", (char *[]){ "x", NULL }, out, sizeof out, 8, false, 1000) == -EACCES);
	struct spawn s = { .path = "/none", .argv = (char *[]){ "x", NULL }, .in = -1, .out = -1,
		.err = -1 };
	CHECK(spawn(&s) == -ENOENT);
	CHECK(waitpid(-1, NULL, WNOHANG) == -1 && errno == ECHILD);   /* and leave no zombie */
	CHECK(descriptors() == fds);
}

static double now(void)
{
	struct timespec t;
	clock_gettime(CLOCK_MONOTONIC, &t);
	return (double)t.tv_sec + (double)t.tv_nsec / 1e9;
}

static int sleeper(void *arg)
{
	(void)arg;
	return (int)sleep(60) + 1;
}

TEST(time_outs)
{
	char out[8];
	double start = now();

	CHECK(capture("/bin/sleep", (char *[]){ "sleep", "60", NULL }, out, sizeof out, 8, false,
		100) == -ETIMEDOUT);
	CHECK(spawn_call(sleeper, NULL, 100) == -ETIMEDOUT);
	CHECK(now() - start < 30);
	CHECK(waitpid(-1, NULL, WNOHANG) == -1 && errno == ECHILD);
}

TEST(statuses)
{
	char out[8];

	CHECK(spawn_status(capture(SH("exit 255"), out, sizeof out, 8, false, 5000)) == 255);
	CHECK(spawn_status(capture(SH("kill -9 $$"), out, sizeof out, 8, false, 5000)) == 128 + 9);
}

static int fn(void *arg)
{
	return *(int *)arg;
}

static int dies(void *arg)
{
	(void)arg;
	signal(SIGSEGV, SIG_DFL);
	raise(SIGSEGV);
	return 0;
}

static int changes(void *arg)
{
	*(int *)arg = 99;
	return chdir("/proc") ? 1 : 0;
}

TEST(calls)
{
	int n = 42;
	char before[256], after[256];

	CHECK(spawn_call(fn, &n, 5000) == 42);
	CHECK(spawn_call(dies, NULL, 5000) == 128 + SIGSEGV);
	CHECK(getcwd(before, sizeof before));
	CHECK(spawn_call(changes, &n, 5000) == 0);
	CHECK(n == 42 && getcwd(after, sizeof after) && !strcmp(before, after));
}

/* 32 and 33, which signal(2) refuses; some service managers start their programs with them
 * ignored. */
static void ignore_library_signals(bool yes)
{
	unsigned long action[8] = { yes };   /* SIG_IGN is 1 */
	for (int sig = 32; sig <= 33; sig++) syscall(SYS_rt_sigaction, sig, action, NULL, 8);
}

TEST(signals_and_descriptors_of_a_child)
{
	char out[256], script[256];
	sigset_t block;
	int leak = open("/dev/null", O_RDONLY | O_CLOEXEC);

	snprintf(script, sizeof script, "grep -E '^Sig(Blk|Ign)' /proc/self/status | tr -d '\\n'; "
		"[ ! -e "
		"/proc/self/fd/%d ] && echo closed", leak);
	/* what this process ignores and blocks, a child gets as if it were the first */
	signal(SIGTERM, SIG_IGN);
	ignore_library_signals(true);
	sigemptyset(&block);
	sigaddset(&block, SIGUSR1);
	sigprocmask(SIG_BLOCK, &block, NULL);
	int r = capture(SH(script), out, sizeof out, 200, false, 5000);
	sigprocmask(SIG_UNBLOCK, &block, NULL);
	signal(SIGTERM, SIG_DFL);
	ignore_library_signals(false);
	close(leak);
	CHECK(!r);
	CHECK_STR(out, "SigBlk:\t0000000000000000SigIgn:\t0000000000000000closed\n");
}

TEST(streams)
{
	int p[2];
	char got[32] = "";

	CHECK(!pipe2(p, O_CLOEXEC));
	/* stdin closed here: the pipe's end may become descriptor 0, which the child must not
	 * overwrite first */
	int saved = dup(0);
	close(0);
	int q[2];
	CHECK(!pipe2(q, O_CLOEXEC));
	struct spawn s = { .path = "/bin/sh", .argv = (char *[]){ "sh", "-c",
		"read x; echo got $x; echo err >&2", NULL },
		.in = q[0], .out = p[1], .err = SPAWN_NULL };
	pid_t pid = spawn(&s);
	int r = write(q[1], "word\n", 5) == 5;
	close(q[0]);
	close(q[1]);
	dup2(saved, 0);
	close(saved);
	close(p[1]);
	CHECK(r && pid > 0 && read(p[0], got, sizeof got - 1) == 9);
	CHECK_STR(got, "got word\n");
	CHECK(waitpid(pid, NULL, 0) == pid);
	close(p[0]);
}

TEST(sessions)
{
	struct spawn s = { .path = "/bin/sleep", .argv = (char *[]){ "sleep", "60", NULL },
		.in = SPAWN_NULL, .out = SPAWN_NULL,
		.err = SPAWN_NULL, .new_session = true };
	pid_t pid = spawn(&s);

	CHECK(pid > 0 && getsid(pid) == pid);
	CHECK(!kill(pid, SIGKILL) && waitpid(pid, NULL, 0) == pid);
}

/* Its child must end with it. */
static int parent(void *arg)
{
	struct spawn s = { .path = "/bin/sleep", .argv = (char *[]){ "sleep", "60", NULL },
		.in = SPAWN_NULL, .out = SPAWN_NULL,
		.err = SPAWN_NULL, .die_with_parent = SIGKILL };
	pid_t pid = spawn(&s);
	return pid > 0 && write(*(int *)arg, &pid, sizeof pid) == sizeof pid ? 0 : 1;
}

TEST(dies_with_its_parent)
{
	int p[2];
	pid_t pid;
	char path[32];

	CHECK(!pipe2(p, O_CLOEXEC) && spawn_call(parent, &p[1], 5000) == 0);
	CHECK(read(p[0], &pid, sizeof pid) == sizeof pid);
	snprintf(path, sizeof path, "/proc/%d/exe", (int)pid);
	char exe[64];
	/* a zombie has none */
	for (int i = 0; i < 100 && readlink(path, exe, sizeof exe) > 0; i++) usleep(20000);
	CHECK(readlink(path, exe, sizeof exe) < 0);
	close(p[0]);
	close(p[1]);
}

UNIT_MAIN("spawn")
