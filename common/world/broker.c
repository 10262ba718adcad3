/* Both ends of the socket broker. What may be reached through it is for the client to decide: netd
 * refuses what pods must not reach. */
#include "world/broker.h"

#include <errno.h>
#include <netinet/in.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "net/endpoint.h"

enum { BACKLOG = 1024 };

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

static int send_reply(int channel, const struct reply *reply, int fd)
{
	_Alignas(struct cmsghdr) char control[CMSG_SPACE(sizeof fd)] = {0};
	struct iovec part = { (void *)reply, sizeof *reply };
	struct msghdr m = { .msg_iov = &part, .msg_iovlen = 1 };

	if (fd >= 0) {
		m.msg_control = control;
		m.msg_controllen = sizeof control;
		struct cmsghdr *c = CMSG_FIRSTHDR(&m);
		c->cmsg_level = SOL_SOCKET;
		c->cmsg_type = SCM_RIGHTS;
		c->cmsg_len = CMSG_LEN(sizeof fd);
		memcpy(CMSG_DATA(c), &fd, sizeof fd);
	}
	while (sendmsg(channel, &m, MSG_NOSIGNAL) < 0)
		if (errno != EINTR) return -errno;
	return 0;
}

int broker_serve(int channel)
{
	struct broker_request q;
	ssize_t n = recv(channel, &q, sizeof q, MSG_DONTWAIT);

	if (n < 0) return errno == EINTR ? -EAGAIN : -errno;
	if (!n) return -EPIPE;
	_cleanup_close_ int fd = n == sizeof q ? make_socket(&q) : -EINVAL;
	struct reply reply = { .number = n == sizeof q ? q.number : 0, .error = fd < 0 ? -fd : 0 };
	return send_reply(channel, &reply, fd);
}

/* ---- inside ---- */

static int take_descriptor(struct msghdr *m)
{
	int fd = -EBADMSG;

	for (struct cmsghdr *c = CMSG_FIRSTHDR(m); c; c = CMSG_NXTHDR(m, c))
		if (c->cmsg_level == SOL_SOCKET && c->cmsg_type == SCM_RIGHTS &&
		    c->cmsg_len == CMSG_LEN(sizeof fd))
			memcpy(&fd, CMSG_DATA(c), sizeof fd);
	return fd;
}

/* One reply: a descriptor or the broker's error in *result. 0 or the channel's error. */
static int receive(int channel, struct reply *reply, int *result)
{
	_Alignas(struct cmsghdr) char control[CMSG_SPACE(sizeof(int))];
	struct iovec part = { reply, sizeof *reply };
	struct msghdr m = {
		.msg_iov = &part, .msg_iovlen = 1, .msg_control = control,
		.msg_controllen = sizeof control,
	};
	ssize_t n;

	while ((n = recvmsg(channel, &m, MSG_CMSG_CLOEXEC)) < 0)
		if (errno != EINTR) return -errno;
	if (!n) return -EPIPE;
	if (n != sizeof *reply) return -EBADMSG;
	*result = reply->error ? -reply->error : take_descriptor(&m);
	return 0;
}

int broker_ask(int channel, struct broker_request *q)
{
	static uint32_t last;
	struct reply reply;
	int result = -EIO;

	/* Another process's numbers must differ, for what it left unread. */
	if (!last) last = (uint32_t)getpid() << 16;
	q->number = ++last;
	while (send(channel, q, sizeof *q, MSG_NOSIGNAL) < 0)
		if (errno != EINTR) return -errno;
	for (;;) {
		int r = receive(channel, &reply, &result);
		if (r < 0 || reply.number == q->number) return r < 0 ? r : result;
		if (result >= 0) close(result);
	}
}
