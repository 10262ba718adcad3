/* Two ends of a network: a server that sends back what it gets, and a client. */
#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <poll.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <unistd.h>

#include "guest.h"

union address { struct sockaddr any; struct sockaddr_in four; struct sockaddr_in6 six; };

static socklen_t set_address(union address *a, const char *text, const char *port)
{
	memset(a, 0, sizeof *a);
	if (strchr(text, ':')) {
		a->six.sin6_family = AF_INET6;
		a->six.sin6_port = htons((unsigned short)atoi(port));
		inet_pton(AF_INET6, text, &a->six.sin6_addr);
		return sizeof a->six;
	}
	a->four.sin_family = AF_INET;
	a->four.sin_port = htons((unsigned short)atoi(port));
	inet_pton(AF_INET, text, &a->four.sin_addr);
	return sizeof a->four;
}

static int listener(int type, const char *any, const char *port)
{
	union address a;
	socklen_t n = set_address(&a, any, port);
	int one = 1, s = socket(a.any.sa_family, type | SOCK_CLOEXEC, 0);

	if (a.any.sa_family == AF_INET6) setsockopt(s, IPPROTO_IPV6, IPV6_V6ONLY, &one, sizeof one);
	setsockopt(s, SOL_SOCKET, SO_REUSEADDR, &one, sizeof one);
	if (bind(s, &a.any, n) < 0 || (type == SOCK_STREAM && listen(s, 16) < 0))
		show("listener", -1);
	return s;
}

static void answer_stream(int s)
{
	char data[65536];
	ssize_t n;
	int c = accept4(s, NULL, NULL, SOCK_CLOEXEC);

	while ((n = read(c, data, sizeof data)) > 0)
		if (write(c, data, (size_t)n) < 0) break;
	close(c);
}

static void answer_datagram(int s)
{
	char data[65536];
	union address from;
	socklen_t len = sizeof from;
	ssize_t n = recvfrom(s, data, sizeof data, 0, &from.any, &len);

	if (n >= 0) sendto(s, data, (size_t)n, 0, &from.any, len);
}

enum { LISTENERS = 4, STREAMS = 2 };   /* of each type one for each family; streams first */

static void open_listeners(struct pollfd p[LISTENERS], const char *port)
{
	for (int i = 0; i < LISTENERS; i++) {
		p[i].fd = listener(i < STREAMS ? SOCK_STREAM : SOCK_DGRAM, i % 2 ? "::" : "0.0.0.0", port);
		p[i].events = POLLIN;
	}
	puts("ready");
}

/* serve PORT: TCP and UDP, both families, until it is killed; one connection at a time */
static int serve(int argc, char **argv)
{
	if (argc != 1) return 100;
	struct pollfd p[LISTENERS];
	open_listeners(p, argv[0]);
	while (poll(p, LISTENERS, -1) >= 0 || errno == EINTR)
		for (int i = 0; i < LISTENERS; i++)
			if (p[i].revents & POLLIN)
				(i < STREAMS ? answer_stream : answer_datagram)(p[i].fd);
	return 1;
}

/* ask tcp|udp ADDRESS PORT [BYTES]: sends that many bytes and gets them back */
static int ask(int argc, char **argv)
{
	static char sent[65536], got[65536];
	union address a;
	struct timeval limit = { .tv_sec = 3 };

	if (argc < 3) return 100;
	socklen_t len = set_address(&a, argv[1], argv[2]);
	size_t want = argc > 3 ? (size_t)atoi(argv[3]) : 5, have = 0;
	if (want > sizeof sent) return 100;
	for (size_t i = 0; i < want; i++) sent[i] = (char)(i * 7);
	int type = !strcmp(argv[0], "tcp") ? SOCK_STREAM : SOCK_DGRAM;
	int s = socket(a.any.sa_family, type | SOCK_CLOEXEC, 0);
	setsockopt(s, SOL_SOCKET, SO_RCVTIMEO, &limit, sizeof limit);
	setsockopt(s, SOL_SOCKET, SO_SNDTIMEO, &limit, sizeof limit);
	if (connect(s, &a.any, len) < 0 || send(s, sent, want, MSG_NOSIGNAL) != (ssize_t)want)
		return show("ask", -1), 1;
	while (have < want) {
		ssize_t n = recv(s, got + have, sizeof got - have, 0);
		if (n <= 0) return show("answer", n ? -1 : 0), 1;
		have += (size_t)n;
	}
	puts(have == want && !memcmp(sent, got, want) ? "answered" : "garbled");
	return 0;
}

static void tell_name(int s, bool stream, const char *name)
{
	char data[64];
	union address from;
	socklen_t len = sizeof from;

	if (!stream) {
		if (recvfrom(s, data, sizeof data, 0, &from.any, &len) >= 0)
			sendto(s, name, strlen(name), 0, &from.any, len);
		return;
	}
	int c = accept4(s, NULL, NULL, SOCK_CLOEXEC);
	if (write(c, name, strlen(name)) < 0) show("write", -1);
	close(c);
}

/* name-server PORT: TCP and UDP, both families; whoever connects, or sends something, gets the host's
 * name */
static int name_server(int argc, char **argv)
{
	char name[64] = "";
	struct pollfd p[LISTENERS];

	if (argc != 1) return 100;
	gethostname(name, sizeof name - 1);
	open_listeners(p, argv[0]);
	while (poll(p, LISTENERS, -1) >= 0 || errno == EINTR)
		for (int i = 0; i < LISTENERS; i++)
			if (p[i].revents & POLLIN) tell_name(p[i].fd, i < STREAMS, name);
	return 1;
}

/* What a name-server says to a connection, or to a datagram by this socket (-1: a new one). */
static const char *ask_name(int type, int s, const union address *a, socklen_t len)
{
	static char name[64];
	struct timeval limit = { .tv_sec = 2 };
	int own = s < 0 ? socket(a->any.sa_family, type | SOCK_CLOEXEC, 0) : s;
	const char *answer = name;

	setsockopt(own, SOL_SOCKET, SO_SNDTIMEO, &limit, sizeof limit);
	if (s < 0 && connect(own, &a->any, len) < 0) {
		answer = errno == ECONNREFUSED ? "refused" : "no connection";
	} else {
		if (type == SOCK_DGRAM) send(own, "?", 1, 0);
		/* In gVisor a refusal by ICMP ends poll(2), but not a recv(2) that waits. */
		struct pollfd p = { .fd = own, .events = POLLIN };
		poll(&p, 1, 2000);
		ssize_t n = recv(own, name, sizeof name - 1, MSG_DONTWAIT);
		if (n > 0) name[n] = 0;
		else answer = n == 0 ? "end" : errno == ECONNREFUSED ? "refused"
			: errno == ECONNRESET ? "reset" : "no answer";
	}
	if (s < 0) close(own);
	return answer;
}

/* who tcp|udp|flow ADDRESS PORT [N]: asks a name-server N times; flow: by one UDP socket, twice a
 * second */
static int who(int argc, char **argv)
{
	union address a;

	if (argc < 3) return 100;
	socklen_t len = set_address(&a, argv[1], argv[2]);
	int type = !strcmp(argv[0], "tcp") ? SOCK_STREAM : SOCK_DGRAM, s = -1;
	if (!strcmp(argv[0], "flow")) {
		s = socket(a.any.sa_family, SOCK_DGRAM | SOCK_CLOEXEC, 0);
		if (connect(s, &a.any, len) < 0) return show("connect", -1), 1;
	}
	for (int i = argc > 3 ? atoi(argv[3]) : 1; i > 0; i--) {
		printf("%s\n", ask_name(type, s, &a, len));
		fflush(stdout);
		if (s >= 0 && i > 1) usleep(500000);
	}
	return 0;
}

const struct command network_commands[] = {
	{ "serve", serve },
	{ "ask", ask },
	{ "name-server", name_server },
	{ "who", who },
	{ 0 },
};
