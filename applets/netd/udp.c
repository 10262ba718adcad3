/* Carries datagrams. How they are seen depends on the kernel: Linux drops what it would have to
 * forward before any raw socket sees it, but shows it to a packet socket with a filter; gVisor has
 * no filters, and shows it to raw sockets. */
#include "netd/udp.h"

#include <errno.h>
#include <net/if.h>
#include <netinet/in.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <sys/uio.h>
#include <unistd.h>

#include <linux/filter.h>
#include <linux/if_ether.h>
#include <linux/if_packet.h>

#include "base/cleanup.h"
#include "world/broker.h"

enum { PACKETS_PER_EVENT = 32, IP_HEADER = 20, UDP_HEADER = 8, TTL = 64 };

/* ---- packets ---- */

static uint16_t get16(const unsigned char *p)
{
	return (uint16_t)(p[0] << 8 | p[1]);
}

static void put16(unsigned char *p, size_t v)
{
	p[0] = (unsigned char)(v >> 8);
	p[1] = (unsigned char)v;
}

bool udp_parse(const unsigned char *p, size_t n, struct udp_packet *out)
{
	enum { MORE_FRAGMENTS_OR_OFFSET = 0x3fff };

	if (n < UDP_HEADERS || p[0] >> 4 != 4 || p[9] != IPPROTO_UDP) return false;
	size_t head = (p[0] & 15u) * 4, all = get16(p + 2);
	if (head < IP_HEADER || all > n || all < head + UDP_HEADER) return false;
	if (get16(p + 6) & MORE_FRAGMENTS_OR_OFFSET) return false;
	const unsigned char *udp = p + head;
	size_t length = get16(udp + 4);
	if (length < UDP_HEADER || length > all - head) return false;
	memcpy(&out->key.client, p + 12, 4);
	memcpy(&out->key.server, p + 16, 4);
	memcpy(&out->key.client_port, udp, 2);
	memcpy(&out->key.server_port, udp + 2, 2);
	out->data = udp + UDP_HEADER;
	out->n = length - UDP_HEADER;
	return true;
}

static uint16_t ip_checksum(const unsigned char *p)
{
	uint32_t sum = 0;

	for (int i = 0; i < IP_HEADER; i += 2) sum += get16(p + i);
	while (sum >> 16) sum = (sum & 0xffff) + (sum >> 16);
	return (uint16_t)~sum;
}

/* Without a checksum of the data, as RFC 768 allows: it never leaves this machine. */
void udp_make_headers(const struct udp_key *key, size_t n, unsigned char out[UDP_HEADERS])
{
	memset(out, 0, UDP_HEADERS);
	out[0] = 0x45;
	put16(out + 2, UDP_HEADERS + n);
	out[8] = TTL;
	out[9] = IPPROTO_UDP;
	memcpy(out + 12, &key->server, 4);
	memcpy(out + 16, &key->client, 4);
	put16(out + 10, ip_checksum(out));
	memcpy(out + IP_HEADER, &key->server_port, 2);
	memcpy(out + IP_HEADER + 2, &key->client_port, 2);
	put16(out + IP_HEADER + 4, UDP_HEADER + n);
}

/* ---- sockets inside ---- */

static int attach_filter(int fd, const struct sock_filter *code, size_t n)
{
	struct sock_fprog program = { .len = (unsigned short)n, .filter = (void *)code };

	int r = setsockopt(fd, SOL_SOCKET, SO_ATTACH_FILTER, &program, sizeof program);

	return r < 0 ? -errno : 0;
}

/* Does a filter filter? One that lets nothing pass, and a datagram to oneself: by effect, because a
 * sandbox may accept what it ignores. */
static bool has_filters(void)
{
	static const struct sock_filter nothing[] = { BPF_STMT(BPF_RET | BPF_K, 0) };
	struct sockaddr_in a = { .sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
	socklen_t n = sizeof a;
	char c = 0;

	_cleanup_close_ int fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	if (fd < 0 || attach_filter(fd, nothing, 1) < 0) return false;
	if (bind(fd, (struct sockaddr *)&a, n) < 0 ||
		getsockname(fd, (struct sockaddr *)&a, &n) < 0)
		return false;
	if (sendto(fd, &c, 1, 0, (struct sockaddr *)&a, n) != 1) return false;
	return recv(fd, &c, 1, MSG_DONTWAIT) < 0;
}

/* UDP that is not for the pods' network: IPv4 headers begin at 0. */
static int filter_packets(int fd, const struct cidr *pods)
{
	struct ip network = cidr_network(pods);
	uint32_t mask = pods->ones ? 0xffffffffu << (32 - pods->ones) : 0, address;

	memcpy(&address, network.b, sizeof address);
	const struct sock_filter code[] = {
		BPF_STMT(BPF_LD | BPF_B | BPF_ABS, 9),
		BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, IPPROTO_UDP, 0, 3),
		BPF_STMT(BPF_LD | BPF_W | BPF_ABS, 16),
		BPF_STMT(BPF_ALU | BPF_AND | BPF_K, mask),
		BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, ntohl(address), 0, 1),
		BPF_STMT(BPF_RET | BPF_K, 0),
		BPF_STMT(BPF_RET | BPF_K, UDP_PACKET),
	};

	return attach_filter(fd, code, sizeof code / sizeof *code);
}

static int open_packet_socket(const struct cidr *pods, const char *link)
{
	struct sockaddr_ll a = { .sll_family = AF_PACKET, .sll_protocol = htons(ETH_P_IP),
		.sll_ifindex = (int)if_nametoindex(link) };
	/* Without a protocol it receives nothing until the filter is there. */
	int fd = socket(AF_PACKET, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);

	if (fd < 0) return -errno;
	int r = a.sll_ifindex ? filter_packets(fd, pods) : -ENODEV;
	if (!r && bind(fd, (struct sockaddr *)&a, sizeof a) < 0) r = -errno;
	if (r < 0) close(fd);
	return r < 0 ? r : fd;
}

static int open_raw_socket(int protocol)
{
	int fd = socket(AF_INET, SOCK_RAW | SOCK_CLOEXEC | SOCK_NONBLOCK, protocol);

	return fd < 0 ? -errno : fd;
}

int udp_init(struct udp *u, const char *link)
{
	struct epoll_event ev = { .events = EPOLLIN, .data.u64 = UDP_DATA_PACKETS };

	u->out = open_raw_socket(IPPROTO_RAW);   /* takes whole packets */
	u->in = has_filters() ? open_packet_socket(&u->pods, link) : open_raw_socket(IPPROTO_UDP);
	int r = u->out < 0 ? u->out : u->in < 0 ? u->in : 0;
	if (!r && epoll_ctl(u->epoll, EPOLL_CTL_ADD, u->in, &ev) < 0) r = -errno;
	if (!r) return 0;
	if (u->in >= 0) close(u->in);
	if (u->out >= 0) close(u->out);
	u->in = u->out = -1;
	return r;
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
		if (oldest == u->max || u->v[i].used_at < u->v[oldest].used_at) oldest = i;
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

static int connect_to(const struct udp *u, const struct udp_key *key)
{
	struct broker_request q = { .op = BROKER_UDP, .family = AF_INET };
	struct sockaddr_in a = { .sin_family = AF_INET, .sin_port = key->server_port,
		.sin_addr.s_addr = key->server };
	int fd = broker_ask(u->channel, &q);

	if (fd < 0 || !connect(fd, (struct sockaddr *)&a, sizeof a)) return fd;
	int r = -errno;
	close(fd);
	return r;
}

static uint32_t open_flow(struct udp *u, const struct udp_key *key)
{
	make_room(u, source_of(key));
	uint32_t i = find_free(u);
	struct epoll_event ev = { .events = EPOLLIN, .data.u64 = UDP_DATA_FLOW(i) };

	if (i == u->max) return i;
	u->v[i] = (struct udp_flow){ .fd = connect_to(u, key) };
	if (u->v[i].fd < 0) {
		u->v[i].fd = -1;
		return u->max;
	}
	u->keys[i] = *key;
	u->used++;
	u->used_by[source_of(key)]++;
	if (epoll_ctl(u->epoll, EPOLL_CTL_ADD, u->v[i].fd, &ev) == 0) return i;
	forget(u, i);
	return u->max;
}

static uint32_t find_or_open(struct udp *u, const struct udp_key *key)
{
	for (uint32_t i = 0; i < u->fresh; i++)
		if (u->v[i].fd >= 0 && same_key(&u->keys[i], key)) return i;
	return open_flow(u, key);
}

static bool is_allowed(const struct udp *u, const struct udp_key *key)
{
	struct endpoint to = { .address.len = 4, .port = ntohs(key->server_port) };
	struct ip client = { .len = 4 };

	memcpy(to.address.b, &key->server, 4);
	memcpy(client.b, &key->client, 4);
	return to.port && cidr_contains(&u->pods, &client) &&
		policy_decide(u->policy, &to) == POLICY_OUTSIDE;
}

static void carry(struct udp *u, const struct udp_packet *p, int64_t now)
{
	uint32_t i = is_allowed(u, &p->key) ? find_or_open(u, &p->key) : u->max;

	if (i == u->max || send(u->v[i].fd, p->data, p->n, MSG_NOSIGNAL) < 0) {
		u->dropped++;   /* as any router may */
		return;
	}
	u->v[i].sent += u->v[i].sent < 2;
	u->v[i].used_at = now;
	if (!u->look_at) u->look_at = now + UDP_LOOK_MS;
}

void udp_on_packets(struct udp *u, int64_t now)
{
	struct udp_packet p;

	for (int k = 0; k < PACKETS_PER_EVENT; k++) {
		ssize_t n = recv(u->in, u->packet, sizeof u->packet, MSG_DONTWAIT);
		if (n < 0 && errno == EINTR) continue;
		if (n < 0) return;
		if (udp_parse(u->packet, (size_t)n, &p)) carry(u, &p, now);
	}
}

static void send_back(struct udp *u, const struct udp_key *key, unsigned char *data, size_t n)
{
	unsigned char head[UDP_HEADERS];
	struct sockaddr_in a = { .sin_family = AF_INET, .sin_addr.s_addr = key->client };
	struct iovec parts[] = { { head, sizeof head }, { data, n } };
	struct msghdr m = { .msg_name = &a, .msg_namelen = sizeof a, .msg_iov = parts,
		.msg_iovlen = 2 };

	udp_make_headers(key, n, head);
	if (n > UDP_PACKET - UDP_HEADERS || sendmsg(u->out, &m, MSG_DONTWAIT) < 0) u->dropped++;
}

void udp_on_answer(struct udp *u, size_t i, int64_t now)
{
	for (int k = 0; i < u->fresh && u->v[i].fd >= 0 && k < PACKETS_PER_EVENT; k++) {
		ssize_t n = recv(u->v[i].fd, u->packet, sizeof u->packet, MSG_DONTWAIT);
		if (n < 0 && errno == EINTR) continue;
		if (n < 0) return;   /* nothing, or "refused", which the client is not told */
		u->v[i].received += u->v[i].received < 2;
		u->v[i].used_at = now;
		send_back(u, &u->keys[i], u->packet, (size_t)n);
	}
}

int udp_settle(struct udp *u, int64_t now)
{
	if (!u->look_at) return -1;
	if (now < u->look_at) return (int)(u->look_at - now);
	for (uint32_t i = 0; i < u->fresh; i++) {
		bool lasting = u->v[i].sent == 2 && u->v[i].received == 2;
		int64_t limit = lasting ? UDP_LONG_MS : UDP_SHORT_MS;
		if (u->v[i].fd >= 0 && now - u->v[i].used_at >= limit) forget(u, i);
	}
	u->look_at = u->used ? now + UDP_LOOK_MS : 0;
	return u->used ? UDP_LOOK_MS : -1;
}
