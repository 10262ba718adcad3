/* The DNS server's clients, and the questions that are under way to servers outside. It has no
 * cache, and what a server says about a client's own question is handed on as it is. */
#include "netd/dns.h"

#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/random.h>
#include <unistd.h>

#include "base/die.h"
#include "netd/sockets.h"
#include "world/broker.h"

/* lo is found first in about seven of eight cases, so few tries would not do. */
enum { QR = 0x80, BINDS = 256 };

void dns_init(struct dns *d, int epoll, int channel)
{
	d->epoll = epoll;
	d->channel = channel;
	for (size_t i = 0; i < DNS_QUERIES; i++) d->queries[i].fd = -1;
}

int dns_listen(struct dns *d, int fd)
{
	struct epoll_event ev = { .events = EPOLLIN, .data.u64 = DNS_DATA_CLIENTS(d->fd_n) };
	int r = d->fd_n == DNS_LISTENERS ? -ENOSPC : 0;

	if (!r && epoll_ctl(d->epoll, EPOLL_CTL_ADD, fd, &ev) < 0) r = -errno;
	if (r < 0) close(fd);
	else d->fd[d->fd_n++] = fd;
	return r;
}

/* In gVisor a socket that is bound to an address to which the node itself is just talking may, by
 * chance, be tied to the loopback device (pkg/tcpip/stack, CheckLocalAddress), and nothing reaches
 * a pod from there. Another one takes its place, and its number. */
static void bind_again(struct dns *d, size_t i)
{
	struct epoll_event ev = { .events = EPOLLIN, .data.u64 = DNS_DATA_CLIENTS(i) };
	struct sockaddr_storage a;
	socklen_t n = sizeof a;

	if (getsockname(d->fd[i], (struct sockaddr *)&a, &n) < 0) return;
	const struct endpoint at = endpoint_from_sockaddr(&a);
	close(d->fd[i]);
	int fd = sockets_inside(&at, true);
	if (fd < 0 || (fd != d->fd[i] && (dup3(fd, d->fd[i], O_CLOEXEC) < 0 || close(fd) < 0)) ||
		epoll_ctl(d->epoll, EPOLL_CTL_ADD, d->fd[i], &ev) < 0)
		die_errno(EX_SYS, -errno, "port 53 for DNS");
}

static bool send_to(struct dns *d, const struct dns_client *c, const unsigned char *m, size_t n)
{
	size_t i = 0;

	while (i < d->fd_n && d->fd[i] != c->fd) i++;
	for (int tries = 0; tries < BINDS; tries++) {
		if (sendto(c->fd, m, n, MSG_DONTWAIT, (const void *)&c->address,
			c->address_n) >= 0)
			return true;
		if (errno != ENETUNREACH || i == d->fd_n) return false;
		bind_again(d, i);
	}
	return false;
}

static void answer(struct dns *d, const struct dns_client *c, const unsigned char *m, size_t n)
{
	/* A client that is gone, or too slow, asks again. */
	if (c->fd < 0) d->send(d->send_arg, c->stream, m, n);
	else if (!send_to(d, c, m, n)) d->dropped++;
}

/* ---- questions under way ---- */

static void forget(struct dns *d, struct dns_query *q)
{
	close(q->fd);
	q->fd = -1;
	d->used--;
	d->used_by[q->client.source]--;
}

/* The next questions go to another server, if this one is still the one that is asked. */
static void give_up_server(struct dns *d, const struct dns_query *q)
{
	if (d->server == q->server) d->server = (d->server + 1) % d->server_n;
}

static struct dns_query *find_free(struct dns *d)
{
	for (size_t i = 0; d->used < DNS_QUERIES && i < DNS_QUERIES; i++)
		if (d->queries[i].fd < 0) return &d->queries[i];
	return NULL;
}

/* Each may have as many questions under way as there is still room for. */
static bool admit(const struct dns *d, const struct dns_client *c)
{
	return d->used_by[c->source] < DNS_QUERIES - d->used;
}

static int make_socket(const struct dns *d, const struct endpoint *inside)
{
	struct broker_request r = { .op = BROKER_UDP };

	if (inside) return sockets_open(endpoint_family(inside), true);
	if (!d->server_n) return -EADDRNOTAVAIL;
	r.family = d->servers[d->server].len == 4 ? AF_INET : AF_INET6;
	return broker_ask(d->channel, &r);
}

static int send_out(struct dns *d, struct dns_query *q, const struct endpoint *to,
	const unsigned char *m, size_t n)
{
	struct epoll_event ev = { .events = EPOLLIN, .data.u64 = DNS_DATA_QUERY(q - d->queries) };
	int r = sockets_connect(q->fd, to);

	if (!r && send(q->fd, m, n, MSG_NOSIGNAL) < 0) r = -errno;
	if (!r && epoll_ctl(d->epoll, EPOLL_CTL_ADD, q->fd, &ev) < 0) r = -errno;
	return r;
}

/* Asks a server: this one in the cluster, or (NULL) one outside. asked: the client's question, if m
 * is another one. 0 or -errno. */
static int ask(struct dns *d, const struct dns_client *c, const struct endpoint *inside,
	const struct dns_asked *asked, const unsigned char *m, size_t n, int64_t now)
{
	const struct endpoint outside = { d->servers[d->server], DNS_PORT };
	struct dns_query *q = admit(d, c) ? find_free(d) : NULL;

	if (!q) return -EBUSY;
	q->server = inside ? DNS_SERVERS : d->server;
	q->client = *c;
	q->deadline = now + DNS_TIMEOUT_MS;
	q->question_n = dns_message_question(m, n);
	memcpy(q->question, m, q->question_n);
	q->asked.name.n = 0;
	if (asked) q->asked = *asked;
	int fd = make_socket(d, inside);
	if (fd < 0) return fd;
	q->fd = fd;
	d->used++;
	d->used_by[c->source]++;
	int e = send_out(d, q, inside ? inside : &outside, m, n);
	if (e < 0) {
		give_up_server(d, q);
		forget(d, q);
	}
	return e;
}

/* ---- the cluster's names ---- */

bool dns_is_ours(const struct dns *d, const struct dns_asked *asked)
{
	return d->zone.services && dns_answer_is_ours(&d->zone, asked);
}

/* What there is to say after a server outside was asked; o->n 0: it cannot, or did not answer. */
static void answer_with(struct dns *d, const struct dns_client *c, const struct dns_asked *asked,
	const struct dns_outside *o)
{
	struct dns_name external;
	size_t size = c->fd < 0 ? DNS_STREAM_SIZE : asked->udp_size;

	answer(d, c, d->answer, dns_answer(&d->zone, asked, o, d->answer, size, &external));
}

void dns_on_question(struct dns *d, const struct dns_client *c, const struct dns_asked *asked,
	int64_t now)
{
	unsigned char m[DNS_QUESTION + DNS_OPT_SIZE];
	size_t size = c->fd < 0 ? DNS_STREAM_SIZE : asked->udp_size;
	struct dns_name external;
	uint16_t id;
	size_t n = dns_answer(&d->zone, asked, NULL, d->answer, size, &external);

	if (n) {
		answer(d, c, d->answer, n);
		return;
	}
	if (getrandom(&id, sizeof id, 0) == sizeof id) {
		n = dns_message_ask(id, &external, asked->type, m);
		if (!ask(d, c, NULL, asked, m, n, now)) return;
	}
	answer_with(d, c, asked, &(struct dns_outside){ NULL, 0 });
}

/* ---- clients ---- */

/* The client is told at once that no answer will come. question: overwritten. */
static void refuse(struct dns *d, const struct dns_client *c, unsigned char *question, size_t n)
{
	question[2] |= QR;
	question[3] = (unsigned char)((question[3] & 0xf0) | DNS_SERVFAIL);
	memset(question + 6, 0, 6);   /* no records */
	answer(d, c, question, n);
}

static void fail(struct dns *d, struct dns_query *q)
{
	static const struct dns_outside nothing = { NULL, 0 };

	give_up_server(d, q);
	if (q->asked.name.n) answer_with(d, &q->client, &q->asked, &nothing);
	else refuse(d, &q->client, q->question, q->question_n);
	forget(d, q);
}

static uint8_t source_of(const struct sockaddr_storage *a)
{
	if (a->ss_family != AF_INET) return 0;
	return ntohl(((const struct sockaddr_in *)a)->sin_addr.s_addr) & 0xff;
}

/* An endpoint of the Service that does the cluster's DNS. False: there is none. */
static bool find_endpoint(struct dns *d, const struct dns_client *c, int64_t now,
	struct endpoint *out)
{
	const struct sockaddr_in *from = (const struct sockaddr_in *)&c->address;
	struct pick_request q = { .at = { d->zone.server, DNS_PORT }, .protocol = SERVICE_UDP,
		.client = { .len = sizeof from->sin_addr } };

	memcpy(q.client.b, &from->sin_addr, sizeof from->sin_addr);
	return !pick_endpoint(d->picker, &q, now, out);
}

/* One question. 0, or -EAGAIN: there is none. */
static int take_question(struct dns *d, size_t i, int64_t now)
{
	unsigned char m[DNS_MESSAGE];
	struct dns_client c = { .fd = d->fd[i], .address_n = sizeof c.address };
	struct dns_asked asked;
	struct endpoint to;
	int r = 0;

	ssize_t n = recvfrom(c.fd, m, sizeof m, MSG_DONTWAIT, (struct sockaddr *)&c.address,
		&c.address_n);
	if (n < 0) return errno == EINTR ? 0 : -EAGAIN;
	c.source = source_of(&c.address);
	if (!dns_message_read(m, (size_t)n, &asked)) d->dropped++;
	else if (i == DNS_CLUSTER && find_endpoint(d, &c, now, &to))
		r = ask(d, &c, &to, NULL, m, (size_t)n, now);
	else if (dns_is_ours(d, &asked)) dns_on_question(d, &c, &asked, now);
	else r = ask(d, &c, NULL, NULL, m, (size_t)n, now);
	if (r < 0) refuse(d, &c, m, dns_message_question(m, (size_t)n));
	return 0;
}

void dns_on_clients(struct dns *d, size_t i, int64_t now)
{
	enum { AT_ONCE = 64 };
	for (int k = 0; i < d->fd_n && k < AT_ONCE && !take_question(d, i, now); k++) ;
}

void dns_on_answer(struct dns *d, size_t i)
{
	unsigned char m[DNS_MESSAGE];
	struct dns_query *q = i < DNS_QUERIES ? &d->queries[i] : NULL;

	if (!q || q->fd < 0) return;
	ssize_t n = recv(q->fd, m, sizeof m, MSG_DONTWAIT);
	if (n < 0 && (errno == EAGAIN || errno == EINTR)) return;
	if (n < 0) {
		fail(d, q);   /* nothing listens there */
		return;
	}
	if (!dns_message_answers(m, (size_t)n, q->question, q->question_n)) {
		d->dropped++;
		return;
	}
	if (q->asked.name.n)
		answer_with(d, &q->client, &q->asked, &(struct dns_outside){ m, (size_t)n });
	else answer(d, &q->client, m, (size_t)n);
	forget(d, q);
}

int dns_settle(struct dns *d, int64_t now)
{
	int64_t next = -1;

	for (size_t i = 0, left = d->used; left && i < DNS_QUERIES; i++) {
		struct dns_query *q = &d->queries[i];
		if (q->fd < 0) continue;
		left--;
		if (q->deadline <= now) fail(d, q);
		else if (next < 0 || q->deadline - now < next) next = q->deadline - now;
	}
	return (int)next;
}
