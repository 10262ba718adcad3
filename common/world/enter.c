/* Both ends of `enter`. A request is one packet: the current directory, the number of arguments,
 * the arguments, and the environment, all of them NUL-terminated strings; three descriptors go with
 * it. A 't' behind the number: they are a terminal, to be the command's controlling one. Each byte
 * that follows is a signal to pass on. The answer is a struct answer. */
#include "world/enter.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <poll.h>
#include <signal.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/buf.h"
#include "base/cleanup.h"
#include "base/die.h"
#include "base/io.h"
#include "base/process.h"
#include "base/spawn.h"
#include "world/terminal.h"

extern char **environ;

enum { REQUEST_MAX = 256 * 1024, STANDARD = 3, BACKLOG = 16 };

struct answer {
	int status;                /* the command's exit status */
	int error;                 /* 0; or a positive errno: it could not be executed */
};

static const int passed_on[] = { SIGINT, SIGTERM, SIGHUP, SIGQUIT, SIGWINCH };

static int unix_socket(struct sockaddr_un *a)
{
	int fd = socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0);

	*a = (struct sockaddr_un){ .sun_family = AF_UNIX };
	memcpy(a->sun_path, ENTER_SOCKET, sizeof ENTER_SOCKET);
	return fd < 0 ? -errno : fd;
}

/* ---- inside ---- */

struct request {
	char *text;                /* REQUEST_MAX bytes */
	size_t len;
	int fd[STANDARD];
};

/* 0 or -errno; the descriptors are the caller's to close. */
static int receive(int connection, struct request *q)
{
	_Alignas(struct cmsghdr) char control[CMSG_SPACE(sizeof q->fd)];
	struct iovec part = { q->text, REQUEST_MAX };
	struct msghdr m = {
		.msg_iov = &part, .msg_iovlen = 1, .msg_control = control,
		.msg_controllen = sizeof control,
	};
	ssize_t n = recvmsg(connection, &m, MSG_CMSG_CLOEXEC);

	if (n < 0) return -errno;
	for (struct cmsghdr *c = CMSG_FIRSTHDR(&m); c; c = CMSG_NXTHDR(&m, c)) {
		if (c->cmsg_level != SOL_SOCKET || c->cmsg_type != SCM_RIGHTS ||
		    c->cmsg_len != CMSG_LEN(sizeof q->fd))
			continue;
		memcpy(q->fd, CMSG_DATA(c), sizeof q->fd);
		q->len = (size_t)n;
		return n && !q->text[n - 1] && !(m.msg_flags & MSG_TRUNC) ? 0 : -EBADMSG;
	}
	return -EBADMSG;
}

/* Splits the text into arguments and environment. The current directory. */
static const char *split(const struct request *q, struct strv *argv, struct strv *env)
{
	const char *end = q->text + q->len, *s = q->text + strlen(q->text) + 1;
	unsigned long arguments = 0;

	if (s < end) {
		arguments = strtoul(s, NULL, 10);
		s += strlen(s) + 1;
	}
	for (; s < end; s += strlen(s) + 1) strv_add(argv->n < arguments ? argv : env, s);
	return q->text;
}

static const char *find_path(const struct strv *env)
{
	for (size_t i = 0; i < env->n; i++)
		if (!strncmp(env->v[i], "PATH=", 5)) return env->v[i] + 5;
	return "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin";
}

static bool wants_terminal(const struct request *q)
{
	const char *s = q->text + strlen(q->text) + 1;
	return s < q->text + q->len && *s && s[strlen(s) - 1] == 't';
}

/* Becomes the command; -errno if that fails. */
static int become(const struct request *q)
{
	struct strv argv = {0}, env = {0};
	char path[PATH_MAX];
	const char *directory = split(q, &argv, &env);

	/* Without one the shell does without job control, and says so. */
	if (wants_terminal(q)) ioctl(q->fd[0], TIOCSCTTY, 0);
	for (int i = 0; i < STANDARD; i++)
		if (dup2(q->fd[i], i) < 0) return -errno;
	if (chdir(directory) < 0 && chdir("/") < 0) return -errno;
	int r = argv.n ? io_find_program(argv.v[0], find_path(&env), path, sizeof path) : -EINVAL;
	if (r < 0) return r;
	execve(path, argv.v, env.v);
	return -errno;
}

/* Reports by a positive errno why the command could not be executed; report closes if it could. */
static _Noreturn void execute(const struct request *q, int report)
{
	int error = -become(q);

	/* Without a report its exit status must do. */
	io_write_fd(report, &error, sizeof error);
	_exit(error == ENOENT ? EX_NOTFOUND : EX_NOEXEC);
}

static void wake_up(int sig)
{
	(void)sig;
}

/* All of the session: the shell, and the jobs that it has put into groups of their own. Linux tells
 * the one in the foreground by itself, gVisor does not. */
static void tell_size_changed(pid_t session)
{
	_cleanup_procs_ struct procs all = {0};

	procs_read(&all);
	for (size_t i = 0; i < all.n; i++)
		if (getsid(all.v[i].id.pid) == session) kill(all.v[i].id.pid, SIGWINCH);
}

/* Waits for the command, and passes on the signals that the caller sends; the end of the caller is
 * a hangup. SIGCHLD is blocked. The exit status. */
static int attend(int connection, pid_t pid)
{
	struct pollfd p = { .fd = connection, .events = POLLIN };
	sigset_t none;
	int status;

	sigemptyset(&none);
	for (;;) {
		pid_t ended = waitpid(pid, &status, WNOHANG);
		if (ended == pid) return spawn_status(status);
		if (ppoll(&p, 1, NULL, &none) <= 0) continue;
		unsigned char sig = 0;
		ssize_t n = recv(connection, &sig, 1, MSG_DONTWAIT);
		if (n == 1 && sig == SIGWINCH) tell_size_changed(pid);
		else if (n == 1) kill(-pid, sig);
		else if (!n) kill(-pid, SIGHUP), p.fd = -1;
	}
}

/* SIGCHLD is blocked and caught, so that attend() is woken up by it. */
static void catch_child(sigset_t *before)
{
	sigset_t child;

	sigemptyset(&child);
	sigaddset(&child, SIGCHLD);
	sigprocmask(SIG_BLOCK, &child, before);
	signal(SIGCHLD, wake_up);
}

/* Starts the command. Its pid, or -errno; *error is 0, or why it could not be executed. */
static pid_t start(const struct request *q, int connection, int *error)
{
	sigset_t before;
	int report[2];

	*error = 0;
	if (pipe2(report, O_CLOEXEC) < 0) return -errno;
	catch_child(&before);
	pid_t pid = fork();
	if (!pid) {
		signal(SIGCHLD, SIG_DFL);
		sigprocmask(SIG_SETMASK, &before, NULL);
		setsid();
		close(connection);
		execute(q, report[1]);
	}
	if (pid < 0) pid = -errno;
	close(report[1]);
	while (read(report[0], error, sizeof *error) < 0 && errno == EINTR) ;
	close(report[0]);
	return pid;
}

static _Noreturn void serve_one(int connection)
{
	struct request q = { .text = xmalloc(REQUEST_MAX), .fd = { -1, -1, -1 } };
	struct answer answer;

	if (receive(connection, &q) < 0) _exit(1);
	pid_t pid = start(&q, connection, &answer.error);
	for (int i = 0; i < STANDARD; i++) close(q.fd[i]);
	if (pid < 0) answer = (struct answer){ EX_NOEXEC, -pid };
	else answer.status = attend(connection, pid);
	_exit(send(connection, &answer, sizeof answer, MSG_NOSIGNAL) < 0);
}

static _Noreturn void serve(int listener)
{
	sigset_t none;

	prctl(PR_SET_PDEATHSIG, SIGKILL);
	sigemptyset(&none);
	sigprocmask(SIG_SETMASK, &none, NULL);
	for (size_t i = 0; i < sizeof passed_on / sizeof *passed_on; i++)
		signal(passed_on[i], SIG_DFL);
	signal(SIGCHLD, SIG_IGN);   /* the children need no waiting for */
	for (;;) {
		int connection = accept4(listener, NULL, NULL, SOCK_CLOEXEC);
		if (connection < 0) continue;
		if (!fork()) {
			close(listener);
			serve_one(connection);
		}
		close(connection);
	}
}

pid_t enter_start_server(void)
{
	struct sockaddr_un a;
	int fd = unix_socket(&a);

	if (fd < 0) return fd;
	int r = io_unlink(ENTER_SOCKET);   /* an earlier world's */
	if (!r && (bind(fd, (struct sockaddr *)&a, sizeof a) < 0 || chmod(ENTER_SOCKET, 0600) < 0 ||
		   listen(fd, BACKLOG) < 0))
		r = -errno;
	pid_t pid = r < 0 ? r : fork();
	if (!pid) serve(fd);
	close(fd);
	return pid < 0 && !r ? -errno : pid;
}

/* ---- outside ---- */

static int connection_fd = -1;
static struct terminal terminal = { .master = -1, .replica = -1 };

static void pass_on(int sig)
{
	/* A shell on a terminal ignores a request to end, but not the end of its terminal. */
	if (sig == SIGTERM && terminal.master >= 0) sig = SIGHUP;
	unsigned char byte = (unsigned char)sig;
	int saved = errno;

	if (sig == SIGWINCH) terminal_resize(&terminal);
	if (send(connection_fd, &byte, 1, MSG_NOSIGNAL | MSG_DONTWAIT) < 0) errno = saved;
	errno = saved;
}

static void write_request(char *const argv[], const char *directory, struct buf *b)
{
	size_t n = 0;

	while (argv[n]) n++;
	buf_printf(b, "%s%c%zu%s%c", directory, 0, n, terminal.master >= 0 ? "t" : "", 0);
	for (char *const *s = argv; *s; s++) buf_add(b, *s, strlen(*s) + 1);
	for (char **s = environ; *s; s++) buf_add(b, *s, strlen(*s) + 1);
}

static int send_packet(int fd, const struct buf *b)
{
	static const int own[STANDARD] = { STDIN_FILENO, STDOUT_FILENO, STDERR_FILENO };
	const int there[STANDARD] = { terminal.replica, terminal.replica, terminal.replica };
	const int *standard = terminal.master >= 0 ? there : own;
	_Alignas(struct cmsghdr) char control[CMSG_SPACE(sizeof own)] = {0};
	struct iovec part = { b->data, b->len };
	struct msghdr m = {
		.msg_iov = &part, .msg_iovlen = 1, .msg_control = control,
		.msg_controllen = sizeof control,
	};
	struct cmsghdr *c = CMSG_FIRSTHDR(&m);

	if (b->failed || b->len > REQUEST_MAX) return b->failed ? -ENOMEM : -E2BIG;
	c->cmsg_level = SOL_SOCKET;
	c->cmsg_type = SCM_RIGHTS;
	c->cmsg_len = CMSG_LEN(sizeof own);
	memcpy(CMSG_DATA(c), standard, sizeof own);
	return sendmsg(fd, &m, MSG_NOSIGNAL) < 0 ? -errno : 0;
}

/* Signals that come from now on are passed on, but not before the request. */
static int send_request(int fd, const struct buf *b)
{
	sigset_t set, before;

	connection_fd = fd;
	sigemptyset(&set);
	for (size_t i = 0; i < sizeof passed_on / sizeof *passed_on; i++)
		sigaddset(&set, passed_on[i]);
	sigprocmask(SIG_BLOCK, &set, &before);
	for (size_t i = 0; i < sizeof passed_on / sizeof *passed_on; i++)
		signal(passed_on[i], pass_on);
	int r = send_packet(fd, b);
	sigprocmask(SIG_SETMASK, &before, NULL);
	return r;
}

static int await(int fd, const char *command, int *status, struct err *e)
{
	struct answer a;

	for (;;) {
		ssize_t n = recv(fd, &a, sizeof a, 0);
		if (n < 0 && errno == EINTR) continue;
		if (n < 0) return err_errno(e, -errno, "%s", ENTER_SOCKET);
		if (n != sizeof a) return err_set(e, -EPIPE, "the cluster's namespaces have ended");
		*status = a.status & 0xff;
		return a.error ? err_errno(e, -a.error, "%s", command) : 0;
	}
}

static void pass_hangup_on(void)
{
	pass_on(SIGHUP);
}

int enter_run(char *const argv[], bool on_terminal, int *status, struct err *e)
{
	char directory[PATH_MAX];
	struct sockaddr_un a;
	_cleanup_buf_ struct buf b = {0};

	*status = EX_FAIL;
	_cleanup_close_ int fd = unix_socket(&a);
	if (fd < 0) return err_errno(e, fd, "socket");
	if (connect(fd, (struct sockaddr *)&a, sizeof a) < 0) {
		int r = errno == ENOENT || errno == ECONNREFUSED ? -ENOTCONN : -errno;
		return err_errno(e, r, "%s", ENTER_SOCKET);
	}
	/* Without a terminal of its own the command has this process's descriptors. */
	if (on_terminal) terminal_open(&terminal);
	write_request(argv, getcwd(directory, sizeof directory) ? directory : "/", &b);
	int r = send_request(fd, &b);
	terminal_close_replica(&terminal);
	if (r < 0) err_errno(e, r, "the command cannot be passed on");
	if (!r && terminal.master >= 0) terminal_relay(&terminal, fd, pass_hangup_on);
	if (!r) r = await(fd, argv[0], status, e);
	terminal_close(&terminal);
	return r;
}
