/* Makes sockets of TCP and UDP. */
#include "netd/sockets.h"

#include <errno.h>
#include <netinet/in.h>
#include <string.h>
#include <unistd.h>

#include "net/link.h"
#include "net/netlink.h"
#include "world/broker.h"
#include "world/switch.h"

int sockets_open(int family, bool udp)
{
	int type = udp ? SOCK_DGRAM : SOCK_STREAM;
	int fd = socket(family, type | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);

	return fd < 0 ? -errno : fd;
}

int sockets_inside(const struct endpoint *at, bool udp)
{
	struct sockaddr_storage a;
	socklen_t n = endpoint_to_sockaddr(at, &a);
	int on = 1, fd = sockets_open(a.ss_family, udp);

	if (fd < 0) return fd;
	/* If one of these fails, bind(2) fails too where it matters. */
	if (!udp) setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on);
	if (a.ss_family == AF_INET6) setsockopt(fd, IPPROTO_IPV6, IPV6_V6ONLY, &on, sizeof on);
	int r = bind(fd, (struct sockaddr *)&a, n) < 0 ? -errno : 0;
	if (!r && !udp && listen(fd, SOMAXCONN) < 0) r = -errno;
	if (r < 0) close(fd);
	return r < 0 ? r : fd;
}

int sockets_outside(int channel, const struct endpoint *at, bool udp)
{
	struct broker_request q = { .op = udp ? BROKER_BIND_UDP : BROKER_LISTEN_TCP,
		.port = at->port, .family = (uint8_t)endpoint_family(at) };

	memcpy(q.address, at->address.b, sizeof q.address);
	return broker_ask(channel, &q);
}

int sockets_claim(const struct ip *address, bool own)
{
	const uint8_t bits = (uint8_t)(address->len * 8);
	const struct cidr c = { *address, bits, bits };
	struct link_info link;
	struct nl nl;
	int r = nl_open(&nl);

	if (r < 0) return r;
	r = link_get(&nl, SWITCH_NODE_LINK, &link);
	if (!r) r = own ? nl_address_add(&nl, link.index, &c)
		: nl_address_delete(&nl, link.index, &c);
	nl_close(&nl);
	return r == -EEXIST ? 0 : r;
}

int sockets_connect(int fd, const struct endpoint *to)
{
	struct sockaddr_storage a;
	socklen_t n = endpoint_to_sockaddr(to, &a);
	int r = connect(fd, (struct sockaddr *)&a, n);

	return r < 0 && errno != EINPROGRESS ? -errno : 0;
}
