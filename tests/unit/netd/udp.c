#include "netd/udp.h"

#include <arpa/inet.h>
#include <string.h>
#include <sys/epoll.h>
#include <unistd.h>

#include "unit.h"

static struct udp_key key(const char *client, const char *server)
{
	struct udp_key k = { .client_port = htons(4000), .server_port = htons(53) };
	inet_pton(AF_INET, client, &k.client);
	inet_pton(AF_INET, server, &k.server);
	return k;
}

static bool same_keys(const struct udp_key *a, const struct udp_key *b)
{
	return a->client == b->client && a->server == b->server &&
		a->client_port == b->client_port && a->server_port == b->server_port;
}

/* The headers of an answer, read as a packet, are those of a question the other way round. */
TEST(headers_are_made_and_read)
{
	struct udp_key k = key("10.42.0.5", "192.0.2.1");
	unsigned char p[UDP_HEADERS + 3] = {0};
	struct udp_packet got;

	udp_make_headers(&k, 3, p);
	memcpy(p + UDP_HEADERS, "abc", 3);
	CHECK(udp_parse(p, sizeof p, &got) && got.n == 3 && !memcmp(got.data, "abc", 3));
	CHECK(got.key.client == k.server && got.key.server == k.client);
	CHECK(got.key.client_port == k.server_port && got.key.server_port == k.client_port);
	uint32_t sum = 0;
	for (int i = 0; i < 20; i += 2) sum += (uint32_t)(p[i] << 8 | p[i + 1]);
	CHECK((sum & 0xffff) + (sum >> 16) == 0xffff);
}

TEST(what_is_no_whole_datagram_is_refused)
{
	struct udp_key k = key("10.42.0.5", "192.0.2.1");
	unsigned char p[UDP_HEADERS + 3] = {0};
	struct udp_packet got;
	static const struct { size_t at; unsigned char value; } wrong[] = {
		{ 0, 0x65 }, { 0, 0x44 }, { 0, 0x4f }, { 3, 200 }, { 3, 20 }, { 6, 0x20 },
		{ 7, 1 }, { 9, 6 }, { 25, 7 }, { 25, 12 },
	};

	for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++) {
		udp_make_headers(&k, 3, p);
		p[wrong[i].at] = wrong[i].value;
		CHECK(!udp_parse(p, sizeof p, &got));
	}
	udp_make_headers(&k, 3, p);
	for (size_t n = 0; n < sizeof p; n++) CHECK(!udp_parse(p, n, &got));
	p[6] = 0x40;   /* "do not fragment" is no fragment */
	CHECK(udp_parse(p, sizeof p, &got));
}

TEST(a_refusal_is_about_what_was_sent)
{
	struct udp_key k = key("10.42.0.5", "10.43.0.1");
	unsigned char p[UDP_REFUSAL];
	struct packet icmp;
	struct udp_packet about;

	udp_make_refusal(&k, 0, p);
	CHECK(packets_parse(p, sizeof p, 1, &icmp) && icmp.from == k.server && icmp.to == k.client);
	CHECK(icmp.data[0] == 3 && icmp.data[1] == 3 && !packets_checksum(icmp.data, icmp.n));
	CHECK(udp_parse(icmp.data + 8, icmp.n - 8, &about) && same_keys(&about.key, &k));
}

TEST(flows_that_are_over_are_forgotten)
{
	static struct udp u;
	int fds[2];

	CHECK(!pipe(fds));
	u.max = UDP_FLOWS;
	u.fresh = u.used = 2;
	u.used_by[0] = 2;
	u.v[0] = (struct udp_flow){ fds[0], .exchange = { 1, 1, 1000 } };
	u.v[1] = (struct udp_flow){ fds[1], .exchange = { 2, 2, 1000 } };
	u.look_at = 6000;
	CHECK(udp_settle(&u, 5000) == 1000 && u.used == 2);
	CHECK(udp_settle(&u, 1000 + EXCHANGE_SHORT_MS) == EXCHANGE_LOOK_MS && u.used == 1 &&
		u.v[0].fd < 0);
	CHECK(udp_settle(&u, 1000 + EXCHANGE_LONG_MS) == -1 && !u.used && !u.look_at);
	udp_on_answer(&u, 1, 0);   /* stale events */
	udp_on_answer(&u, UDP_FLOWS + 7, 0);
}

UNIT_MAIN("udp")
