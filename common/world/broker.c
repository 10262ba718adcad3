/* Both ends of the socket broker. What may be reached through it is for the client to decide: netd
 * refuses what pods must not reach. */
#include "world/broker.h"

#include <errno.h>
#include <netinet/in.h>
#include <stdbool.h>
#include <stddef.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "net/endpoint.h"

/* Of sockets that are asked for again and again, several come with one reply. */
enum { BACKLOG = 1024, AHEAD = 8 };

struct reply {
	uint32_t number;
	int32_t error;             /* 0, or a positive errno */
};

/* ---- outside ---- */

static const struct op {
	int type, protocol;
	bool bound, listens;
	int instead;               /* a type that is tried if this one is refused */
} ops[BROKER_OP_COUNT] = {
	[BROKER_TCP] = { SOCK_STREAM },
	[BROKER_UDP] = { SOCK_DGRAM },
	[BROKER_LISTEN_TCP] = { SOCK_STREAM, .bound = true, .listens = true },
	[BROKER_BIND_UDP] = { SOCK_DGRAM, .bound = true },
	[BROKER_PING] = { SOCK_DGRAM, IPPROTO_ICMP, .instead = SOCK_RAW },
};

static int bind_to(int fd, const struct broker_request *q)
{
	struct sockaddr_storage a;
	struct endpoint at = { .address.len = q->family == AF_INET ? 4 : 16, .port = q->port };
	int on = 1;

	memcpy(at.address.b, q->address, at.address.len);
	socklen_t n = endpoint_to_sockaddr(&at, &a);
	/* Two listeners of one port, for IPv4 and IPv6, are two requests. */
	if (q->family == AF_INET6 &&
	    setsockopt(fd, IPPROTO_IPV6, IPV6_V6ONLY, &on, sizeof on) < 0)
		return -errno;
	/* For UDP it would let two sockets share a port. */
	if (ops[q->op].listens && setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on) < 0)
		return -errno;
	return bind(fd, (struct sockaddr *)&a, n) < 0 ? -errno : 0;
}

/* A descriptor, or -errno. */
static int make_socket(const struct broker_request *q)
{
	if (!q->op || q->op >= BROKER_OP_COUNT) return -EINVAL;
	if (q->family != AF_INET && q->family != AF_INET6) return -EINVAL;
	const struct op *op = &ops[q->op];
	int fd = socket(q->family, op->type | SOCK_CLOEXEC | SOCK_NONBLOCK, op->protocol);
	if (fd < 0 && op->instead)
		fd = socket(q->family, op->instead | SOCK_CLOEXEC | SOCK_NONBLOCK, op->protocol);
	if (fd < 0) return -errno;
	int r = op->bound ? bind_to(fd, q) : 0;
	if (!r && op->listens && listen(fd, BACKLOG) < 0) r = -errno;
	if (r < 0) close(fd);
	return r < 0 ? r : fd;
}

static int send_reply(int channel, const struct reply *reply, const int *fds, size_t n)
{
	_Alignas(struct cmsghdr) char control[CMSG_SPACE(AHEAD * sizeof *fds)] = {0};
	struct iovec part = { (void *)reply, sizeof *reply };
	struct msghdr m = { .msg_iov = &part, .msg_iovlen = 1 };

	if (n) {
		m.msg_control = control;
		m.msg_controllen = CMSG_SPACE(n * sizeof *fds);
		struct cmsghdr *c = CMSG_FIRSTHDR(&m);
		c->cmsg_level = SOL_SOCKET;
		c->cmsg_type = SCM_RIGHTS;
		c->cmsg_len = CMSG_LEN(n * sizeof *fds);
		memcpy(CMSG_DATA(c), fds, n * sizeof *fds);
	}
	while (sendmsg(channel, &m, MSG_NOSIGNAL) < 0)
		if (errno != EINTR) return -errno;
	return 0;
}

static bool is_asked_for_often(const struct broker_request *q)
{
	return q->op == BROKER_TCP && q->family == AF_INET;
}

static void close_all(const int *fds, size_t n)
{
	for (size_t i = 0; i < n; i++) close(fds[i]);
}

int broker_serve(int channel)
{
	struct broker_request q = {0};
	int fds[AHEAD];
	size_t made = 0;
	ssize_t n = recv(channel, &q, sizeof q, MSG_DONTWAIT);

	if (n < 0) return errno == EINTR ? -EAGAIN : -errno;
	if (!n) return -EPIPE;
	bool whole = n == sizeof q;
	size_t most = whole && is_asked_for_often(&q) ? AHEAD : 1;
	int r = whole ? 0 : -EINVAL;
	for (; !r && made < most; made += !r) {
		fds[made] = make_socket(&q);
		if (fds[made] < 0) r = fds[made];
	}
	struct reply reply = { .number = whole ? q.number : 0, .error = made ? 0 : -r };
	r = send_reply(channel, &reply, fds, made);
	close_all(fds, made);
	return r;
}

/* ---- inside ---- */

static size_t take_descriptors(struct msghdr *m, int fds[AHEAD])
{
	size_t n = 0;

	for (struct cmsghdr *c = CMSG_FIRSTHDR(m); c; c = CMSG_NXTHDR(m, c)) {
		if (c->cmsg_level != SOL_SOCKET || c->cmsg_type != SCM_RIGHTS) continue;
		n = (c->cmsg_len - CMSG_LEN(0)) / sizeof *fds;
		memcpy(fds, CMSG_DATA(c), n * sizeof *fds);
	}
	return n;
}

/* One reply, and the number of descriptors that came with it; or the channel's -errno. */
static ssize_t receive(int channel, struct reply *reply, int fds[AHEAD])
{
	_Alignas(struct cmsghdr) char control[CMSG_SPACE(AHEAD * sizeof *fds)];
	struct iovec part = { reply, sizeof *reply };
	struct msghdr m = {
		.msg_iov = &part, .msg_iovlen = 1, .msg_control = control,
		.msg_controllen = sizeof control,
	};
	ssize_t n;

	while ((n = recvmsg(channel, &m, MSG_CMSG_CLOEXEC)) < 0)
		if (errno != EINTR) return -errno;
	if (!n) return -EPIPE;
	return n == sizeof *reply ? (ssize_t)take_descriptors(&m, fds) : -EBADMSG;
}

/* Asks for it. A descriptor, or -errno; n more, in fds, are for the next ones. */
static int ask(int channel, struct broker_request *q, int fds[AHEAD], size_t *n)
{
	static uint32_t last;
	struct reply reply;

	/* Another process's numbers must differ, for what it left unread. */
	if (!last) last = (uint32_t)getpid() << 16;
	q->number = ++last;
	while (send(channel, q, sizeof *q, MSG_NOSIGNAL) < 0)
		if (errno != EINTR) return -errno;
	for (;;) {
		ssize_t r = receive(channel, &reply, fds);
		if (r < 0) return (int)r;
		if (reply.number == q->number) {
			if (!r) return reply.error ? -reply.error : -EBADMSG;
			*n = (size_t)r - 1;
			return fds[*n];
		}
		close_all(fds, (size_t)r);
	}
}

int broker_ask(int channel, struct broker_request *q)
{
	static int ahead[AHEAD];
	static size_t ahead_n;
	int others[AHEAD];
	size_t none;

	if (!is_asked_for_often(q)) return ask(channel, q, others, &none);
	return ahead_n ? ahead[--ahead_n] : ask(channel, q, ahead, &ahead_n);
}
