/* Starts child processes and waits for them. */
#include "base/spawn.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "base/buf.h"
#include "base/cleanup.h"
#include "base/clock.h"

extern char **environ;

/* By the system call: signal(2) of a C library refuses the numbers that it keeps to itself (32 to
 * 34), and our own parent may have left those ignored too. All zeros is SIG_DFL without flags, in
 * every architecture's struct. */
static void default_signals(void)
{
	enum { LAST = 64, SET_BYTES = 8 };
	static const unsigned long action[8] = {0};
	sigset_t none;

	for (int sig = 1; sig <= LAST; sig++)
		syscall(SYS_rt_sigaction, sig, action, NULL, SET_BYTES);
	sigemptyset(&none);
	sigprocmask(SIG_SETMASK, &none, NULL);
}

/* Puts from at descriptor to; -1 keeps what is there. */
static int place(int from, int to)
{
	if (from == -1) return 0;
	if (from == SPAWN_NULL) {
		from = open("/dev/null", (to == STDIN_FILENO ? O_RDONLY : O_WRONLY) | O_CLOEXEC);
		if (from < 0) return -1;
	}
	if (from == to) return fcntl(to, F_SETFD, 0);
	return dup2(from, to);
}

/* Moves a descriptor out of the way of 0, 1 and 2, which place() is about to overwrite. */
static int lift(int fd)
{
	return fd >= 0 && fd <= STDERR_FILENO ? fcntl(fd, F_DUPFD_CLOEXEC, STDERR_FILENO + 1) : fd;
}

static _Noreturn void child(const struct spawn *s, pid_t parent, int report)
{
	int in = lift(s->in), out = lift(s->out), err = lift(s->err);

	default_signals();
	if (s->new_session) setsid();
	if (s->die_with_parent) {
		prctl(PR_SET_PDEATHSIG, s->die_with_parent);
		if (getppid() != parent) _exit(0);   /* it went before we asked */
	}
	if (place(in, STDIN_FILENO) >= 0 && place(out, STDOUT_FILENO) >= 0 &&
		place(err, STDERR_FILENO) >= 0)
		execve(s->path, s->argv, s->envp ? s->envp : environ);
	int e = errno;
	ssize_t r = write(report, &e, sizeof e);
	(void)r;
	_exit(127);
}

pid_t spawn(const struct spawn *s)
{
	int report[2], e = 0;
	pid_t self = getpid();

	if (pipe2(report, O_CLOEXEC) < 0) return -errno;
	pid_t pid = fork();
	if (pid == 0) child(s, self, report[1]);
	if (pid < 0) e = errno;
	close(report[1]);
	if (pid > 0) {
		ssize_t n;
		do n = read(report[0], &e, sizeof e);
		while (n < 0 && errno == EINTR);
		if (n != sizeof e) e = 0;
		else while (waitpid(pid, NULL, 0) < 0 && errno == EINTR) ;
	}
	close(report[0]);
	return e ? -e : pid;
}

/* Reads fd until its writers are gone; -ETIMEDOUT if that takes longer than until end. */
static int drain(int fd, struct buf *out, size_t max, int64_t end)
{
	char chunk[4096];

	for (;;) {
		struct pollfd p = { .fd = fd, .events = POLLIN };
		int64_t left = end - clock_ms();
		int r = poll(&p, 1, left < 0 ? 0 : (int)left);
		if (r < 0 && errno == EINTR) continue;
		if (r < 0) return -errno;
		if (!r) return -ETIMEDOUT;
		ssize_t n = read(fd, chunk, sizeof chunk);
		if (n < 0 && errno == EINTR) continue;
		if (n <= 0) return n < 0 ? -errno : 0;
		size_t room = max > out->len ? max - out->len : 0;
		buf_add(out, chunk, (size_t)n < room ? (size_t)n : room);
	}
}

int spawn_wait(pid_t pid)
{
	int status;
	while (waitpid(pid, &status, 0) < 0)
		if (errno != EINTR) return -errno;
	return status;
}

int spawn_capture(const char *path, char *const *argv, struct buf *out, size_t max, bool both,
	int timeout_ms)
{
	int p[2];

	if (pipe2(p, O_CLOEXEC) < 0) return -errno;
	struct spawn s = { .path = path, .argv = argv, .in = SPAWN_NULL, .out = p[1], .err = both
		? p[1] : SPAWN_NULL };
	pid_t pid = spawn(&s);
	close(p[1]);
	if (pid < 0) {
		close(p[0]);
		return pid;
	}
	int r = drain(p[0], out, max, clock_ms() + timeout_ms);
	if (r < 0) kill(pid, SIGKILL);
	close(p[0]);
	int status = spawn_wait(pid);
	return r < 0 ? r : status;
}

int spawn_status(int status)
{
	return WIFSIGNALED(status) ? 128 + WTERMSIG(status) : WEXITSTATUS(status);
}

int spawn_call(int (*fn)(void *arg), void *arg, int timeout_ms)
{
	int p[2];
	_cleanup_buf_ struct buf none = {0};

	if (pipe2(p, O_CLOEXEC) < 0) return -errno;
	pid_t pid = fork();
	if (pid < 0) {
		int e = errno;
		close(p[0]);
		close(p[1]);
		return -e;
	}
	if (!pid) {
		close(p[0]);
		default_signals();
		_exit(fn(arg) & 0xff);
	}
	close(p[1]);
	int r = drain(p[0], &none, 0, clock_ms() + timeout_ms);
	if (r < 0) kill(pid, SIGKILL);
	close(p[0]);
	int status = spawn_wait(pid);
	return r < 0 ? r : status < 0 ? status : spawn_status(status);
}
