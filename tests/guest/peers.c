/* Peers for the tests of the network: small servers, and clients that behave badly. */
#include "guest.h"

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <netdb.h>
#include <netinet/in.h>
#include <poll.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <time.h>
#include <unistd.h>

static struct sockaddr_in at(const char *address, int port)
{
	struct sockaddr_in a = { .sin_family = AF_INET, .sin_port = htons((uint16_t)port) };
	inet_pton(AF_INET, address, &a.sin_addr);
	return a;
}

static int bind_to(int type, const char *address, int port)
{
	struct sockaddr_in a = at(address, port);
	int on = 1, fd = socket(AF_INET, type | SOCK_CLOEXEC, 0);

	setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on);
	if (bind(fd, (struct sockaddr *)&a, sizeof a) < 0 ||
		(type == SOCK_STREAM && listen(fd, 4096) < 0)) {
		perror(address);
		exit(1);
	}
	return fd;
}

static double now(void)
{
	struct timespec t;
	clock_gettime(CLOCK_MONOTONIC, &t);
	return (double)t.tv_sec + (double)t.tv_nsec / 1e9;
}

/* One request: the path is the number of bytes of the answer. */
static void answer_http(int fd)
{
	static char data[1 << 18];
	ssize_t n = read(fd, data, sizeof data - 1);

	if (n <= 0) return;
	data[n] = 0;
	long long size = atoll(data + strcspn(data, "/") + !!strchr(data, '/'));
	dprintf(fd, "HTTP/1.1 200 OK\r\nContent-Length: %lld\r\nConnection: close\r\n\r\n", size);
	memset(data, 'x', sizeof data);
	while (size > 0) {
		n = write(fd, data, size < (long long)sizeof data ? (size_t)size : sizeof data);
		if (n <= 0) return;
		size -= n;
	}
}

/* http-server ADDRESS PORT */
static int http_server(int argc, char **argv)
{
	if (argc < 2) return 100;
	int listener = bind_to(SOCK_STREAM, argv[0], atoi(argv[1]));

	signal(SIGCHLD, SIG_IGN);
	puts("ready");
	for (;;) {
		int fd = accept(listener, NULL, NULL);
		if (fd >= 0 && !fork()) {
			close(listener);
			answer_http(fd);
			_exit(0);
		}
		if (fd >= 0) close(fd);
	}
}

/* Makes an answer of the question; its length, or 0: none. */
static size_t answer_question(unsigned char *m, ssize_t n)
{
	static const unsigned char record[] = { 0xc0, 12, 0, 1, 0, 1, 0, 0, 0, 9, 0, 4, 192, 0, 2, 53 };
	size_t end = 12;

	if (n < 17 || !memcmp(m + 13, "silent", 6)) return 0;
	while (end < (size_t)n && m[end]) end += 1u + m[end];
	bool exists = memmem(m + 12, end - 12, "example", 7) != NULL;
	bool address = exists && m[end + 2] == 1;
	end += 5;
	m[2] |= 0x80;
	m[3] = exists ? 0 : 3;
	m[7] = address;
	m[9] = m[11] = 0;
	if (!address) return end;
	memcpy(m + end, record, sizeof record);
	return end + sizeof record;
}

static void answer_stream_question(int fd)
{
	unsigned char m[2 + 1500];
	ssize_t n = read(fd, m, 1400);
	size_t k = n > 2 ? answer_question(m + 2, n - 2) : 0;

	m[0] = (unsigned char)(k >> 8);
	m[1] = (unsigned char)k;
	if (k && write(fd, m, k + 2) < 0) perror("answer");
	close(fd);
}

/* dns-server ADDRESS: by UDP and TCP. Names with "example" in them have the address 192.0.2.53,
 * others do not exist; those that begin with "silent" get no answer. */
static int dns_server(int argc, char **argv)
{
	unsigned char m[1500];
	struct sockaddr_in a;

	if (argc < 1) return 100;
	struct pollfd p[2] = { { bind_to(SOCK_DGRAM, argv[0], 53), POLLIN, 0 },
		{ bind_to(SOCK_STREAM, argv[0], 53), POLLIN, 0 } };
	puts("ready");
	for (;;) {
		socklen_t n = sizeof a;
		if (poll(p, 2, -1) < 0) continue;
		if (p[1].revents) answer_stream_question(accept(p[1].fd, NULL, NULL));
		if (!p[0].revents) continue;
		ssize_t k = recvfrom(p[0].fd, m, 1400, 0, (struct sockaddr *)&a, &n);
		size_t end = answer_question(m, k);
		if (end) sendto(p[0].fd, m, end, 0, (struct sockaddr *)&a, n);
	}
}

/* dns-ask udp|tcp SERVER NAME: what a server says about a name's IPv4 addresses: the code, how many
 * records, and the last one's address. */
static int dns_ask(int argc, char **argv)
{
	unsigned char m[2 + 4096] = { 0, 0, 0x12, 0x34, 1, 0, 0, 1 }, *data = m + 2;
	struct timeval limit = { .tv_sec = 5 };
	size_t n = 2 + 12;

	if (argc < 3) return 100;
	bool tcp = !strcmp(argv[0], "tcp");
	struct sockaddr_in a = at(argv[1], 53);
	int fd = socket(AF_INET, (tcp ? SOCK_STREAM : SOCK_DGRAM) | SOCK_CLOEXEC, 0);
	for (char *label = strtok(argv[2], "."); label; label = strtok(NULL, ".")) {
		m[n] = (unsigned char)strlen(label);
		memcpy(m + n + 1, label, m[n]);
		n += 1u + m[n];
	}
	m[n + 2] = m[n + 4] = 1;
	n += 5;
	m[1] = (unsigned char)(n - 2);
	setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &limit, sizeof limit);
	if (connect(fd, (struct sockaddr *)&a, sizeof a) < 0) return show("connect", -1), 1;
	if (send(fd, tcp ? m : data, tcp ? n : n - 2, MSG_NOSIGNAL) < 0) return show("send", -1), 1;
	ssize_t k = recv(fd, tcp ? m : data, sizeof m - 2, 0);
	if (tcp && k == 2) k += recv(fd, data, sizeof m - 2, 0);
	if (!tcp) k += 2;
	if (k < 2 + 12) return show("answer", k ? -1 : 0), 1;
	printf("code %d, %d records", data[3] & 15, data[7]);
	if (data[7]) printf(", %d.%d.%d.%d", m[k - 4], m[k - 3], m[k - 2], m[k - 1]);
	puts("");
	return 0;
}

/* resolve NAME…: as programs do, by resolv.conf; the first IPv4 address, or "none" */
static int resolve(int argc, char **argv)
{
	const struct addrinfo hints = { .ai_family = AF_INET, .ai_socktype = SOCK_STREAM };
	char text[INET_ADDRSTRLEN];

	for (int i = 0; i < argc; i++) {
		struct addrinfo *list = NULL;
		int r = getaddrinfo(argv[i], NULL, &hints, &list);
		const struct sockaddr_in *in = r ? NULL : (struct sockaddr_in *)list->ai_addr;
		printf("%s: %s\n", argv[i],
			in ? inet_ntop(AF_INET, &in->sin_addr, text, sizeof text) : "none");
		if (list) freeaddrinfo(list);
	}
	return 0;
}

/* Copies until one side ends. */
static void join(int a, int b)
{
	static char data[1 << 16];
	struct pollfd p[2] = { { a, POLLIN, 0 }, { b, POLLIN, 0 } };

	for (;;) {
		if (poll(p, 2, -1) < 0) return;
		for (int i = 0; i < 2; i++) {
			if (!p[i].revents) continue;
			ssize_t n = read(p[i].fd, data, sizeof data);
			if (n <= 0 || write(p[!i].fd, data, (size_t)n) != n) return;
		}
	}
}

static void answer_connect(int fd, const char *authorization, int port)
{
	static char head[4096];
	ssize_t n = 0, k;
	struct sockaddr_in a = at("127.0.0.1", port);
	int to = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

	while (!strstr(head, "\r\n\r\n") && n < (ssize_t)sizeof head - 1) {
		k = read(fd, head + n, sizeof head - 1 - (size_t)n);
		if (k <= 0) return;
		n += k;
	}
	printf("%.*s\n", (int)strcspn(head, "\r"), head);
	fflush(stdout);
	if (!strstr(head, authorization)) dprintf(fd, "HTTP/1.1 407 Authenticate\r\n\r\n");
	else if (connect(to, (struct sockaddr *)&a, sizeof a)) dprintf(fd, "HTTP/1.1 503 No\r\n\r\n");
	else if (dprintf(fd, "HTTP/1.1 200 OK\r\nVia: guest\r\n\r\n") > 0) join(fd, to);
}

/* connect-proxy ADDRESS PORT AUTHORIZATION TO: connects whatever is asked for to TO's port here;
 * prints the requests. */
static int connect_proxy(int argc, char **argv)
{
	if (argc < 4) return 100;
	int listener = bind_to(SOCK_STREAM, argv[0], atoi(argv[1]));

	signal(SIGCHLD, SIG_IGN);
	puts("ready");
	for (;;) {
		int fd = accept(listener, NULL, NULL);
		if (fd >= 0 && !fork()) {
			close(listener);
			answer_connect(fd, argv[2], atoi(argv[3]));
			_exit(0);
		}
		if (fd >= 0) close(fd);
	}
}

static int start_connect(const char *address, int port)
{
	struct sockaddr_in a = at(address, port);
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);

	if (fd >= 0) connect(fd, (struct sockaddr *)&a, sizeof a);
	return fd;
}

/* flood ADDRESS PORT COUNT SECONDS: that many connections at a time, opened again and again. */
static int flood(int argc, char **argv)
{
	if (argc < 4) return 100;
	int count = atoi(argv[2]), *fd = calloc((size_t)count, sizeof *fd);
	double end = now() + atof(argv[3]);
	long opened = 0;

	while (now() < end) {
		for (int i = 0; i < count; i++, opened++) {
			if (fd[i] > 0) close(fd[i]);
			fd[i] = start_connect(argv[0], atoi(argv[1]));
		}
		usleep(100000);
	}
	printf("opened: %s\n", opened >= count ? "all" : "some");
	return 0;
}

/* scan ADDRESS SECONDS: every port, over and over. */
static int scan(int argc, char **argv)
{
	if (argc < 2) return 100;
	double end = now() + atof(argv[1]);

	for (int port = 1; now() < end; port = port % 65535 + 1) {
		int fd = start_connect(argv[0], port);
		if (port % 64 == 0) usleep(1000);
		if (fd >= 0) close(fd);
	}
	return 0;
}

/* garbage ADDRESS TCP-PORT SECONDS: random bytes over connections, and to port 53 of UDP. */
static int garbage(int argc, char **argv)
{
	unsigned char m[4096];

	if (argc < 3) return 100;
	double end = now() + atof(argv[2]);
	struct sockaddr_in a = at(argv[0], 53);
	int udp = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	for (unsigned round = 1; now() < end; round++) {
		for (size_t i = 0; i < sizeof m; i++) m[i] = (unsigned char)rand();
		int fd = start_connect(argv[0], atoi(argv[1]));
		usleep(1000);
		if (send(fd, m, sizeof m, MSG_NOSIGNAL | MSG_DONTWAIT) < 0 && errno == EPIPE)
			shutdown(fd, SHUT_WR);
		if (round % 2) {   /* every other one like a question */
			memset(m, 0, 12);
			m[5] = 1;
		}
		sendto(udp, m, (size_t)rand() % 600, 0, (struct sockaddr *)&a, sizeof a);
		close(fd);
	}
	return 0;
}

const struct command peer_commands[] = {
	{ "http-server", http_server }, { "dns-server", dns_server },
	{ "dns-ask", dns_ask }, { "resolve", resolve },
	{ "connect-proxy", connect_proxy }, { "flood", flood },
	{ "scan", scan }, { "garbage", garbage }, { 0 },
};
