/* The DNS forwarder. It has no cache and reads no records: what comes back is handed on to the
 * client that asked that very question. */
#include "netd/dns.h"

#include <errno.h>
#include <netinet/in.h>
#include <string.h>
#include <sys/epoll.h>
#include <unistd.h>

#include "world/broker.h"

enum { HEADER = 12, TYPE_AND_CLASS = 4, LONGEST_NAME = 255, QR = 0x80, RCODE_SERVFAIL = 2 };

size_t dns_question(const unsigned char *m, size_t n)
{
	size_t at = HEADER;

	if (n < HEADER || m[2] & QR || m[4] || m[5] != 1) return 0;
	while (at < n && m[at]) {
		if (m[at] > 63) return 0;   /* a pointer, or no label */
		at += 1u + m[at];
		if (at - HEADER >= LONGEST_NAME) return 0;
	}
	at += 1 + TYPE_AND_CLASS;
	return at <= n ? at : 0;
}

/* Names are compared as they were sent: servers repeat them letter by letter, and mixed case is one
 * more thing that a forger has to guess. */
bool dns_answers(const unsigned char *m, size_t n, const unsigned char *question, size_t question_n)
{
	return question_n > HEADER && n >= question_n && m[2] & QR && !memcmp(m, question, 2) &&
		!m[4] && m[5] == 1 && !memcmp(m + HEADER, question + HEADER, question_n - HEADER);
}

int dns_init(struct dns *d, int epoll, int channel, int fd)
{
	struct epoll_event ev = { .events = EPOLLIN, .data.u64 = DNS_DATA_CLIENTS };

	d->epoll = epoll;
	d->channel = channel;
	d->fd = fd;
	for (size_t i = 0; i < DNS_QUERIES; i++) d->queries[i].fd = -1;
	return epoll_ctl(epoll, EPOLL_CTL_ADD, fd, &ev) < 0 ? -errno : 0;
}

static void answer(struct dns *d, const struct dns_query *q, const void *message, size_t n)
{
	/* A client that is gone, or too slow, asks again. */
	if (sendto(d->fd, message, n, MSG_DONTWAIT, (const void *)&q->client, q->client_n) < 0)
		d->dropped++;
}

static void forget(struct dns *d, struct dns_query *q)
{
	close(q->fd);
	q->fd = -1;
	d->used--;
	d->used_by[q->source]--;
}

/* The next questions go to another server, if this one is still the one that is asked. */
static void give_up_server(struct dns *d, const struct dns_query *q)
{
	if (d->server == q->server) d->server = (d->server + 1) % d->server_n;
}

/* The client is told at once that no answer will come. */
static void refuse(struct dns *d, struct dns_query *q)
{
	q->question[2] |= QR;
	q->question[3] = (unsigned char)((q->question[3] & 0xf0) | RCODE_SERVFAIL);
	memset(q->question + 6, 0, 6);   /* no records */
	answer(d, q, q->question, q->question_n);
}

static int connect_to(int fd, const struct ip *server)
{
	struct sockaddr_in in = { .sin_family = AF_INET, .sin_port = htons(DNS_PORT) };
	struct sockaddr_in6 in6 = { .sin6_family = AF_INET6, .sin6_port = htons(DNS_PORT) };

	memcpy(&in.sin_addr, server->b, sizeof in.sin_addr);
	memcpy(&in6.sin6_addr, server->b, sizeof in6.sin6_addr);
	int r = server->len == 4 ? connect(fd, (struct sockaddr *)&in, sizeof in)
		: connect(fd, (struct sockaddr *)&in6, sizeof in6);
	return r < 0 ? -errno : 0;
}

static int pass_on(struct dns *d, struct dns_query *q, const unsigned char *message, size_t n)
{
	if (!d->server_n) return -EADDRNOTAVAIL;
	q->server = d->server;
	const struct ip *server = &d->servers[q->server];
	struct broker_request r = { .op = BROKER_UDP,
		.family = server->len == 4 ? AF_INET : AF_INET6 };
	int fd = broker_ask(d->channel, &r);
	if (fd < 0) return fd;
	q->fd = fd;
	d->used++;
	d->used_by[q->source]++;
	struct epoll_event ev = { .events = EPOLLIN, .data.u64 = DNS_DATA_QUERY(q - d->queries) };
	int e = connect_to(fd, server);
	if (!e && send(fd, message, n, MSG_NOSIGNAL) < 0) e = -errno;
	if (!e && epoll_ctl(d->epoll, EPOLL_CTL_ADD, fd, &ev) < 0) e = -errno;
	if (e < 0) {
		give_up_server(d, q);
		forget(d, q);
	}
	return e;
}

static struct dns_query *find_free(struct dns *d)
{
	for (size_t i = 0; d->used < DNS_QUERIES && i < DNS_QUERIES; i++)
		if (d->queries[i].fd < 0) return &d->queries[i];
	return NULL;
}

static uint8_t source_of(const struct sockaddr_storage *a)
{
	if (a->ss_family != AF_INET) return 0;
	return ntohl(((const struct sockaddr_in *)a)->sin_addr.s_addr) & 0xff;
}

/* Each may have as many questions under way as there is still room for. */
static bool admit(const struct dns *d, const struct dns_query *q)
{
	return q->question_n && d->used_by[q->source] < DNS_QUERIES - d->used;
}

/* One question. 0, or -EAGAIN: there is none. */
static int take_question(struct dns *d, int64_t now)
{
	unsigned char message[DNS_MESSAGE];
	struct dns_query spare = { .fd = -1 }, *q = find_free(d);

	if (!q) q = &spare;
	q->client_n = sizeof q->client;
	ssize_t n = recvfrom(d->fd, message, sizeof message, MSG_DONTWAIT,
		(struct sockaddr *)&q->client, &q->client_n);
	if (n < 0) return errno == EINTR ? 0 : -EAGAIN;
	q->question_n = dns_question(message, (size_t)n);
	if (!q->question_n) {
		d->dropped++;
		return 0;
	}
	memcpy(q->question, message, q->question_n);
	q->deadline = now + DNS_TIMEOUT_MS;
	q->source = source_of(&q->client);
	if (q == &spare || !admit(d, q) || pass_on(d, q, message, (size_t)n) < 0) refuse(d, q);
	return 0;
}

void dns_on_clients(struct dns *d, int64_t now)
{
	enum { AT_ONCE = 64 };
	for (int i = 0; i < AT_ONCE && !take_question(d, now); i++) ;
}

void dns_on_answer(struct dns *d, size_t i)
{
	unsigned char message[DNS_MESSAGE];
	struct dns_query *q = i < DNS_QUERIES ? &d->queries[i] : NULL;

	if (!q || q->fd < 0) return;
	ssize_t n = recv(q->fd, message, sizeof message, MSG_DONTWAIT);
	if (n < 0 && (errno == EAGAIN || errno == EINTR)) return;
	if (n < 0) {
		give_up_server(d, q);   /* nothing listens there */
		refuse(d, q);
		forget(d, q);
		return;
	}
	if (!dns_answers(message, (size_t)n, q->question, q->question_n)) {
		d->dropped++;
		return;
	}
	answer(d, q, message, (size_t)n);
	forget(d, q);
}

int dns_settle(struct dns *d, int64_t now)
{
	int64_t next = -1;

	for (size_t i = 0, left = d->used; left && i < DNS_QUERIES; i++) {
		struct dns_query *q = &d->queries[i];
		if (q->fd < 0) continue;
		left--;
		if (q->deadline <= now) {
			give_up_server(d, q);
			refuse(d, q);
			forget(d, q);
		} else if (next < 0 || q->deadline - now < next) {
			next = q->deadline - now;
		}
	}
	return (int)next;
}
