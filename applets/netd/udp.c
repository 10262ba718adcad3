/* Carries datagrams. */
#include "netd/udp.h"

#include <errno.h>
#include <netinet/in.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

#include "netd/bytes.h"
#include "netd/sockets.h"
#include "world/broker.h"

enum { PACKETS_PER_EVENT = 32, UDP_HEADER = 8 };

/* ---- packets ---- */

bool udp_parse(const unsigned char *p, size_t n, struct udp_packet *out)
{
	struct packet ip;

	if (!packets_parse(p, n, IPPROTO_UDP, &ip) || ip.n < UDP_HEADER) return false;
	size_t length = bytes_get16(ip.data + 4);
	if (length < UDP_HEADER || length > ip.n) return false;
	out->key.client = ip.from;
	out->key.server = ip.to;
	memcpy(&out->key.client_port, ip.data, 2);
	memcpy(&out->key.server_port, ip.data + 2, 2);
	out->data = ip.data + UDP_HEADER;
	out->n = length - UDP_HEADER;
	return true;
}

/* Without a checksum of the data, as RFC 768 allows: it never leaves this machine. */
void udp_make_headers(const struct udp_key *key, size_t n, unsigned char out[UDP_HEADERS])
{
	unsigned char *udp = out + PACKETS_HEADER;

	packets_make_header(IPPROTO_UDP, key->server, key->client, UDP_HEADER + n, out);
	memcpy(udp, &key->server_port, 2);
	memcpy(udp + 2, &key->client_port, 2);
	bytes_put16(udp + 4, (uint32_t)(UDP_HEADER + n));
	bytes_put16(udp + 6, 0);
}

void udp_make_refusal(const struct udp_key *key, size_t n, unsigned char out[UDP_REFUSAL])
{
	enum { ICMP_HEADER = 8, UNREACHABLE = 3, PORT = 3 };
	const struct udp_key sent = { key->server, key->client, key->server_port,
		key->client_port };
	unsigned char *icmp = out + PACKETS_HEADER;

	packets_make_header(IPPROTO_ICMP, key->server, key->client, UDP_REFUSAL - PACKETS_HEADER,
		out);
	memset(icmp, 0, ICMP_HEADER);
	icmp[0] = UNREACHABLE;
	icmp[1] = PORT;
	udp_make_headers(&sent, n, icmp + ICMP_HEADER);
	bytes_put16(icmp + 2, packets_checksum(icmp, UDP_REFUSAL - PACKETS_HEADER));
}

int udp_init(struct udp *u)
{
	return packets_open(&u->packets, u->epoll, UDP_DATA_PACKETS, IPPROTO_UDP, &u->pods);
}

/* ---- flows ---- */

static uint8_t source_of(const struct udp_key *key)
{
	return ntohl(key->client) & 0xff;   /* each pod of a node has its own */
}

static bool same_key(const struct udp_key *a, const struct udp_key *b)
{
	return a->client == b->client && a->client_port == b->client_port &&
		a->server == b->server && a->server_port == b->server_port;
}

static void forget(struct udp *u, uint32_t i)
{
	close(u->v[i].fd);
	u->v[i].fd = -1;
	u->used--;
	u->used_by[source_of(&u->keys[i])]--;
}

/* The one of this source that was not used for the longest time makes room. */
static void make_room(struct udp *u, uint8_t source)
{
	uint32_t oldest = u->max;

	if (u->used_by[source] < u->max - u->used) return;
	for (uint32_t i = 0; i < u->fresh; i++) {
		if (u->v[i].fd < 0 || source_of(&u->keys[i]) != source) continue;
		if (oldest == u->max ||
			u->v[i].exchange.used_at < u->v[oldest].exchange.used_at)
			oldest = i;
	}
	if (oldest < u->max) forget(u, oldest);
}

/* A place in the table, or max. */
static uint32_t find_free(struct udp *u)
{
	for (uint32_t i = 0; u->used < u->fresh && i < u->fresh; i++)
		if (u->v[i].fd < 0) return i;
	return u->fresh < u->max ? u->fresh++ : u->max;
}

static struct endpoint server_of(const struct udp_key *key)
{
	struct endpoint e = { .address.len = 4, .port = ntohs(key->server_port) };

	memcpy(e.address.b, &key->server, 4);
	return e;
}

static struct ip client_of(const struct udp_key *key)
{
	struct ip a = { .len = 4 };

	memcpy(a.b, &key->client, 4);
	return a;
}

/* A socket outside, or inside if the server is a Service; *to is then its endpoint. */
static int make_socket(struct udp *u, const struct udp_key *key, int64_t now, struct endpoint *to)
{
	struct broker_request q = { .op = BROKER_UDP, .family = AF_INET };
	struct pick_request p = { .at = server_of(key), .protocol = SERVICE_UDP,
		.client = client_of(key) };
	int r = pick_endpoint(u->picker, &p, now, to);

	/* Where DNS is asked, a socket of its own is bound (dns.c). */
	if (policy_is_dns(u->policy, &p.at)) return -EACCES;
	if (r && r != -ENOENT) return r;
	if (!r) return sockets_open(endpoint_family(to), true);
	*to = p.at;
	return policy_decide(u->policy, to) == POLICY_OUTSIDE ? broker_ask(u->channel, &q)
		: -EACCES;
}

static int connect_to(struct udp *u, const struct udp_key *key, int64_t now, struct udp_flow *w)
{
	struct endpoint to = {0};

	w->fd = make_socket(u, key, now, &to);
	if (w->fd < 0) return w->fd;
	const struct endpoint server = server_of(key);
	if (!endpoint_same(&to, &server)) w->to = to;
	int r = sockets_connect(w->fd, &to);
	if (r < 0) close(w->fd);
	return r;
}

static void refuse(struct udp *u, const struct udp_key *key, size_t n)
{
	unsigned char p[UDP_REFUSAL];

	udp_make_refusal(key, n, p);
	if (packets_send(&u->packets, &u->pods, key->client, p, sizeof p, NULL, 0) < 0)
		u->dropped++;
}

/* Its place, or -errno. */
static int open_flow(struct udp *u, const struct udp_key *key, int64_t now)
{
	make_room(u, source_of(key));
	uint32_t i = find_free(u);
	struct epoll_event ev = { .events = EPOLLIN, .data.u64 = UDP_DATA_FLOW(i) };

	if (i == u->max) return -ENOBUFS;
	u->v[i] = (struct udp_flow){ .fd = -1 };
	int r = connect_to(u, key, now, &u->v[i]);
	if (r < 0) {
		u->v[i].fd = -1;
		return r;
	}
	u->keys[i] = *key;
	u->used++;
	u->used_by[source_of(key)]++;
	if (epoll_ctl(u->epoll, EPOLL_CTL_ADD, u->v[i].fd, &ev) == 0) return (int)i;
	r = -errno;
	forget(u, i);
	return r;
}

/* Whether a flow may begin is decided once. */
static int find_or_open(struct udp *u, const struct udp_key *key, int64_t now)
{
	for (uint32_t i = 0; i < u->fresh; i++)
		if (u->v[i].fd >= 0 && same_key(&u->keys[i], key)) return (int)i;
	return key->server_port ? open_flow(u, key, now) : -EINVAL;
}

void udp_check_services(struct udp *u)
{
	for (uint32_t i = 0; i < u->fresh; i++) {
		if (u->v[i].fd < 0 || !u->v[i].to.address.len) continue;
		const struct endpoint at = server_of(&u->keys[i]);
		if (!pick_may_go_on(u->picker, &at, &u->v[i].to)) forget(u, i);
	}
}

static void carry(struct udp *u, const struct udp_packet *p, int64_t now)
{
	int i = find_or_open(u, &p->key, now);
	int r = i < 0 ? i : send(u->v[i].fd, p->data, p->n, MSG_NOSIGNAL) < 0 ? -errno : 0;

	if (r < 0) {
		if (r == -ECONNREFUSED) refuse(u, &p->key, p->n);
		u->dropped++;   /* as any router may */
		return;
	}
	exchange_sent(&u->v[i].exchange, now);
	if (!u->look_at) u->look_at = now + EXCHANGE_LOOK_MS;
}

void udp_on_packets(struct udp *u, size_t place, int64_t now)
{
	struct udp_packet p;
	int fd = place < PACKETS_PLACES ? u->packets.in[place] : -1;

	for (int k = 0; k < PACKETS_PER_EVENT; k++) {
		ssize_t n = recv(fd, u->packet, sizeof u->packet, MSG_DONTWAIT);
		if (n < 0 && errno == EINTR) continue;
		if (n < 0) return;
		if (udp_parse(u->packet, (size_t)n, &p) &&
			packets_are_from((enum packets_place)place, &u->pods, p.key.client))
			carry(u, &p, now);
	}
}

static void send_back(struct udp *u, const struct udp_key *key, unsigned char *data, size_t n)
{
	unsigned char head[UDP_HEADERS];

	udp_make_headers(key, n, head);
	if (packets_send(&u->packets, &u->pods, key->client, head, sizeof head, data, n) < 0)
		u->dropped++;
}

void udp_on_answer(struct udp *u, size_t i, int64_t now)
{
	for (int k = 0; i < u->fresh && u->v[i].fd >= 0 && k < PACKETS_PER_EVENT; k++) {
		ssize_t n = recv(u->v[i].fd, u->packet, sizeof u->packet, MSG_DONTWAIT);
		if (n < 0 && errno == EINTR) continue;
		if (n < 0 && errno == ECONNREFUSED) refuse(u, &u->keys[i], 0);
		if (n < 0) return;
		exchange_received(&u->v[i].exchange, now);
		send_back(u, &u->keys[i], u->packet, (size_t)n);
	}
}

int udp_settle(struct udp *u, int64_t now)
{
	if (!u->look_at) return -1;
	if (now < u->look_at) return (int)(u->look_at - now);
	for (uint32_t i = 0; i < u->fresh; i++)
		if (u->v[i].fd >= 0 && exchange_is_over(&u->v[i].exchange, now)) forget(u, i);
	u->look_at = u->used ? now + EXCHANGE_LOOK_MS : 0;
	return u->used ? EXCHANGE_LOOK_MS : -1;
}
