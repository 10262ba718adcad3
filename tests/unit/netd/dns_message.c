#include "netd/dns_message.h"

#include <string.h>

#include "unit.h"

static const unsigned char query[] = { 0x12, 0x34, 1, 0, 0, 1, 0, 0, 0, 0, 0, 0,
	3, 'w', 'w', 'w', 2, 'k', '8', 0, 0, 1, 0, 1 };
/* The same with EDNS: 4096 bytes, version 0, DO, one option. */
static const unsigned char edns[] = { 0x12, 0x34, 1, 0x10, 0, 1, 0, 0, 0, 0, 0, 1,
	3, 'w', 'w', 'w', 2, 'k', '8', 0, 0, 1, 0, 1,
	0, 0, 41, 0x10, 0, 0, 0, 0x80, 0, 0, 5, 0, 10, 0, 1, 7 };

static size_t changed(size_t at, unsigned char to)
{
	unsigned char m[sizeof query];
	memcpy(m, query, sizeof m);
	m[at] = to;
	return dns_message_question(m, sizeof m);
}

TEST(one_question_is_recognised)
{
	unsigned char m[sizeof query + 11] = {0};

	CHECK(dns_message_question(query, sizeof query) == sizeof query);
	memcpy(m, query, sizeof query);   /* additional records (EDNS) may follow */
	CHECK(dns_message_question(m, sizeof m) == sizeof query);
	for (size_t n = 0; n < sizeof query; n++) CHECK(!dns_message_question(query, n));
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
	CHECK(dns_message_question(m, sizeof m) == 12 + 255 + 4 && 12 + 255 + 4 <= DNS_QUESTION);
	m[at] = 1;
	m[at + 1] = 'a';
	CHECK(!dns_message_question(m, sizeof m));
}

TEST(an_answer_repeats_the_question)
{
	unsigned char m[sizeof query + 16] = {0};

	memcpy(m, query, sizeof query);
	CHECK(!dns_message_answers(m, sizeof m, query, sizeof query));   /* not an answer */
	m[2] = 0x81;
	CHECK(dns_message_answers(m, sizeof m, query, sizeof query));
	CHECK(!dns_message_answers(m, sizeof query - 1, query, sizeof query));
	for (size_t i = 12; i < sizeof query; i++) {
		m[i] ^= 0x20;
		CHECK(!dns_message_answers(m, sizeof m, query, sizeof query));
		m[i] ^= 0x20;
	}
	m[0] ^= 1;
	CHECK(!dns_message_answers(m, sizeof m, query, sizeof query));
}

TEST(a_question_is_read)
{
	unsigned char m[sizeof edns + 11];
	struct dns_asked a;

	CHECK(dns_message_read(query, sizeof query, &a));
	CHECK(a.id == 0x1234 && a.type == DNS_A && a.class == 1 && a.recursion && !a.opcode);
	CHECK(!a.edns && !a.malformed && !a.unchecked && a.udp_size == 512 && a.name.n == 8);
	CHECK(dns_message_read(edns, sizeof edns, &a));
	CHECK(a.edns && !a.malformed && a.unchecked && a.udp_size == 1232 && !a.edns_version);
	for (size_t n = sizeof query; n < sizeof edns; n++)
		CHECK(dns_message_read(edns, n, &a) && a.malformed);
	memcpy(m, edns, sizeof edns);
	m[27] = 2, m[28] = 88;
	CHECK(dns_message_read(m, sizeof edns, &a) && a.udp_size == 600);
	m[27] = 0;
	CHECK(dns_message_read(m, sizeof edns, &a) && a.udp_size == 512);
	m[11] = 2;                        /* EDNS twice */
	memcpy(m + sizeof edns, edns + sizeof query, 9);
	m[sizeof edns + 9] = m[sizeof edns + 10] = 0;
	CHECK(dns_message_read(m, sizeof m, &a) && a.malformed);
	m[11] = 1, m[7] = 1;              /* an answer in a question */
	CHECK(dns_message_read(m, sizeof m, &a) && a.malformed);
	m[2] = 0x28;                      /* an update, which has other sections */
	CHECK(dns_message_read(m, sizeof m, &a) && a.opcode == 5 && !a.malformed);
}

/* ---- names ---- */

static bool reads(const unsigned char *m, size_t n, size_t at, const char *want, size_t end)
{
	struct dns_name got, name;
	return dns_message_name(m, n, &at, &got) && at == end &&
		dns_name_parse(&name, want, strlen(want)) && !dns_name_below(&got, &name);
}

TEST(compressed_names_are_read)
{
	static const unsigned char m[] = "\1a\1b\0\1c\300\000\300\005\300\013\300\013\300\020\77x";
	struct dns_name out;
	size_t at;

	CHECK(reads(m, 20, 0, "a.b", 5) && reads(m, 20, 2, "b", 5) && reads(m, 20, 4, "", 5));
	CHECK(reads(m, 20, 5, "c.a.b", 9) && reads(m, 20, 9, "c.a.b", 11));
	at = 11;                          /* to itself */
	CHECK(!dns_message_name(m, 20, &at, &out));
	at = 13;
	CHECK(!dns_message_name(m, 20, &at, &out));
	at = 15;                          /* forwards */
	CHECK(!dns_message_name(m, 20, &at, &out));
	at = 17;                          /* a label that the message does not have as a whole */
	CHECK(!dns_message_name(m, 19, &at, &out));
	for (size_t n = 0; n < 9; n++) {
		at = 5;
		CHECK(!dns_message_name(m, n, &at, &out));
	}
}

TEST(a_compressed_name_has_at_most_255_bytes)
{
	unsigned char m[2000] = {0};
	struct dns_name out;
	size_t at = 0, end = 64;

	memset(m, 'x', 64);
	m[0] = 63;
	m[64] = 0;                        /* 65 bytes; each name adds 64 to the one before */
	for (int i = 0; i < 5; i++) {
		size_t start = i ? end : 65;
		memset(m + start, 'y', 64);
		m[start] = 62;
		m[start + 63] = 0xc0 | (unsigned char)(at >> 8);
		m[start + 64] = (unsigned char)at;
		end = start + 65;
		size_t from = start;
		CHECK(dns_message_name(m, sizeof m, &from, &out) == (65 + 63 * (i + 1) <= 255));
		at = start;
	}
}

/* ---- answers ---- */

static struct dns_name name(const char *text)
{
	struct dns_name n;
	dns_name_parse(&n, text, strlen(text));
	return n;
}

TEST(records_are_written_as_the_specification_has_them)
{
	static const unsigned char want[] = { 0x12, 0x34, 0x85, 0x80, 0, 1, 0, 1, 0, 0, 0, 0,
		3, 'w', 'w', 'w', 2, 'k', '8', 0, 0, 1, 0, 1,
		0xc0, 12, 0, 1, 0, 1, 0, 0, 0, 5, 0, 4, 10, 43, 0, 1 };
	unsigned char m[1232];
	struct dns_asked a;
	struct dns_writer w;

	dns_message_read(query, sizeof query, &a);
	dns_writer_begin(&w, &a, m, sizeof m);
	w.ttl = 5;
	dns_writer_address(&w, &a.name, &(struct ip){ 4, { 10, 43, 0, 1 } });
	CHECK(dns_writer_end(&w, DNS_NOERROR, true) == sizeof want);
	CHECK(!memcmp(m, want, sizeof want));
}

static const struct ip six = { 16, { 0xfd, [15] = 9 } };

static size_t write_all(const struct dns_asked *a, unsigned char *m, size_t size)
{
	struct dns_writer w;
	struct dns_name svc = name("a.svc.k8"), pod = name("pod.a.svc.k8"), zone = name("k8");

	dns_writer_begin(&w, a, m, size);
	w.ttl = 5;
	dns_writer_name(&w, &a->name, DNS_CNAME, &svc);
	dns_writer_srv(&w, &svc, 8080, &pod);
	dns_writer_txt(&w, &svc, "1.1.0");
	w.section = DNS_AUTHORITY;
	dns_writer_soa(&w, &zone, &svc, 1);
	w.section = DNS_ADDITIONAL;
	dns_writer_address(&w, &pod, &six);
	return dns_writer_end(&w, DNS_NXDOMAIN, false);
}

/* Every record of a message: the reader counts answers only. */
static int count_records(unsigned char *m, size_t n, struct dns_record *last)
{
	struct dns_reader r;
	int k = 0;

	dns_reader_begin(&r, m, n);
	r.left = m[7] + m[9] + m[11];
	while (dns_reader_next(&r, last)) k++;
	return r.at == n ? k : -1;
}

TEST(what_is_written_can_be_read)
{
	unsigned char m[1232];
	struct dns_asked a;
	struct dns_record r;
	struct dns_reader reader;
	struct dns_name to, svc = name("a.svc.k8"), pod = name("pod.a.svc.k8");

	dns_message_read(edns, sizeof edns, &a);
	size_t n = write_all(&a, m, sizeof m), at;
	CHECK(count_records(m, n, &r) == 6 && r.type == DNS_OPT && r.class == 1232);
	dns_reader_begin(&reader, m, n);
	CHECK(dns_reader_next(&reader, &r) && r.type == DNS_CNAME && r.ttl == 5);
	at = r.data;
	CHECK(dns_message_name(m, n, &at, &to) && !dns_name_below(&to, &svc));
	CHECK(dns_reader_next(&reader, &r) && r.type == DNS_SRV && !dns_name_below(&r.owner, &svc));
	CHECK(!memcmp(m + r.data, "\0\0\0\144\037\220", 6));
	CHECK(r.data_n == 6u + pod.n && !memcmp(m + r.data + 6, pod.b, pod.n));
	CHECK(dns_reader_next(&reader, &r) && r.type == DNS_TXT && r.data_n == 6);
	CHECK(!dns_reader_next(&reader, &r));
	CHECK(m[2] == 0x81 && m[3] == 0x93);   /* RD; RA, CD, NXDOMAIN */
}

TEST(what_does_not_fit_is_left_out)
{
	unsigned char m[1232];
	struct dns_asked a;
	struct dns_record r;

	dns_message_read(edns, sizeof edns, &a);
	size_t all = write_all(&a, m, sizeof m);
	for (size_t size = sizeof query + 11; size < all; size++) {
		memset(m, 0xee, sizeof m);
		size_t n = write_all(&a, m, size);
		CHECK(n <= size && m[size] == 0xee);
		CHECK(count_records(m, n, &r) < 6 && r.type == DNS_OPT);
		/* Only without the last record, which is additional, it is whole. */
		CHECK(!(m[2] & 2) == (m[7] == 3 && m[9] == 1));
	}
}

TEST(an_extended_code_goes_by_edns)
{
	unsigned char m[512];
	struct dns_asked a;
	struct dns_writer w;

	dns_message_read(edns, sizeof edns, &a);
	dns_writer_begin(&w, &a, m, sizeof m);
	size_t n = dns_writer_end(&w, DNS_BADVERS, false);
	CHECK(n == sizeof query + 11 && !(m[3] & 15) && m[n - 6] == 1);
}

TEST(a_question_for_a_server_can_be_read)
{
	unsigned char m[DNS_QUESTION + DNS_OPT_SIZE];
	struct dns_name n = name("www.k8");
	struct dns_asked a;
	size_t len = dns_message_ask(0xbeef, &n, DNS_AAAA, m);

	CHECK(len == sizeof query + 11 && dns_message_read(m, len, &a) && a.id == 0xbeef);
	CHECK(a.recursion && a.type == DNS_AAAA && a.edns && a.udp_size == 1232);
	CHECK(!memcmp(a.name.b, query + 12, a.name.n) && !a.malformed);
}

UNIT_MAIN("dns_message")
