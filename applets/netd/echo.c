/* Carries echo requests out, and the replies back. */
#include "netd/echo.h"

#include <errno.h>
#include <netinet/in.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

#include "netd/bytes.h"
#include "world/broker.h"

enum { REPLY = 0, REQUEST = 8, PACKETS_PER_EVENT = 32 };

bool echo_is_request(const unsigned char *icmp, size_t n)
{
	return n >= ECHO_HEADER && icmp[0] == REQUEST && !icmp[1];
}

bool echo_is_reply(const unsigned char *icmp, size_t n)
{
	return n >= ECHO_HEADER && icmp[0] == REPLY && !icmp[1];
}

void echo_make_reply(unsigned char *icmp, size_t n, uint16_t id)
{
	icmp[0] = REPLY;
	memcpy(icmp + 4, &id, sizeof id);
	icmp[2] = icmp[3] = 0;
	bytes_put16(icmp + 2, packets_checksum(icmp, n));
}

int echo_init(struct echo *e)
{
	for (size_t i = 0; i < ECHO_FLOWS; i++) e->v[i].fd = -1;
	return packets_open(&e->packets, e->epoll, ECHO_DATA_PACKETS, IPPROTO_ICMP, &e->pods);
}

/* ---- flows ---- */

static void forget(struct echo *e, struct echo_flow *w)
{
	close(w->fd);
	w->fd = -1;
	e->used--;
}

static struct echo_flow *find(struct echo *e, const struct packet *p, uint16_t id)
{
	for (size_t i = 0; e->used && i < ECHO_FLOWS; i++) {
		struct echo_flow *w = &e->v[i];
		if (w->fd >= 0 && w->client == p->from && w->server == p->to && w->id == id)
			return w;
	}
	return NULL;
}

/* A free place; a client that has its share already gives its oldest one up. */
static struct echo_flow *find_free(struct echo *e, uint32_t client)
{
	struct echo_flow *oldest = NULL, *unused = NULL;
	size_t own = 0;

	for (size_t i = 0; i < ECHO_FLOWS; i++) {
		struct echo_flow *w = &e->v[i];
		if (w->fd < 0) {
			unused = w;
			continue;
		}
		if (w->client != client) continue;
		own++;
		if (!oldest || w->used_at < oldest->used_at) oldest = w;
	}
	if (own < ECHO_OF_ONE) return unused;
	forget(e, oldest);
	return oldest;
}

/* A socket connected to the server. *raw: it needs, and gets, more than the echo messages. */
static int dial(const struct echo *e, uint32_t server, bool *raw)
{
	struct broker_request q = { .op = BROKER_PING, .family = AF_INET };
	struct sockaddr_in a = { .sin_family = AF_INET, .sin_addr.s_addr = server };
	int fd = broker_ask(e->channel, &q), type = 0;
	socklen_t n = sizeof type;

	if (fd < 0) return fd;
	int r = getsockopt(fd, SOL_SOCKET, SO_TYPE, &type, &n) < 0 ? -errno : 0;
	*raw = type == SOCK_RAW;
	if (!r && connect(fd, (struct sockaddr *)&a, sizeof a) < 0) r = -errno;
	if (r < 0) close(fd);
	return r < 0 ? r : fd;
}

static struct echo_flow *open_flow(struct echo *e, const struct packet *p, uint16_t id)
{
	struct echo_flow *w = find_free(e, p->from);
	bool raw = false;
	int fd = w ? dial(e, p->to, &raw) : -ENOSPC;

	if (fd < 0) return NULL;
	struct epoll_event ev = { .events = EPOLLIN, .data.u64 = ECHO_DATA_FLOW(w - e->v) };
	*w = (struct echo_flow){ fd, raw, p->from, p->to, id, 0 };
	e->used++;
	if (!epoll_ctl(e->epoll, EPOLL_CTL_ADD, fd, &ev)) return w;
	forget(e, w);
	return NULL;
}

static bool is_allowed(const struct echo *e, const struct packet *p)
{
	struct endpoint to = { .address.len = 4 };

	memcpy(to.address.b, &p->to, 4);
	return policy_decide(e->policy, &to) == POLICY_OUTSIDE;
}

/* A ping socket puts an ID of its own in; a raw one sends the client's. */
static void carry(struct echo *e, const struct packet *p, int64_t now)
{
	uint16_t id;

	memcpy(&id, p->data + 4, sizeof id);
	struct echo_flow *w = find(e, p, id);
	if (!w && is_allowed(e, p)) w = open_flow(e, p, id);
	if (!w || send(w->fd, p->data, p->n, MSG_NOSIGNAL) < 0) {
		e->dropped++;
		return;
	}
	w->used_at = now;
}

void echo_on_packets(struct echo *e, size_t place, int64_t now)
{
	int fd = place < PACKETS_PLACES ? e->packets.in[place] : -1;
	struct packet p;

	for (int k = 0; k < PACKETS_PER_EVENT; k++) {
		ssize_t n = recv(fd, e->packet, sizeof e->packet, MSG_DONTWAIT);
		if (n < 0 && errno == EINTR) continue;
		if (n < 0) return;
		if (packets_parse(e->packet, (size_t)n, IPPROTO_ICMP, &p) &&
			echo_is_request(p.data, p.n) &&
			packets_are_from((enum packets_place)place, &e->pods, p.from))
			carry(e, &p, now);
	}
}

static void send_back(struct echo *e, const struct echo_flow *w, unsigned char *icmp, size_t n)
{
	unsigned char head[PACKETS_HEADER];

	echo_make_reply(icmp, n, w->id);
	packets_make_header(IPPROTO_ICMP, w->server, w->client, n, head);
	if (packets_send(&e->packets, &e->pods, w->client, head, sizeof head, icmp, n) < 0)
		e->dropped++;
}

/* Raw sockets get every message of the server, with the IP header. */
void echo_on_answer(struct echo *e, size_t i)
{
	for (int k = 0; i < ECHO_FLOWS && e->v[i].fd >= 0 && k < PACKETS_PER_EVENT; k++) {
		struct echo_flow *w = &e->v[i];
		ssize_t n = recv(w->fd, e->packet, sizeof e->packet, MSG_DONTWAIT);
		if (n < 0 && errno == EINTR) continue;
		if (n < 0) return;
		struct packet p = { .data = e->packet, .n = (size_t)n };
		if (w->raw && !packets_parse(e->packet, (size_t)n, IPPROTO_ICMP, &p)) continue;
		if (!echo_is_reply(p.data, p.n)) continue;
		if (w->raw && memcmp(p.data + 4, &w->id, sizeof w->id)) continue;
		send_back(e, w, e->packet + (p.data - e->packet), p.n);
	}
}

int echo_settle(struct echo *e, int64_t now)
{
	int64_t next = -1;

	for (size_t i = 0; e->used && i < ECHO_FLOWS; i++) {
		struct echo_flow *w = &e->v[i];
		if (w->fd < 0) continue;
		int64_t left = w->used_at + ECHO_MS - now;
		if (left <= 0) forget(e, w);
		else if (next < 0 || left < next) next = left;
	}
	return (int)next;
}
