/* DNS over TCP (RFC 7766): each message stands behind its length. */
#include "netd/dns_stream.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/uio.h>
#include <unistd.h>

enum { LENGTH = 2 };

static void forget(struct dns_streams *s, struct dns_stream *t, bool keep_fd)
{
	if (!keep_fd) close(t->fd);
	free(t->rest);
	s->used--;
	s->used_by[t->source]--;
	*t = (struct dns_stream){ .fd = -1 };
}

/* Keeps what the socket did not take. */
static int keep(struct dns_stream *t, const unsigned char *head, const unsigned char *m, size_t n,
	size_t sent)
{
	t->rest_n = LENGTH + n - sent;
	t->rest_at = 0;
	t->rest = malloc(t->rest_n);
	if (!t->rest) return -ENOMEM;
	size_t left = sent < LENGTH ? LENGTH - sent : 0;
	memcpy(t->rest, head + LENGTH - left, left);
	memcpy(t->rest + left, m + (sent + left - LENGTH), n + LENGTH - sent - left);
	return 0;
}

static int put(struct dns_stream *t, const unsigned char *m, size_t n)
{
	unsigned char head[LENGTH] = { (unsigned char)(n >> 8), (unsigned char)n };
	struct iovec parts[] = { { head, LENGTH }, { (void *)m, n } };
	struct msghdr h = { .msg_iov = parts, .msg_iovlen = 2 };
	ssize_t k = sendmsg(t->fd, &h, MSG_NOSIGNAL | MSG_DONTWAIT);

	if (k < 0 && errno != EAGAIN && errno != EINTR) return -errno;
	if (k < 0) k = 0;
	return (size_t)k == LENGTH + n ? 0 : keep(t, head, m, n, (size_t)k);
}

/* 0, or -errno: -EAGAIN as long as something is left. */
static int flush(struct dns_stream *t)
{
	while (t->rest) {
		ssize_t n = send(t->fd, t->rest + t->rest_at, t->rest_n - t->rest_at,
			MSG_NOSIGNAL | MSG_DONTWAIT);
		if (n < 0) return errno == EINTR ? -EAGAIN : -errno;
		t->rest_at += (size_t)n;
		if (t->rest_at < t->rest_n) continue;
		free(t->rest);
		t->rest = NULL;
	}
	return 0;
}

static int watch(struct dns_streams *s, struct dns_stream *t, int op)
{
	/* A message that has come in part stays in the kernel, so only news may wake. */
	struct epoll_event ev = { .events = EPOLLIN | EPOLLOUT | EPOLLRDHUP | EPOLLET,
		.data.u64 = DNS_DATA_STREAM(t - s->v) };

	return epoll_ctl(s->dns->epoll, op, t->fd, &ev) < 0 ? -errno : 0;
}

/* The next message, left in the kernel, behind its length. How many bytes; 0: it is not there as a
 * whole; -errno: it never will be. */
static int peek(const struct dns_stream *t, unsigned char *m, size_t size)
{
	ssize_t n = recv(t->fd, m, size, MSG_PEEK | MSG_DONTWAIT);

	if (n < 0) return errno == EAGAIN || errno == EINTR ? 0 : -errno;
	if (n == 0) return -EPIPE;
	if (n < LENGTH) return 0;
	size_t all = LENGTH + (size_t)(m[0] << 8 | m[1]);
	if (all > size) return -EMSGSIZE;
	return (size_t)n < all ? 0 : (int)all;
}

/* One message; the next one gets an event of its own when this one has been answered. 0; -EAGAIN:
 * it is not there yet, or not its turn; else the stream has ended. */
static int take_message(struct dns_streams *s, struct dns_stream *t, int64_t now)
{
	unsigned char m[LENGTH + DNS_MESSAGE];
	struct dns_client c = { .fd = -1, .source = t->source, .stream = t->id };
	struct dns_asked asked;
	int n = t->waits ? -EAGAIN : flush(t);

	if (n < 0) return n;
	n = peek(t, m, sizeof m);
	if (n <= 0) return n ? n : -EAGAIN;
	if (!dns_message_read(m + LENGTH, (size_t)n - LENGTH, &asked)) return -EBADMSG;
	if (!dns_is_ours(s->dns, &asked)) {
		if (watch(s, t, EPOLL_CTL_DEL) < 0) return -EIO;
		int fd = t->fd;
		uint8_t source = t->source;
		forget(s, t, true);
		s->give_away(s->arg, fd, source, now);
		return -EAGAIN;
	}
	if (recv(t->fd, m, (size_t)n, MSG_DONTWAIT) != n) return -EIO;
	t->waits = true;
	t->deadline = now + DNS_STREAM_MS;
	dns_on_question(s->dns, &c, &asked, now);
	return 0;
}

/* For struct dns. */
static void send_answer(void *arg, uint64_t id, const unsigned char *m, size_t n)
{
	struct dns_streams *s = arg;

	for (size_t i = 0; i < DNS_STREAMS; i++) {
		struct dns_stream *t = &s->v[i];
		if (t->fd < 0 || t->id != id) continue;
		t->waits = false;
		/* Tells of the next question again, if it is there already. */
		if (put(t, m, n) < 0 || watch(s, t, EPOLL_CTL_MOD) < 0) t->deadline = 0;
	}
}

void dns_streams_init(struct dns_streams *s, struct dns *d)
{
	s->dns = d;
	d->send = send_answer;
	d->send_arg = s;
	for (size_t i = 0; i < DNS_STREAMS; i++) s->v[i].fd = -1;
}

int dns_stream_add(struct dns_streams *s, int fd, uint32_t source, int64_t now)
{
	struct dns_stream *t = s->v;

	source %= DNS_SOURCES;
	if (s->used_by[source] >= DNS_STREAMS - s->used) return -EBUSY;
	while (t->fd >= 0) t++;
	*t = (struct dns_stream){ .fd = fd, .source = (uint8_t)source, .id = ++s->last_id,
		.deadline = now + DNS_STREAM_MS };
	s->used++;
	s->used_by[source]++;
	int r = watch(s, t, EPOLL_CTL_ADD);
	if (r < 0) forget(s, t, true);
	return r;
}

void dns_stream_event(struct dns_streams *s, size_t i, int64_t now)
{
	struct dns_stream *t = i < DNS_STREAMS && s->v[i].fd >= 0 ? &s->v[i] : NULL;
	int r = t ? take_message(s, t, now) : 0;

	if (r < 0 && r != -EAGAIN) forget(s, t, false);
}

int dns_streams_settle(struct dns_streams *s, int64_t now)
{
	int64_t next = -1;

	for (size_t i = 0, left = s->used; left && i < DNS_STREAMS; i++) {
		struct dns_stream *t = &s->v[i];
		if (t->fd < 0) continue;
		left--;
		if (t->deadline <= now) forget(s, t, false);
		else if (next < 0 || t->deadline - now < next) next = t->deadline - now;
	}
	return (int)next;
}
