#include "netd/dns.h"

#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <poll.h>
#include <string.h>
#include <sys/epoll.h>
#include <unistd.h>

#include "unit.h"

static const unsigned char query[] = { 0x12, 0x34, 1, 0, 0, 1, 0, 0, 0, 0, 0, 0,
	3, 'w', 'w', 'w', 2, 'k', '8', 0, 0, 1, 0, 1 };

static size_t changed(size_t at, unsigned char to)
{
	unsigned char m[sizeof query];
	memcpy(m, query, sizeof m);
	m[at] = to;
	return dns_question(m, sizeof m);
}

TEST(one_question_is_recognised)
{
	unsigned char m[sizeof query + 11] = {0};

	CHECK(dns_question(query, sizeof query) == sizeof query);
	memcpy(m, query, sizeof query);   /* additional records (EDNS) may follow */
	CHECK(dns_question(m, sizeof m) == sizeof query);
	for (size_t n = 0; n < sizeof query; n++) CHECK(!dns_question(query, n));
	CHECK(!changed(2, 0x81));         /* an answer */
	CHECK(!changed(5, 0) && !changed(5, 2) && !changed(4, 1));
	CHECK(!changed(12, 0xc0) && !changed(12, 64) && !changed(16, 63));
	CHECK(changed(12, 0) == 12 + 5);  /* the root */
}

TEST(a_name_has_at_most_255_bytes)
{
	unsigned char m[600] = { 0, 1, 1, 0, 0, 1 };
	size_t at = 12;

	for (int i = 0; i < 127; i++, at += 2) m[at] = 1, m[at + 1] = 'a';
	CHECK(dns_question(m, sizeof m) == 12 + 255 + 4 && 12 + 255 + 4 <= DNS_QUESTION);
	m[at] = 1;
	m[at + 1] = 'a';
	CHECK(!dns_question(m, sizeof m));
}

TEST(an_answer_repeats_the_question)
{
	unsigned char m[sizeof query + 16] = {0};

	memcpy(m, query, sizeof query);
	CHECK(!dns_answers(m, sizeof m, query, sizeof query));   /* not an answer */
	m[2] = 0x81;
	CHECK(dns_answers(m, sizeof m, query, sizeof query));
	CHECK(!dns_answers(m, sizeof query - 1, query, sizeof query));
	for (size_t i = 12; i < sizeof query; i++) {
		m[i] ^= 0x20;
		CHECK(!dns_answers(m, sizeof m, query, sizeof query));
		m[i] ^= 0x20;
	}
	m[0] ^= 1;
	CHECK(!dns_answers(m, sizeof m, query, sizeof query));
}

/* Without a broker every question fails at once; the client must be told so. */
TEST(a_question_that_cannot_be_passed_on_is_answered_with_servfail)
{
	static struct dns d;
	struct sockaddr_in a = { .sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
	socklen_t n = sizeof a;
	unsigned char m[64];
	int epoll = epoll_create1(0), fd = socket(AF_INET, SOCK_DGRAM, 0);
	int client = socket(AF_INET, SOCK_DGRAM, 0);

	CHECK(!bind(fd, (struct sockaddr *)&a, n) && !getsockname(fd, (struct sockaddr *)&a, &n));
	CHECK(!connect(client, (struct sockaddr *)&a, n));
	d.servers[0] = (struct ip){ 4, { 127, 0, 0, 1 } };
	d.server_n = 1;
	CHECK(!dns_init(&d, epoll, -1, fd));
	CHECK(send(client, "garbage", 7, 0) == 7 && send(client, "", 0, 0) == 0);
	CHECK(send(client, query, sizeof query, 0) == sizeof query);
	dns_on_clients(&d, 0);
	CHECK(d.dropped == 2 && !d.used);
	CHECK(recv(client, m, sizeof m, MSG_DONTWAIT) == sizeof query);
	CHECK(dns_answers(m, sizeof query, query, sizeof query) && (m[3] & 15) == 2);
	CHECK(dns_settle(&d, 0) == -1);
	dns_on_answer(&d, 0);            /* stale events */
	dns_on_answer(&d, DNS_QUERIES + 5);
	close(epoll), close(fd), close(client);
}

UNIT_MAIN("dns")
