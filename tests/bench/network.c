/* The load of network.sh.
 *
 *   network serve ADDRESS PORT                 what the others talk to
 *   network stream ADDRESS PORT SECONDS        MB/s that arrived
 *   network rr ADDRESS PORT SECONDS            µs for one byte there and back
 *   network crr ADDRESS PORT SECONDS           connections a second, with a byte there and back
 *   network hold ADDRESS PORT COUNT            opens that many or until one is refused, prints how
 *                                              many, keeps them
 *
 * The first byte of a connection says what it is for. One thread, epoll. */
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <errno.h>
#include <netinet/tcp.h>
#include <signal.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

enum { CHUNK = 256 * 1024, EVENTS = 256, FDS = 1 << 17 };

static char chunk[CHUNK];
static struct { char mode; uint64_t bytes; } connections[FDS];

static void die(const char *what)
{
	fprintf(stderr, "network: %s: %s\n", what, strerror(errno));
	exit(1);
}

static double now(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (double)t.tv_sec + (double)t.tv_nsec / 1e9;
}

static struct sockaddr_in address_of(char **argv)
{
	struct sockaddr_in a = { .sin_family = AF_INET, .sin_port = htons((uint16_t)atoi(argv[3])) };

	if (inet_pton(AF_INET, argv[2], &a.sin_addr) != 1) die(argv[2]);
	return a;
}

/* ---- server ---- */

static void take(int epoll, int listener)
{
	int fd = accept4(listener, NULL, NULL, SOCK_CLOEXEC | SOCK_NONBLOCK), on = 1;
	struct epoll_event e = { .events = EPOLLIN, .data.fd = fd };

	if (fd < 0 || fd >= FDS) {
		if (fd >= 0) close(fd);
		return;
	}
	connections[fd].mode = 0;
	connections[fd].bytes = 0;
	setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
	if (epoll_ctl(epoll, EPOLL_CTL_ADD, fd, &e) < 0) close(fd);
}

/* A stream's end is answered by its length. */
static void serve_one(int fd)
{
	ssize_t n = read(fd, chunk, sizeof chunk);

	if (n < 0 && errno == EAGAIN) return;
	if (n > 0 && !connections[fd].mode) connections[fd].mode = chunk[0];
	if (n > 0) connections[fd].bytes += (uint64_t)n;
	if (n > 0 && connections[fd].mode != 's' && write(fd, chunk, 1) != 1) n = 0;
	if (n > 0) return;
	if (!n && connections[fd].mode == 's')
		n = write(fd, &connections[fd].bytes, sizeof connections[fd].bytes);
	close(fd);
}

static _Noreturn void serve(char **argv)
{
	struct sockaddr_in a = address_of(argv);
	int listener = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0), on = 1;
	int epoll = epoll_create1(EPOLL_CLOEXEC);
	struct epoll_event e = { .events = EPOLLIN, .data.fd = listener }, got[EVENTS];

	setsockopt(listener, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on);
	if (bind(listener, (struct sockaddr *)&a, sizeof a) < 0 || listen(listener, 4096) < 0)
		die("listen");
	epoll_ctl(epoll, EPOLL_CTL_ADD, listener, &e);
	puts("ready");
	fflush(stdout);
	for (;;) {
		int n = epoll_wait(epoll, got, EVENTS, -1);
		for (int i = 0; i < n; i++)
			if (got[i].data.fd == listener) take(epoll, listener);
			else serve_one(got[i].data.fd);
	}
}

/* ---- clients ---- */

static int dial(const struct sockaddr_in *a)
{
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0), on = 1;

	if (fd < 0 || connect(fd, (const struct sockaddr *)a, sizeof *a) < 0) die("connect");
	setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
	return fd;
}

static void ask(int fd, char mode)
{
	char c = mode;

	if (write(fd, &c, 1) != 1 || read(fd, &c, 1) != 1) die("no answer");
}

static void stream(const struct sockaddr_in *a, double seconds)
{
	int fd = dial(a);
	uint64_t arrived = 0;
	double start = now();

	memset(chunk, 's', sizeof chunk);
	while (now() - start < seconds)
		if (write(fd, chunk, sizeof chunk) < 0) die("write");
	shutdown(fd, SHUT_WR);
	if (read(fd, &arrived, sizeof arrived) != sizeof arrived) die("no length");
	printf("%.1f\n", (double)arrived / (now() - start) / 1e6);
}

static void round_trips(const struct sockaddr_in *a, double seconds)
{
	int fd = dial(a);
	long n = 0;

	ask(fd, 'r');
	double start = now();
	for (; now() - start < seconds; n++) ask(fd, 'r');
	printf("%.1f\n", (now() - start) / (double)n * 1e6);
}

static void reconnect(const struct sockaddr_in *a, double seconds)
{
	double start = now();
	long n = 0;

	for (; now() - start < seconds; n++) {
		int fd = dial(a);
		ask(fd, 'c');
		close(fd);
	}
	printf("%.0f\n", (double)n / (now() - start));
}

/* A connection that is kept; or it is refused. */
static bool keep_one(const struct sockaddr_in *a)
{
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	char c = 'h';

	return fd >= 0 && !connect(fd, (const struct sockaddr *)a, sizeof *a) &&
		write(fd, &c, 1) == 1 && read(fd, &c, 1) == 1;
}

static _Noreturn void hold(const struct sockaddr_in *a, int count)
{
	int n = 0;

	signal(SIGPIPE, SIG_IGN);
	while (n < count && keep_one(a)) n++;
	printf("%d\n", n);
	fflush(stdout);
	for (;;) pause();
}

int main(int argc, char **argv)
{
	struct rlimit l;

	if (argc < 4) return 100;
	if (!getrlimit(RLIMIT_NOFILE, &l)) {
		l.rlim_cur = l.rlim_max;
		setrlimit(RLIMIT_NOFILE, &l);
	}
	if (!strcmp(argv[1], "serve")) serve(argv);
	if (argc < 5) return 100;
	struct sockaddr_in a = address_of(argv);
	double amount = atof(argv[4]);
	if (!strcmp(argv[1], "stream")) stream(&a, amount);
	else if (!strcmp(argv[1], "rr")) round_trips(&a, amount);
	else if (!strcmp(argv[1], "crr")) reconnect(&a, amount);
	else if (!strcmp(argv[1], "hold")) hold(&a, (int)amount);
	else return 100;
	return 0;
}
