#include "netd/dns_stream.h"

#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

#include "unit.h"

static struct dns d;
static struct dns_streams s;
static int client, given = -1;

static void give_away(void *arg, int fd, uint32_t source, int64_t now)
{
	(void)arg, (void)source, (void)now;
	given = fd;
}

static void start(void)
{
	int pair[2];

	d = (struct dns){ .zone = { .domain = "k8", .services = services_new() } };
	dns_name_parse(&d.zone.name, "k8", 2);
	for (int kind = 0; kind < SERVICE_KINDS; kind++) {
		services_begin(d.zone.services, (enum service_kind)kind);
		services_sweep(d.zone.services, (enum service_kind)kind);
	}
	dns_init(&d, epoll_create1(0), -1);
	s = (struct dns_streams){ .give_away = give_away };
	dns_streams_init(&s, &d);
	CHECK(!socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0, pair));
	client = pair[1];
	given = -1;
	CHECK(!dns_stream_add(&s, pair[0], 7, 0));
}

static void stop(void)
{
	dns_streams_settle(&s, 1 << 30);
	CHECK(!s.used && !s.used_by[7]);
	services_free(d.zone.services);
	close(d.epoll), close(client);
}

static void run_events(void)
{
	struct epoll_event ev;

	for (int i = 0; i < 50 && epoll_wait(d.epoll, &ev, 1, 0) == 1; i++)
		dns_stream_event(&s, ev.data.u64 & 0xffffffff, 0);
}

#define QUESTION(zone) "\0\30\22\64\1\0\0\1\0\0\0\0\0\0\3www\2" zone "\0\0\1\0\1"
enum { LENGTH = 26 };

/* Reads one answer; its length, or -1. */
static int answer(unsigned char *m, size_t size)
{
	if (recv(client, m, 2, 0) != 2) return -1;
	size_t n = (size_t)(m[0] << 8 | m[1]);
	return n <= size && recv(client, m, n, 0) == (ssize_t)n ? (int)n : -1;
}

TEST(questions_are_answered_one_after_the_other)
{
	unsigned char m[512];

	start();
	for (int i = 0; i < LENGTH; i++) {   /* byte by byte */
		CHECK(send(client, QUESTION("k8") + i, 1, 0) == 1);
		run_events();
	}
	CHECK(answer(m, sizeof m) > LENGTH && (m[3] & 15) == DNS_NXDOMAIN);
	CHECK(send(client, QUESTION("k8") QUESTION("k8"), 2 * LENGTH + 1, 0) > 0);
	run_events();
	CHECK(answer(m, sizeof m) > LENGTH && answer(m, sizeof m) > LENGTH);
	CHECK(answer(m, sizeof m) == -1);
	CHECK(s.used == 1);               /* the rest is the beginning of a length */
	stop();
}

TEST(a_question_for_servers_outside_is_given_away_unread)
{
	unsigned char m[512];

	start();
	send(client, QUESTION("k8"), LENGTH, 0);
	send(client, QUESTION("io"), LENGTH, 0);
	run_events();
	CHECK(answer(m, sizeof m) > LENGTH);
	CHECK(given >= 0 && !s.used && recv(given, m, sizeof m, 0) == LENGTH);
	CHECK(!memcmp(m, QUESTION("io"), LENGTH));
	close(given);
	stop();
}

TEST(who_sends_garbage_or_ends_is_cut_off)
{
	start();
	send(client, "\377\377garbage", 9, 0);
	run_events();
	CHECK(!s.used && recv(client, (char[1]){0}, 1, 0) <= 0);
	stop();
	start();
	send(client, "\0\5right?", 8, 0);
	run_events();
	CHECK(!s.used);
	stop();
	start();
	close(client);
	run_events();
	CHECK(!s.used);
	stop();
}

TEST(who_does_not_read_is_not_read_from)
{
	unsigned char m[512];
	int sent = 0, got = 0;

	start();
	while (send(client, QUESTION("k8"), LENGTH, MSG_DONTWAIT) == LENGTH && sent < 100000) {
		sent++;
		run_events();
	}
	CHECK(s.used == 1 && s.v[0].rest);
	for (int i = 0; i < sent && answer(m, sizeof m) > 0; i++) {
		got++;
		run_events();
	}
	CHECK(got == sent && !s.v[0].rest);
	stop();
}

TEST(no_client_takes_all_the_room)
{
	int pair[2], n = 1;

	start();
	while (!socketpair(AF_UNIX, SOCK_STREAM, 0, pair) && !dns_stream_add(&s, pair[0], 7, 0)) n++;
	CHECK(n == DNS_STREAMS / 2);
	CHECK(!dns_stream_add(&s, pair[0], 8, 5) && dns_streams_settle(&s, 6) == DNS_STREAM_MS - 6);
	stop();
}

UNIT_MAIN("dns_stream")
