/* The outer half of a pseudo-terminal: raw mode, size, and copying. The command's half is made its
 * controlling terminal by enter.c. */
#include "world/terminal.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdbool.h>
#include <stdlib.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include "base/io.h"

/* Both sides, with the settings of the outer terminal. 0 or -errno. */
static int open_pair(struct terminal *t)
{
	char name[64];

	t->master = posix_openpt(O_RDWR | O_NOCTTY | O_CLOEXEC);
	if (t->master < 0) return -errno;
	if (unlockpt(t->master) < 0) return -errno;
	int r = ptsname_r(t->master, name, sizeof name);
	if (r) return -r;
	t->replica = open(name, O_RDWR | O_NOCTTY | O_CLOEXEC);
	if (t->replica < 0) return -errno;
	return tcsetattr(t->replica, TCSANOW, &t->before) < 0 ? -errno : 0;
}

static int make_raw(const struct terminal *t)
{
	struct termios raw = t->before;

	cfmakeraw(&raw);
	return tcsetattr(STDIN_FILENO, TCSADRAIN, &raw) < 0 ? -errno : 0;
}

static void close_one(int *fd)
{
	if (*fd >= 0) close(*fd);
	*fd = -1;
}

int terminal_open(struct terminal *t)
{
	*t = (struct terminal){ .master = -1, .replica = -1 };
	if (!isatty(STDOUT_FILENO) || tcgetattr(STDIN_FILENO, &t->before) < 0) return -ENOTTY;
	int r = open_pair(t);
	if (!r) terminal_resize(t);
	if (!r) r = make_raw(t);
	if (r < 0) {
		close_one(&t->master);
		close_one(&t->replica);
	}
	return r;
}

void terminal_resize(const struct terminal *t)
{
	struct winsize size;
	int saved = errno;

	/* A terminal without a size has none to pass on. */
	if (!ioctl(STDIN_FILENO, TIOCGWINSZ, &size)) ioctl(t->master, TIOCSWINSZ, &size);
	errno = saved;
}

void terminal_close_replica(struct terminal *t)
{
	close_one(&t->replica);
}

/* One read's worth; false: this side has ended. */
static bool copy(int from, int to)
{
	char chunk[16384];
	ssize_t n = read(from, chunk, sizeof chunk);

	if (n < 0 && (errno == EINTR || errno == EAGAIN)) return true;
	return n > 0 && !io_write_fd(to, chunk, (size_t)n);
}

static bool can_be_read(int fd)
{
	struct pollfd p = { fd, POLLIN, 0 };
	return poll(&p, 1, 0) == 1 && p.revents & POLLIN;
}

void terminal_relay(struct terminal *t, int until, void (*hang_up)(void))
{
	enum { INPUT, OUTPUT, UNTIL, COUNT };
	struct pollfd p[COUNT] = {
		[INPUT] = { STDIN_FILENO, POLLIN, 0 }, [OUTPUT] = { t->master, POLLIN, 0 },
		[UNTIL] = { until, POLLIN, 0 },
	};

	for (;;) {
		if (poll(p, COUNT, -1) < 0) {
			if (errno == EINTR) continue;
			return;
		}
		if (p[INPUT].revents && !copy(STDIN_FILENO, t->master)) {
			p[INPUT].fd = -1;
			hang_up();
		}
		/* Everybody has closed the replica; the answer is about to come. */
		if (p[OUTPUT].revents && !copy(t->master, STDOUT_FILENO)) p[OUTPUT].fd = -1;
		if (p[UNTIL].revents) break;
	}
	while (p[OUTPUT].fd >= 0 && can_be_read(t->master) && copy(t->master, STDOUT_FILENO)) ;
}

void terminal_close(struct terminal *t)
{
	if (t->master < 0) return;
	/* Gone with its window: there is nothing to restore then. */
	tcsetattr(STDIN_FILENO, TCSADRAIN, &t->before);
	close_one(&t->master);
	close_one(&t->replica);
}
