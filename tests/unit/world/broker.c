#include "world/broker.h"

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include "unit.h"

static struct broker_request request(uint8_t op, uint8_t family, const char *address, uint16_t port)
{
	struct broker_request q = { .op = op, .family = family, .port = port };
	inet_pton(family, address, q.address);
	return q;
}

/* Serves in a child until the other side ends; the child's exit status tells how. */
static pid_t start_broker(int *channel)
{
	int pair[2], r;

	if (socketpair(AF_UNIX, SOCK_SEQPACKET, 0, pair) < 0) return -1;
	pid_t pid = fork();
	if (!pid) {
		close(pair[0]);
		do {
			r = broker_serve(pair[1]);
			if (r == -EAGAIN) usleep(1000);
		} while (!r || r == -EAGAIN);
		_exit(r == -EPIPE ? 7 : 1);
	}
	close(pair[1]);
	*channel = pair[0];
	return pid;
}

static int end_broker(pid_t pid, int channel)
{
	int status = -1;
	close(channel);
	waitpid(pid, &status, 0);
	return WIFEXITED(status) ? WEXITSTATUS(status) : -1;
}

TEST(a_socket_that_was_asked_for_accepts_and_connects)
{
	int channel;
	pid_t pid = start_broker(&channel);
	struct broker_request q = request(BROKER_LISTEN_TCP, AF_INET, "127.0.0.1", 0);
	struct broker_request d = request(BROKER_TCP, AF_INET, "0.0.0.0", 0);
	int listener = broker_ask(channel, &q), dialler = broker_ask(channel, &d);
	struct sockaddr_in a;
	socklen_t n = sizeof a;

	CHECK(pid > 0 && listener >= 0 && dialler >= 0 && d.number > q.number);
	CHECK(!getsockname(listener, (struct sockaddr *)&a, &n));
	CHECK(connect(dialler, (struct sockaddr *)&a, sizeof a) == 0 || errno == EINPROGRESS);
	int got = accept(listener, NULL, NULL);
	CHECK(got >= 0 && write(dialler, "x", 1) == 1);
	close(got), close(listener), close(dialler);
	CHECK(end_broker(pid, channel) == 7);
}

TEST(errors_come_back_and_the_broker_goes_on)
{
	int channel;
	pid_t pid = start_broker(&channel);
	struct broker_request q = request(BROKER_LISTEN_TCP, AF_INET, "192.0.2.77", 1);

	CHECK(broker_ask(channel, &q) == -EADDRNOTAVAIL);
	q = request(99, AF_INET, "0.0.0.0", 0);
	CHECK(broker_ask(channel, &q) == -EINVAL);
	q = request(BROKER_TCP, AF_UNIX, "0.0.0.0", 0);
	CHECK(broker_ask(channel, &q) == -EINVAL);
	CHECK(send(channel, "short", 5, 0) == 5);
	q = request(BROKER_UDP, AF_INET6, "::", 0);
	int fd = broker_ask(channel, &q);   /* the answer to the short one is passed over */
	CHECK(fd >= 0);
	close(fd);
	CHECK(end_broker(pid, channel) == 7);
}

TEST(what_another_client_left_unread_is_passed_over)
{
	int channel;
	pid_t pid = start_broker(&channel);
	struct broker_request left = request(BROKER_TCP, AF_INET, "0.0.0.0", 0);
	struct broker_request q = request(BROKER_UDP, AF_INET, "0.0.0.0", 0);
	int type;
	socklen_t n = sizeof type;

	left.number = 1;
	CHECK(send(channel, &left, sizeof left, 0) == sizeof left);
	int fd = broker_ask(channel, &q);
	CHECK(fd >= 0 && !getsockopt(fd, SOL_SOCKET, SO_TYPE, &type, &n) && type == SOCK_DGRAM);
	close(fd);
	CHECK(end_broker(pid, channel) == 7);
}

static int open_fds(void)
{
	int n = 0;
	for (int fd = 0; fd < 256; fd++) n += fcntl(fd, F_GETFD) >= 0;
	return n;
}

TEST(sockets_made_in_advance_are_new_and_none_is_lost)
{
	int channel, fd[20];
	pid_t pid = start_broker(&channel);
	struct broker_request q = request(BROKER_TCP, AF_INET, "0.0.0.0", 0);
	struct broker_request u = request(BROKER_UDP, AF_INET, "0.0.0.0", 0);
	uint32_t first = 0, before = 0;

	for (int i = 0; i < 20; i++) {
		fd[i] = broker_ask(channel, &q);
		CHECK(fd[i] >= 0 && fcntl(fd[i], F_GETFD) == FD_CLOEXEC);
		for (int k = 0; k < i; k++) CHECK(fd[k] != fd[i]);
		if (q.number != before) first++;
		before = q.number;
	}
	CHECK(first >= 2 && first <= 4);
	for (int i = 0; i < 20; i++) close(fd[i]);
	/* A reply with eight sockets to a request that was given up: all of them are closed. */
	int open = open_fds();
	q.number = 1;
	CHECK(send(channel, &q, sizeof q, 0) == sizeof q);
	fd[0] = broker_ask(channel, &u);
	CHECK(fd[0] >= 0 && !close(fd[0]) && open_fds() == open);
	CHECK(end_broker(pid, channel) == 7);
}

TEST(the_end_of_the_broker_is_told)
{
	int pair[2];
	struct broker_request q = request(BROKER_UDP, AF_INET, "0.0.0.0", 0);

	CHECK(!socketpair(AF_UNIX, SOCK_SEQPACKET, 0, pair));
	close(pair[1]);
	CHECK(broker_ask(pair[0], &q) == -EPIPE);
	close(pair[0]);
}

UNIT_MAIN("broker")
