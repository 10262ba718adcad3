/* Flows between real TCP connections over loopback: only these have resets and half-closes. */
#include "netd/flow.h"

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <unistd.h>

#include "unit.h"

enum { CLIENT, SERVER };

/* ends[]: what the client and the server have; the flow lies between. */
struct fixture {
	struct flows f;
	int64_t now;
	int ends[2];
};

static int set_nonblocking(int fd)
{
	return fcntl(fd, F_SETFL, fcntl(fd, F_GETFL) | O_NONBLOCK);
}

/* Two connected TCP sockets. */
static bool make_pair(int out[2])
{
	struct sockaddr_in a = { .sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
	socklen_t n = sizeof a;
	int listener = socket(AF_INET, SOCK_STREAM, 0);

	out[0] = socket(AF_INET, SOCK_STREAM, 0);
	if (bind(listener, (struct sockaddr *)&a, n) || listen(listener, 1)) return false;
	if (getsockname(listener, (struct sockaddr *)&a, &n)) return false;
	if (connect(out[0], (struct sockaddr *)&a, n)) return false;
	out[1] = accept(listener, NULL, NULL);
	close(listener);
	return out[1] >= 0 && !set_nonblocking(out[0]) && !set_nonblocking(out[1]);
}

static bool start(struct fixture *x, uint32_t max)
{
	*x = (struct fixture){ .now = 1000 };
	return !flows_init(&x->f, epoll_create1(0), max);
}

static bool add_flow(struct fixture *x, int ends[2])
{
	int left[2], right[2];

	if (!make_pair(left) || !make_pair(right)) return false;
	ends[CLIENT] = left[0];
	ends[SERVER] = right[0];
	return !flows_add(&x->f, left[1], right[1], 1, x->now);
}

/* Handles what is there; how many events there were, until none comes any more. */
static int turn(struct fixture *x, int limit)
{
	struct epoll_event ev[64];
	int n, all = 0;

	while (all < limit && (n = epoll_wait(x->f.epoll, ev, 64, 20)) > 0) {
		for (int i = 0; i < n; i++)
			flows_event(&x->f, (uint32_t)(ev[i].data.u64 >> 1),
				(int)(ev[i].data.u64 & 1), ev[i].events, x->now);
		flows_settle(&x->f, x->now);
		all += n;
	}
	return all;
}

static bool begin(struct fixture *x)
{
	return start(x, 16) && add_flow(x, x->ends) && turn(x, 100) < 100 &&
		x->f.v[0].state == FLOW_OPEN;
}

static void finish(struct fixture *x)
{
	close(x->f.epoll);
	flows_free(&x->f);
}

/* What a read sees: a byte count, 0, or -errno. */
static ssize_t get(int fd)
{
	char data[1000];
	ssize_t n = recv(fd, data, sizeof data, MSG_DONTWAIT);
	return n < 0 ? -errno : n;
}

static void reset(int fd)
{
	flow_reset_fd(fd);
}

TEST(bulk_in_both_directions_with_a_slow_reader)
{
	enum { ALL = 24 << 20 };
	struct fixture x;
	static unsigned char data[1 << 16], got[1 << 12];
	size_t sent[2] = {0}, received[2] = {0};

	CHECK(begin(&x));
	for (int rounds = 0; received[0] < ALL || received[1] < ALL; rounds++) {
		CHECK(rounds < 100000);
		for (int s = 0; s < 2; s++) {
			for (size_t i = 0; i < sizeof data; i++)
				data[i] = (unsigned char)((sent[s] + i) % 251);
			size_t n = ALL - sent[s] < sizeof data ? ALL - sent[s] : sizeof data;
			ssize_t k = n ? send(x.ends[s], data, n, MSG_DONTWAIT) : 0;
			if (k > 0) sent[s] += (size_t)k;
		}
		struct epoll_event ev[8];
		int n = epoll_wait(x.f.epoll, ev, 8, 0);
		for (int i = 0; i < n; i++)
			flows_event(&x.f, (uint32_t)(ev[i].data.u64 >> 1),
				(int)(ev[i].data.u64 & 1), ev[i].events, x.now);
		/* the reader: 4 KB at a time until everything was sent */
		for (int s = 0; s < 2; s++) {
			ssize_t k;
			do {
				k = recv(x.ends[s], got, sizeof got, MSG_DONTWAIT);
				for (ssize_t i = 0; i < k; i++)
					CHECK(got[i] == (received[s] + (size_t)i) % 251);
				if (k > 0) received[s] += (size_t)k;
			} while (k > 0 && sent[!s] == ALL);
		}
	}
	CHECK(x.f.bytes == 2ull * ALL && !x.f.pending);
	CHECK(turn(&x, 100) < 100);
	close(x.ends[0]), close(x.ends[1]);
	CHECK(turn(&x, 100) < 100 && !x.f.used);
	finish(&x);
}

static void half_close(int first)
{
	struct fixture x;
	int second = !first;

	CHECK(begin(&x));
	CHECK(send(x.ends[first], "abc", 3, 0) == 3 && !shutdown(x.ends[first], SHUT_WR));
	CHECK(turn(&x, 100) < 100);   /* and then nothing spins */
	CHECK(get(x.ends[second]) == 3 && get(x.ends[second]) == 0);
	CHECK(send(x.ends[second], "defgh", 5, 0) == 5);
	CHECK(turn(&x, 100) < 100 && x.f.used == 1);
	CHECK(get(x.ends[first]) == 5 && get(x.ends[first]) == -EAGAIN);
	CHECK(!shutdown(x.ends[second], SHUT_WR));
	CHECK(turn(&x, 100) < 100 && !x.f.used);
	CHECK(get(x.ends[first]) == 0);
	close(x.ends[0]), close(x.ends[1]);
	finish(&x);
}

TEST(the_client_half_closes_first) { half_close(CLIENT); }
TEST(the_server_half_closes_first) { half_close(SERVER); }

static void reset_by(int first, bool half_closed)
{
	struct fixture x;

	CHECK(begin(&x));
	if (half_closed) CHECK(!shutdown(x.ends[first], SHUT_WR));
	CHECK(turn(&x, 100) < 100 && x.f.used == 1);
	reset(x.ends[first]);
	CHECK(turn(&x, 100) < 100 && !x.f.used);
	if (half_closed) CHECK(get(x.ends[!first]) == 0);
	CHECK(get(x.ends[!first]) == -ECONNRESET || half_closed);
	close(x.ends[!first]);
	finish(&x);
}

TEST(the_client_resets) { reset_by(CLIENT, false); }
TEST(the_server_resets) { reset_by(SERVER, false); }
TEST(the_client_resets_after_its_half_close) { reset_by(CLIENT, true); }
TEST(the_server_resets_after_its_half_close) { reset_by(SERVER, true); }

/* Sends until the other side's buffers, which reads nothing, and the flow's own are full. */
static size_t fill(struct fixture *x, int from)
{
	static char data[1 << 16];
	size_t all = 0;

	for (int idle = 0; idle < 3;) {
		ssize_t n = send(x->ends[from], data, sizeof data, MSG_DONTWAIT);
		all += n > 0 ? (size_t)n : 0;
		idle = n > 0 ? 0 : idle + 1;
		turn(x, 100000);
	}
	return all;
}

TEST(a_reset_under_back_pressure_ends_the_flow)
{
	for (int resetter = 0; resetter < 2; resetter++) {
		struct fixture x;
		CHECK(begin(&x) && fill(&x, CLIENT) > 0 && x.f.pending);
		CHECK(turn(&x, 100) == 0);           /* idle, although both are full */
		reset(x.ends[resetter]);
		CHECK(turn(&x, 100) < 100 && !x.f.used && !x.f.pending);
		close(x.ends[!resetter]);
		finish(&x);
	}
}

TEST(an_end_of_file_behind_back_pressure_comes_after_the_data)
{
	struct fixture x;
	size_t all, got = 0;
	ssize_t n;

	CHECK(begin(&x));
	all = fill(&x, CLIENT);
	CHECK(!shutdown(x.ends[CLIENT], SHUT_WR) && !shutdown(x.ends[SERVER], SHUT_WR));
	CHECK(turn(&x, 100) < 100 && x.f.used == 1);   /* hung up, but nothing spins */
	for (int i = 0; i < 1000000 && (n = get(x.ends[SERVER])); i++) {
		if (n > 0) got += (size_t)n;
		else turn(&x, 100);
	}
	CHECK(n == 0 && got == all);
	CHECK(turn(&x, 100) < 100 && !x.f.used);
	close(x.ends[0]), close(x.ends[1]);
	finish(&x);
}

/* A socket that is connecting: to a port that is closed, or to one whose backlog is full. */
static int dial(uint16_t port)
{
	struct sockaddr_in a = { .sin_family = AF_INET, .sin_port = htons(port),
		.sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK, 0);
	connect(fd, (struct sockaddr *)&a, sizeof a);
	return fd;
}

/* The port of a listener whose backlog is full: further connections neither succeed nor fail. */
static int make_full_listener(uint16_t *port, int filler[4])
{
	struct sockaddr_in a = { .sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
	socklen_t n = sizeof a;
	int fd = socket(AF_INET, SOCK_STREAM, 0);

	if (bind(fd, (struct sockaddr *)&a, n) || listen(fd, 0)) return -1;
	if (getsockname(fd, (struct sockaddr *)&a, &n)) return -1;
	*port = ntohs(a.sin_port);
	for (int i = 0; i < 4; i++) filler[i] = dial(*port);
	return fd;
}

TEST(a_refused_dial_resets_the_client)
{
	struct fixture x;
	int left[2];

	CHECK(start(&x, 16) && make_pair(left));
	CHECK(!flows_add(&x.f, left[1], dial(1), 1, x.now));
	CHECK(turn(&x, 100) < 100 && !x.f.used && !x.f.dialling && !x.f.dialling_by[1]);
	CHECK(get(left[0]) == -ECONNRESET);
	close(left[0]);
	finish(&x);
}

TEST(a_dial_times_out)
{
	struct fixture x;
	int a[2], b[2], filler[4];
	uint16_t port;

	CHECK(start(&x, 16) && make_pair(a) && make_pair(b));
	int listener = make_full_listener(&port, filler);
	CHECK(listener >= 0);
	CHECK(!flows_add(&x.f, a[1], dial(port), 1, x.now));
	CHECK(!flows_add(&x.f, b[1], dial(port), 1, x.now + 10));
	CHECK(turn(&x, 100) == 0 && x.f.dialling == 2 && x.f.dialling_by[1] == 2);
	CHECK(flows_settle(&x.f, x.now) == FLOW_DIAL_MS);
	CHECK(flows_settle(&x.f, x.now + FLOW_DIAL_MS) == 10 && x.f.dialling == 1);
	CHECK(get(a[0]) == -ECONNRESET && get(b[0]) == -EAGAIN);
	CHECK(flows_settle(&x.f, x.now + FLOW_DIAL_MS + 10) == -1 && !x.f.used);
	close(a[0]), close(b[0]), close(listener);
	for (int i = 0; i < 4; i++) close(filler[i]);
	finish(&x);
}

enum giving_up { BY_RESET, BY_CLOSE, AFTER_DATA };

static void give_up(enum giving_up how)
{
	struct fixture x;
	int a[2], filler[4];
	uint16_t port;

	CHECK(start(&x, 16) && make_pair(a));
	int listener = make_full_listener(&port, filler);
	CHECK(!flows_add(&x.f, a[1], dial(port), 1, x.now));
	CHECK(turn(&x, 100) == 0 && x.f.dialling == 1);
	if (how == AFTER_DATA) CHECK(send(a[0], "x", 1, 0) == 1);
	if (how == BY_RESET) reset(a[0]);
	else close(a[0]);
	CHECK(turn(&x, 100) < 100 && x.f.dialling == (how == AFTER_DATA));
	close(listener);
	for (int i = 0; i < 4; i++) close(filler[i]);
	finish(&x);
}

TEST(a_client_that_resets_ends_the_dial) { give_up(BY_RESET); }
TEST(a_client_that_closes_ends_the_dial) { give_up(BY_CLOSE); }
TEST(a_client_that_has_sent_something_may_half_close) { give_up(AFTER_DATA); }

TEST(a_full_table_resets_and_recovers)
{
	struct fixture x;
	int ends[2][2], left[2], right[2];

	CHECK(start(&x, 2) && add_flow(&x, ends[0]) && add_flow(&x, ends[1]));
	CHECK(make_pair(left) && make_pair(right));
	CHECK(flows_add(&x.f, left[1], right[1], 1, x.now) == -EMFILE);
	CHECK(get(left[0]) == -ECONNRESET && get(right[0]) == -ECONNRESET);
	close(ends[0][0]), close(ends[0][1]);
	CHECK(turn(&x, 100) < 100 && x.f.used == 1);
	CHECK(add_flow(&x, ends[0]) && x.f.used == 2);
	for (int i = 0; i < 2; i++) close(ends[i][0]), close(ends[i][1]);
	close(left[0]), close(right[0]);
	finish(&x);
}

TEST(no_source_can_take_the_whole_table)
{
	struct flows f = { .max = 1024 };

	for (uint32_t s = 1; s <= 3; s++)
		while (flows_admit(&f, s, 0)) f.used++, f.used_by[s]++;
	CHECK(f.used_by[1] == 512 && f.used_by[2] == 256 && f.used_by[3] == 128);
	CHECK(flows_admit(&f, 4, 0));
	f = (struct flows){ .max = 1024, .dialling_by = { [1] = 128 } };
	CHECK(!flows_admit(&f, 1, 0) && flows_admit(&f, 2, 0));
}

TEST(many_failures_are_refused_for_a_second)
{
	struct flows f = { .max = 1024 };

	CHECK(flows_admit(&f, 1, 5000));
	for (int i = 0; i < 100000; i++) flows_count_failure(&f, 1);
	CHECK(!flows_admit(&f, 1, 5999) && flows_admit(&f, 2, 5999));
	CHECK(flows_admit(&f, 1, 6000));
}

TEST(events_of_flows_that_have_ended_are_ignored)
{
	struct fixture x;

	CHECK(begin(&x));
	reset(x.ends[CLIENT]);
	struct epoll_event ev[8];
	CHECK(epoll_wait(x.f.epoll, ev, 8, 1000) == 1);
	for (int i = 0; i < 3; i++) flows_event(&x.f, 0, i & 1, EPOLLIN | EPOLLOUT | EPOLLHUP, 0);
	flows_event(&x.f, 15, 0, EPOLLIN, 0);
	flows_event(&x.f, 1u << 30, 0, EPOLLIN, 0);
	CHECK(!x.f.used && x.f.v[0].state == FLOW_ENDED);
	flows_settle(&x.f, x.now);
	CHECK(x.f.v[0].state == FLOW_FREE);
	close(x.ends[SERVER]);
	finish(&x);
}

/* Without ends of their own: only the table is looked at. */
TEST(ten_thousand_flows)
{
	enum { N = 10000 };
	struct fixture x;
	struct rlimit l;

	CHECK(!getrlimit(RLIMIT_NOFILE, &l));
	l.rlim_cur = l.rlim_max;
	CHECK(!setrlimit(RLIMIT_NOFILE, &l) && start(&x, N));
	uint32_t n = l.rlim_max < 2 * N + 100 ? (uint32_t)(l.rlim_max - 100) / 2 : N;
	for (uint32_t i = 0; i < n; i++) {
		int a = socket(AF_INET, SOCK_STREAM, 0), b = socket(AF_INET, SOCK_STREAM, 0);
		CHECK(a >= 0 && b >= 0);
		CHECK(!flows_add(&x.f, a, b, i, x.now) || x.f.used <= i);
	}
	CHECK(sizeof *x.f.v * N < 2 << 20);
	CHECK(flows_settle(&x.f, x.now + FLOW_DIAL_MS) == -1 && !x.f.used && x.f.fresh == n);
	finish(&x);
}

UNIT_MAIN("flow")
