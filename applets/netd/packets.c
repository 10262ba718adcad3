/* Sockets for whole packets. How those to addresses outside are seen depends on the kernel: Linux
 * drops what it would have to forward before any raw socket sees it, but shows it to a packet
 * socket with a filter; gVisor has no filters, and shows it to raw sockets. */
#include "netd/packets.h"

#include <errno.h>
#include <fcntl.h>
#include <net/if.h>
#include <netinet/in.h>
#include <sched.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <sys/uio.h>
#include <unistd.h>

#include <linux/filter.h>
#include <linux/if_ether.h>
#include <linux/if_packet.h>

#include "base/cleanup.h"
#include "base/die.h"
#include "net/netlink.h"
#include "netd/bytes.h"
#include "world/switch.h"

enum { TTL = 64 };

/* ---- packets ---- */

bool packets_parse(const unsigned char *p, size_t n, uint8_t protocol, struct packet *out)
{
	enum { MORE_FRAGMENTS_OR_OFFSET = 0x3fff };

	if (n < PACKETS_HEADER || p[0] >> 4 != 4 || p[9] != protocol) return false;
	size_t head = (p[0] & 15u) * 4, all = bytes_get16(p + 2);
	if (head < PACKETS_HEADER || all > n || all < head) return false;
	if (bytes_get16(p + 6) & MORE_FRAGMENTS_OR_OFFSET) return false;
	memcpy(&out->from, p + 12, 4);
	memcpy(&out->to, p + 16, 4);
	out->data = p + head;
	out->n = all - head;
	return true;
}

uint16_t packets_checksum(const unsigned char *p, size_t n)
{
	uint32_t sum = 0;

	for (size_t i = 0; i + 1 < n; i += 2) sum += bytes_get16(p + i);
	if (n % 2) sum += (uint32_t)p[n - 1] << 8;
	while (sum >> 16) sum = (sum & 0xffff) + (sum >> 16);
	return (uint16_t)~sum;
}

void packets_make_header(uint8_t protocol, uint32_t from, uint32_t to, size_t n,
	unsigned char out[PACKETS_HEADER])
{
	memset(out, 0, PACKETS_HEADER);
	out[0] = 0x45;
	bytes_put16(out + 2, (uint32_t)(PACKETS_HEADER + n));
	out[8] = TTL;
	out[9] = protocol;
	memcpy(out + 12, &from, 4);
	memcpy(out + 16, &to, 4);
	bytes_put16(out + 10, packets_checksum(out, PACKETS_HEADER));
}

/* ---- sockets ---- */

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

/* What is not for the pods' network: IPv4 headers begin at 0. */
static int filter_packets(int fd, uint8_t protocol, const struct cidr *pods)
{
	struct ip network = cidr_network(pods);
	uint32_t mask = pods->ones ? 0xffffffffu << (32 - pods->ones) : 0, address;

	memcpy(&address, network.b, sizeof address);
	const struct sock_filter code[] = {
		BPF_STMT(BPF_LD | BPF_B | BPF_ABS, 9),
		BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, protocol, 0, 3),
		BPF_STMT(BPF_LD | BPF_W | BPF_ABS, 16),
		BPF_STMT(BPF_ALU | BPF_AND | BPF_K, mask),
		BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, ntohl(address), 0, 1),
		BPF_STMT(BPF_RET | BPF_K, 0),
		BPF_STMT(BPF_RET | BPF_K, PACKETS_MAX),
	};

	return attach_filter(fd, code, sizeof code / sizeof *code);
}

static int open_packet_socket(uint8_t protocol, const struct cidr *pods, const char *link)
{
	struct sockaddr_ll a = { .sll_family = AF_PACKET, .sll_protocol = htons(ETH_P_IP),
		.sll_ifindex = (int)if_nametoindex(link) };
	/* Without a protocol it receives nothing until the filter is there. */
	int fd = socket(AF_PACKET, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);

	if (fd < 0) return -errno;
	int r = a.sll_ifindex ? filter_packets(fd, protocol, pods) : -ENODEV;
	if (!r && bind(fd, (struct sockaddr *)&a, sizeof a) < 0) r = -errno;
	if (r < 0) close(fd);
	return r < 0 ? r : fd;
}

static int open_raw_socket(int protocol)
{
	int fd = socket(AF_INET, SOCK_RAW | SOCK_CLOEXEC | SOCK_NONBLOCK, protocol);

	return fd < 0 ? -errno : fd;
}

/* In the network namespace that the process is in. Whether there are filters is found out in the
 * node's, whose lo is up. */
static int open_in(uint8_t protocol, const struct cidr *pods, const char *link)
{
	static int filters = -1;

	if (filters < 0) filters = has_filters();
	return filters ? open_packet_socket(protocol, pods, link) : open_raw_socket(protocol);
}

static int open_place(struct packets *s, enum packets_place i, int epoll, uint64_t data,
	uint8_t protocol, const struct cidr *pods)
{
	static const char *const links[PACKETS_PLACES] = { SWITCH_NODE_LINK, SWITCH_GATEWAY_LINK };
	struct epoll_event ev = { .events = EPOLLIN, .data.u64 = data | i };

	s->out[i] = open_raw_socket(IPPROTO_RAW);   /* takes whole packets */
	s->in[i] = s->out[i] < 0 ? s->out[i] : open_in(protocol, pods, links[i]);
	int r = s->in[i] < 0 ? s->in[i] : 0;
	if (!r && epoll_ctl(epoll, EPOLL_CTL_ADD, s->in[i], &ev) < 0) r = -errno;
	if (!r) return 0;
	if (s->in[i] >= 0) close(s->in[i]);
	if (s->out[i] >= 0) close(s->out[i]);
	s->in[i] = s->out[i] = -1;
	return r;
}

int packets_open(struct packets *s, int epoll, uint64_t data, uint8_t protocol,
	const struct cidr *pods)
{
	*s = (struct packets){ { -1, -1 }, { -1, -1 } };
	int r = open_place(s, PACKETS_PODS, epoll, data, protocol, pods);
	_cleanup_close_ int back = open("/proc/self/ns/net", O_RDONLY | O_CLOEXEC);
	if (r < 0 || back < 0) return r;
	/* A world of an older k3sbox has no gateway. */
	if (nl_enter_netns(SWITCH_GATEWAY_NETNS) < 0) return 0;
	open_place(s, PACKETS_NODE, epoll, data, protocol, pods);
	if (setns(back, CLONE_NEWNET) < 0)
		die_errno(EX_SYS, -errno, "the way back into the node's network namespace");
	return 0;
}

bool packets_are_from(enum packets_place place, const struct cidr *pods, uint32_t from)
{
	struct ip client = { .len = 4 };

	memcpy(client.b, &from, sizeof from);
	bool node = !ip_cmp(&client, &pods->addr);
	return node == (place == PACKETS_NODE) && cidr_contains(pods, &client);
}

int packets_send(const struct packets *s, const struct cidr *pods, uint32_t to,
	const void *head, size_t head_n, const void *data, size_t n)
{
	struct sockaddr_in a = { .sin_family = AF_INET, .sin_addr.s_addr = to };
	struct iovec parts[] = { { (void *)head, head_n }, { (void *)data, n } };
	struct msghdr m = { .msg_name = &a, .msg_namelen = sizeof a, .msg_iov = parts,
		.msg_iovlen = 2 };
	bool node = !memcmp(pods->addr.b, &to, sizeof to);

	if (head_n + n > PACKETS_MAX) return -EMSGSIZE;
	int fd = s->out[node ? PACKETS_NODE : PACKETS_PODS];
	return sendmsg(fd, &m, MSG_DONTWAIT) < 0 ? -errno : 0;
}
