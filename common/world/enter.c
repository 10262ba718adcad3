/* Both ends of `enter`. A request is one packet: the current directory, then arguments, an empty string, then the environment, all
 * NUL-terminated; three descriptors go with it. The answer is the exit status, an int. A byte in between is a signal to pass on. */
#include "world/enter.h"

#include <errno.h>
#include <limits.h>
#include <poll.h>
#include <signal.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>
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
#include "base/spawn.h"

extern char **environ;

enum { REQUEST_MAX = 256 * 1024, STANDARD = 3, BACKLOG = 16 };

static const int passed_on[] = { SIGINT, SIGTERM, SIGHUP, SIGQUIT };

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
	struct msghdr m = { .msg_iov = &part, .msg_iovlen = 1, .msg_control = control, .msg_controllen = sizeof control };
	ssize_t n = recvmsg(connection, &m, MSG_CMSG_CLOEXEC);

	if (n < 0) return -errno;
	for (struct cmsghdr *c = CMSG_FIRSTHDR(&m); c; c = CMSG_NXTHDR(&m, c)) {
		if (c->cmsg_level != SOL_SOCKET || c->cmsg_type != SCM_RIGHTS || c->cmsg_len != CMSG_LEN(sizeof q->fd)) continue;
		memcpy(q->fd, CMSG_DATA(c), sizeof q->fd);
		q->len = (size_t)n;
		return n && !q->text[n - 1] && !(m.msg_flags & MSG_TRUNC) ? 0 : -EBADMSG;
	}
	return -EBADMSG;
}

/* Splits the text: directory, arguments, "", environment. */
static const char *split(const struct request *q, struct strv *argv, struct strv *env)
{
	const char *end = q->text + q->len, *s = q->text + strlen(q->text) + 1;
	struct strv *to = argv;

	for (; s < end; s += strlen(s) + 1) {
		if (!*s && to == argv) to = env;
		else strv_add(to, s);
	}
	return q->text;
}

static const char *find_path(const struct strv *env)
{
	for (size_t i = 0; i < env->n; i++)
		if (!strncmp(env->v[i], "PATH=", 5)) return env->v[i] + 5;
	return "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin";
}

/* Becomes the command. */
static _Noreturn void execute(const struct request *q)
{
	struct strv argv = {0}, env = {0};
	char path[PATH_MAX];
	const char *directory = split(q, &argv, &env);

	for (int i = 0; i < STANDARD; i++)
		if (dup2(q->fd[i], i) < 0) _exit(EX_SYS);
	if (chdir(directory) < 0 && chdir("/") < 0) _exit(EX_SYS);
	int r = argv.n ? io_find_program(argv.v[0], find_path(&env), path, sizeof path) : -EINVAL;
	if (!r) execve(path, argv.v, env.v);
	r = r < 0 ? r : -errno;
	die_errno(r == -ENOENT ? EX_NOTFOUND : EX_NOEXEC, r, "%s", argv.n ? argv.v[0] : "command");
}

static void wake_up(int sig)
{
	(void)sig;
}

/* Waits for the command, and passes signals on as they are asked for; the caller's end of file is a hangup. SIGCHLD is blocked. */
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
		if (n == 1) kill(-pid, sig);
		else if (!n) kill(-pid, SIGHUP), p.fd = -1;
	}
}

static _Noreturn void serve_one(int connection)
{
	struct request q = { .text = xmalloc(REQUEST_MAX), .fd = { -1, -1, -1 } };

	if (receive(connection, &q) < 0) _exit(1);
	sigset_t child, before;
	sigemptyset(&child);
	sigaddset(&child, SIGCHLD);
	sigprocmask(SIG_BLOCK, &child, &before);
	signal(SIGCHLD, wake_up);
	pid_t pid = fork();
	if (!pid) {
		signal(SIGCHLD, SIG_DFL);
		sigprocmask(SIG_SETMASK, &before, NULL);
		setsid();
		close(connection);
		execute(&q);
	}
	for (int i = 0; i < STANDARD; i++) close(q.fd[i]);
	int status = pid < 0 ? EX_SYS : attend(connection, pid);
	_exit(send(connection, &status, sizeof status, MSG_NOSIGNAL) < 0);
}

static _Noreturn void serve(int listener)
{
	sigset_t none;

	prctl(PR_SET_PDEATHSIG, SIGKILL);
	sigemptyset(&none);
	sigprocmask(SIG_SETMASK, &none, NULL);
	for (size_t i = 0; i < sizeof passed_on / sizeof *passed_on; i++) signal(passed_on[i], SIG_DFL);
	signal(SIGCHLD, SIG_IGN);   /* nothing is to be learned from the children's ends */
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
	if (!r && (bind(fd, (struct sockaddr *)&a, sizeof a) < 0 || chmod(ENTER_SOCKET, 0600) < 0 || listen(fd, BACKLOG) < 0)) r = -errno;
	pid_t pid = r < 0 ? r : fork();
	if (!pid) serve(fd);
	close(fd);
	return pid < 0 && !r ? -errno : pid;
}

/* ---- outside ---- */

static int connection_fd = -1;

static void pass_on(int sig)
{
	unsigned char byte = (unsigned char)sig;
	int saved = errno;

	if (send(connection_fd, &byte, 1, MSG_NOSIGNAL | MSG_DONTWAIT) < 0) errno = saved;
	errno = saved;
}

static void write_request(char *const argv[], const char *directory, struct buf *b)
{
	buf_add(b, directory, strlen(directory) + 1);
	for (char *const *s = argv; *s; s++) buf_add(b, *s, strlen(*s) + 1);
	buf_add(b, "", 1);
	for (char **s = environ; *s; s++) buf_add(b, *s, strlen(*s) + 1);
}

static int send_request(int fd, const struct buf *b)
{
	static const int standard[STANDARD] = { STDIN_FILENO, STDOUT_FILENO, STDERR_FILENO };
	_Alignas(struct cmsghdr) char control[CMSG_SPACE(sizeof standard)] = {0};
	struct iovec part = { b->data, b->len };
	struct msghdr m = { .msg_iov = &part, .msg_iovlen = 1, .msg_control = control, .msg_controllen = sizeof control };
	struct cmsghdr *c = CMSG_FIRSTHDR(&m);

	if (b->failed || b->len > REQUEST_MAX) return b->failed ? -ENOMEM : -E2BIG;
	c->cmsg_level = SOL_SOCKET;
	c->cmsg_type = SCM_RIGHTS;
	c->cmsg_len = CMSG_LEN(sizeof standard);
	memcpy(CMSG_DATA(c), standard, sizeof standard);
	return sendmsg(fd, &m, MSG_NOSIGNAL) < 0 ? -errno : 0;
}

int enter_run(char *const argv[], struct err *e)
{
	char directory[PATH_MAX];
	struct sockaddr_un a;
	_cleanup_buf_ struct buf b = {0};
	int status;

	_cleanup_close_ int fd = unix_socket(&a);
	if (fd < 0) return err_errno(e, fd, "socket");
	if (connect(fd, (struct sockaddr *)&a, sizeof a) < 0) return err_errno(e, -errno, "%s", ENTER_SOCKET);
	write_request(argv, getcwd(directory, sizeof directory) ? directory : "/", &b);
	int r = send_request(fd, &b);
	if (r < 0) return err_errno(e, r, "the command cannot be passed on");
	connection_fd = fd;
	for (size_t i = 0; i < sizeof passed_on / sizeof *passed_on; i++) signal(passed_on[i], pass_on);
	for (;;) {
		ssize_t n = recv(fd, &status, sizeof status, 0);
		if (n == sizeof status) return status & 0xff;
		if (n >= 0) return err_set(e, -EPIPE, "the cluster's namespaces have ended");
		if (errno != EINTR) return err_errno(e, -errno, "%s", ENTER_SOCKET);
	}
}
