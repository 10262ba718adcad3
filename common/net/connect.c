/* TCP connections with a time-out: non-blocking connect(2), then poll(2). Name resolution is the C
 * library's and has no time-out of its own. */
#include "net/connect.h"

#include <errno.h>
#include <netdb.h>
#include <poll.h>
#include <stdio.h>
#include <sys/socket.h>
#include <unistd.h>

static int connect_address(const struct addrinfo *a, int timeout_ms)
{
	int error = 0;
	socklen_t size = sizeof error;
	int fd = socket(a->ai_family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);

	if (fd < 0) return -errno;
	if (connect(fd, a->ai_addr, a->ai_addrlen) < 0 && errno != EINPROGRESS) {
		error = errno;
	} else {
		struct pollfd p = { .fd = fd, .events = POLLOUT };
		int r = poll(&p, 1, timeout_ms);
		if (r <= 0) error = r ? errno : ETIMEDOUT;
		else if (getsockopt(fd, SOL_SOCKET, SO_ERROR, &error, &size) < 0) error = errno;
	}
	if (!error) return fd;
	close(fd);
	return -error;
}

int connect_host(const char *host, uint16_t port, int timeout_ms)
{
	char service[6];
	struct addrinfo hint = { .ai_socktype = SOCK_STREAM }, *list;
	int fd = -ECONNREFUSED;

	snprintf(service, sizeof service, "%u", port);
	if (getaddrinfo(host, service, &hint, &list)) return -EADDRNOTAVAIL;
	for (struct addrinfo *a = list; a && fd < 0; a = a->ai_next)
		fd = connect_address(a, timeout_ms);
	freeaddrinfo(list);
	return fd;
}
