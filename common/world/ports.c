/* The file of an attachment's ports, and the plugin's side of the talk with netd. */
#include "world/ports.h"

#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <sys/un.h>
#include <time.h>
#include <unistd.h>

#include "base/buf.h"
#include "base/cleanup.h"
#include "base/io.h"
#include "base/text.h"

/* netd may just be starting again. */
enum { TRIES = 40, PAUSE_MS = 100, ANSWER_S = 10 };

void ports_format(const struct port *v, size_t n, struct buf *out)
{
	char host[ENDPOINT_TEXT], pod[ENDPOINT_TEXT];

	for (size_t i = 0; i < n; i++) {
		endpoint_format(&v[i].host, host);
		endpoint_format(&v[i].pod, pod);
		buf_printf(out, "%s %s=%s\n", v[i].udp ? "udp" : "tcp", host, pod);
	}
}

static bool parse_line(const char *s, size_t n, struct port *out)
{
	if (n < 4 || (memcmp(s, "tcp ", 4) && memcmp(s, "udp ", 4))) return false;
	out->udp = *s == 'u';
	s += 4;
	n -= 4;
	const char *equals = memchr(s, '=', n);
	if (!equals) return false;
	size_t left = (size_t)(equals - s);
	return endpoint_parse(&out->host, s, left) &&
		endpoint_parse(&out->pod, equals + 1, n - left - 1);
}

int ports_parse(const char *text, size_t len, struct port *out, size_t max)
{
	struct text_lines l = text_lines(text, len);
	size_t n = 0;

	while (text_line(&l))
		if (n == max || !parse_line(l.line, l.len, &out[n++])) return -EBADMSG;
	return (int)n;
}

bool ports_is_name(const char *s, size_t n)
{
	for (size_t i = 0; i < n; i++)
		if (!strchr("abcdefghijklmnopqrstuvwxyz0123456789", s[i]) || !s[i]) return false;
	return n && n < PORTS_NAME;
}

/* ---- netd ---- */

/* A connection to netd. Not waiting for one that is starting: wait is false. */
static int call(bool wait)
{
	const struct sockaddr_un a = { .sun_family = AF_UNIX, .sun_path = PORTS_SOCKET };
	const struct timeval limit = { .tv_sec = ANSWER_S };
	int fd = socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0);

	if (fd < 0) return -errno;
	/* Without a limit a netd that hangs would only be noticed by the runtime. */
	setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &limit, sizeof limit);
	for (int i = 0; connect(fd, (const struct sockaddr *)&a, sizeof a) < 0; i++) {
		int r = -errno;
		if (!wait || i == TRIES || (r != -ENOENT && r != -ECONNREFUSED && r != -EINTR)) {
			close(fd);
			return r;
		}
		nanosleep(&(struct timespec){ .tv_nsec = PAUSE_MS * 1000000L }, NULL);
	}
	return fd;
}

/* Lets netd look at the file again. */
static int tell(const char *name, bool wait, struct err *e)
{
	char answer[PORTS_ANSWER];
	ssize_t n;
	_cleanup_close_ int fd = call(wait);

	if (fd < 0) return err_errno(e, fd, "netd, which listens on host ports, cannot be reached");
	/* If this fails, so does recv(2). */
	send(fd, name, strlen(name), MSG_NOSIGNAL);
	do n = recv(fd, answer, sizeof answer - 1, 0);
	while (n < 0 && errno == EINTR);
	if (n <= 0) return err_errno(e, n ? -errno : -EPIPE, "netd does not answer");
	answer[n] = 0;
	return !strcmp(answer, "ok") ? 0 : err_set(e, -EADDRINUSE, "%s", answer);
}

static int file_of(const char *name, char *path, size_t size)
{
	if (!ports_is_name(name, strlen(name))) return -EINVAL;
	return io_join(path, size, PORTS_DIR, name);
}

int ports_open(const char *name, const struct port *v, size_t n, struct err *e)
{
	char path[PATH_MAX];
	_cleanup_buf_ struct buf text = {0};
	int r = file_of(name, path, sizeof path);

	ports_format(v, n, &text);
	if (!r && text.failed) r = -ENOMEM;
	if (!r) r = io_mkdirs(PORTS_DIR, 0700);
	if (!r) r = io_replace(path, 0600, text.data, text.len);
	if (r < 0) return err_errno(e, r, PORTS_DIR "/%s", name);
	r = tell(name, true, e);
	if (r < 0) ports_close(name);
	return r;
}

int ports_close(const char *name)
{
	char path[PATH_MAX];
	int r = file_of(name, path, sizeof path);

	if (r < 0 || !io_exists(path)) return r;
	r = io_unlink(path);
	if (r < 0) return r;
	/* A netd that does not run, or starts, does not find the file any more. */
	tell(name, false, NULL);
	return 0;
}
