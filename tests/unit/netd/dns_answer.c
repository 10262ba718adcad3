#include "netd/dns_answer.h"

#include <arpa/inet.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include "base/buf.h"
#include "base/err.h"
#include "base/json.h"
#include "unit.h"

/* ---- the store ---- */

static struct services *store;

static void add(const char *text)
{
	_cleanup_json_ struct json j = {0};
	struct err e = {0};

	CHECK(!json_parse(&j, text, strlen(text)));
	bool slice = json_get(&j, json_root(&j), "endpoints") != NULL;
	if (slice) {
		struct service_slice *s = service_slice_parse(&j, json_root(&j), &e);
		CHECK(s);
		services_put_slice(store, s);
	} else {
		struct service_object *o = service_parse(&j, json_root(&j), &e);
		CHECK(o);
		services_put_service(store, o);
	}
}

static struct cidr networks[4];
static struct dns_zone zone = { .domain = "cluster.local", .server = { 4, { 10, 3, 0, 10 } },
	.networks = networks, .network_n = 4 };

static void complete(void)
{
	services_begin(store, SERVICE_KIND_SERVICE);
	services_sweep(store, SERVICE_KIND_SERVICE);
	services_begin(store, SERVICE_KIND_SLICE);
	services_sweep(store, SERVICE_KIND_SLICE);
}

static void empty_store(void)
{
	static const char *const text[] = { "10.3.0.0/16", "10.42.0.0/20", "2001:db8::/52",
		"172.16.0.0/12" };

	if (store) services_free(store);
	zone.services = store = services_new();
	dns_name_parse(&zone.name, "cluster.local", 13);
	for (int i = 0; i < 4; i++) cidr_parse(&networks[i], text[i], strlen(text[i]));
}

#define META(ns, name) "\"metadata\":{\"namespace\":\"" ns "\",\"name\":\"" name "\"}"
#define SLICE(ns, name, service) "\"metadata\":{\"namespace\":\"" ns "\",\"name\":\"" name \
	"\",\"labels\":{\"kubernetes.io/service-name\":\"" service "\"}}"

/* The examples of the specification, and what they leave out. */
static void fill(void)
{
	empty_store();
	complete();
	add("{" META("default", "kubernetes") ",\"spec\":{\"type\":\"ClusterIP\",\"clusterIP\":\"10.3.0.1\","
		"\"clusterIPs\":[\"10.3.0.1\",\"2001:db8::1\"],\"ports\":["
		"{\"name\":\"https\",\"port\":443,\"protocol\":\"TCP\"},{\"name\":\"plain\",\"port\":80}]}}");
	add("{" META("default", "headless") ",\"spec\":{\"clusterIP\":\"None\","
		"\"clusterIPs\":[\"None\"],\"ports\":[{\"name\":\"https\",\"port\":443}]}}");
	add("{" SLICE("default", "headless-a", "headless") ",\"addressType\":\"IPv4\",\"endpoints\":["
		"{\"addresses\":[\"10.42.0.9\"],\"hostname\":\"my-pet\",\"conditions\":{\"ready\":true}},"
		"{\"addresses\":[\"10.42.0.8\"]},"
		"{\"addresses\":[\"10.42.0.7\"],\"hostname\":\"late\",\"conditions\":{\"ready\":false}}],"
		"\"ports\":[{\"name\":\"https\",\"port\":8443,\"protocol\":\"TCP\"}]}");
	add("{" SLICE("default", "headless-b", "headless") ",\"addressType\":\"IPv6\",\"endpoints\":["
		"{\"addresses\":[\"2001:db8::9\"],\"hostname\":\"my-pet\"}],"
		"\"ports\":[{\"name\":\"https\",\"port\":8443,\"protocol\":\"TCP\"}]}");
	add("{" SLICE("default", "headless-c", "headless") ",\"addressType\":\"IPv4\",\"endpoints\":["
		"{\"addresses\":[\"10.42.0.9\"],\"hostname\":\"my-pet\"}],\"ports\":[]}");
	add("{" META("default", "idle") ",\"spec\":{\"clusterIP\":\"None\",\"clusterIPs\":[\"None\"],"
		"\"ports\":[{\"name\":\"https\",\"port\":443}]}}");
	add("{" META("default", "foo") ",\"spec\":{\"type\":\"ExternalName\","
		"\"externalName\":\"www.Example.com\"}}");
	add("{" META("default", "inner") ",\"spec\":{\"type\":\"ExternalName\","
		"\"externalName\":\"kubernetes.default.svc.cluster.local\"}}");
	add("{" META("default", "to-foo") ",\"spec\":{\"type\":\"ExternalName\","
		"\"externalName\":\"foo.default.svc.cluster.local\"}}");
	add("{" META("default", "nowhere") ",\"spec\":{\"type\":\"ExternalName\","
		"\"externalName\":\"none.default.svc.cluster.local\"}}");
	add("{" META("default", "circle") ",\"spec\":{\"type\":\"ExternalName\","
		"\"externalName\":\"circle.default.svc.cluster.local\"}}");
}

/* ---- questions and answers as text ---- */

static unsigned char message[DNS_STREAM_SIZE];
static size_t message_n;
static struct dns_name external;

static void show_name(struct buf *b, const struct dns_name *n)
{
	for (size_t i = 0; i < n->n && n->b[i]; i += 1u + n->b[i])
		buf_printf(b, "%s%.*s", i ? "." : "", n->b[i], (const char *)n->b + i + 1);
}

static void show_data(struct buf *b, const struct dns_record *r)
{
	const unsigned char *d = message + r->data;
	char text[64];
	struct dns_name n;
	size_t at = r->data;

	switch (r->type) {
	case DNS_A: buf_printf(b, "A %s", inet_ntop(AF_INET, d, text, sizeof text)); break;
	case DNS_AAAA: buf_printf(b, "AAAA %s", inet_ntop(AF_INET6, d, text, sizeof text)); break;
	case DNS_TXT: buf_printf(b, "TXT %.*s", d[0], (const char *)d + 1); break;
	case DNS_SRV: buf_printf(b, "SRV %d ", d[4] << 8 | d[5]), at += 6; break;
	case DNS_CNAME: buf_puts(b, "CNAME "); break;
	case DNS_PTR: buf_puts(b, "PTR "); break;
	case DNS_NS: buf_puts(b, "NS "); break;
	case DNS_SOA: buf_puts(b, "SOA "); break;
	case DNS_OPT: buf_puts(b, "OPT"); return;
	}
	if (r->type == DNS_A || r->type == DNS_AAAA || r->type == DNS_TXT) return;
	dns_message_name(message, message_n, &at, &n);
	show_name(b, &n);
}

/* "RCODE | RECORD; … | AUTHORITY | ADDITIONAL"; owners that are not the question's name stand in
 * brackets before a record. */
static const char *show(const struct dns_name *asked)
{
	static const char *const rcodes[16] = { "ok", "FORMERR", "SERVFAIL", "NXDOMAIN", "NOTIMP",
		"REFUSED" };
	static struct buf b;
	struct dns_record r;
	struct dns_reader reader;

	buf_reset(&b);
	buf_printf(&b, "%s%s", rcodes[message[3] & 15], message[2] & 2 ? " TC" : "");
	dns_reader_begin(&reader, message, message_n);
	for (int section = 0; section < 3; section++) {
		reader.left = message[7 + 2 * section];
		if (reader.left) buf_printf(&b, " %s", section == 0 ? "=" : section == 1 ? "auth" : "+");
		for (const char *sep = " "; dns_reader_next(&reader, &r); sep = "; ") {
			buf_puts(&b, sep);
			if (r.type != DNS_OPT && dns_name_below(&r.owner, asked)) {
				buf_puts(&b, "[");
				show_name(&b, &r.owner);
				buf_puts(&b, "] ");
			}
			show_data(&b, &r);
		}
	}
	CHECK(reader.at == message_n);
	return b.data;
}

static struct dns_asked question(int type, const char *name)
{
	struct dns_asked q = { .type = (uint16_t)type, .class = 1, .recursion = true,
		.udp_size = 512 };
	dns_name_parse(&q.name, name, strlen(name));
	return q;
}

static const char *ask_with(const struct dns_asked *q, const struct dns_outside *o, size_t size)
{
	CHECK(dns_answer_is_ours(&zone, q));
	message_n = dns_answer(&zone, q, o, message, size, &external);
	CHECK(message_n <= size);
	return message_n ? show(&q->name) : "outside";
}

static const char *ask(int type, const char *name)
{
	struct dns_asked q = question(type, name);
	return ask_with(&q, NULL, 1232);
}

#define SOA " auth [cluster.local] SOA ns.dns.cluster.local"

TEST(schema_version)
{
	fill();
	CHECK_STR(ask(DNS_TXT, "dns-version.cluster.local"), "ok = TXT 1.1.0");
	CHECK_STR(ask(DNS_A, "dns-version.cluster.local"), "ok" SOA);
	CHECK_STR(ask(DNS_TXT, "x.dns-version.cluster.local"), "NXDOMAIN" SOA);
}

TEST(services_with_an_address)
{
	fill();
	CHECK_STR(ask(DNS_A, "kubernetes.default.svc.cluster.local"), "ok = A 10.3.0.1");
	CHECK(message[2] == 0x85 && message[3] == 0x80);   /* AA, RD, RA */
	CHECK_STR(ask(DNS_AAAA, "kubernetes.default.svc.cluster.local"), "ok = AAAA 2001:db8::1");
	CHECK_STR(ask(DNS_TXT, "kubernetes.default.svc.cluster.local"), "ok" SOA);
	CHECK_STR(ask(255, "kubernetes.default.svc.cluster.local"), "ok" SOA);
	CHECK_STR(ask(DNS_A, "KuberNetes.DEFAULT.Svc.clusteR.Local."), "ok = A 10.3.0.1");
	CHECK_STR(ask(DNS_SRV, "_https._tcp.kubernetes.default.svc.cluster.local"),
		"ok = SRV 443 kubernetes.default.svc.cluster.local"
		" + [kubernetes.default.svc.cluster.local] A 10.3.0.1; "
		"[kubernetes.default.svc.cluster.local] AAAA 2001:db8::1");
	CHECK_STR(ask(DNS_A, "_https._tcp.kubernetes.default.svc.cluster.local"), "ok" SOA);
	CHECK_STR(ask(DNS_SRV, "_https._udp.kubernetes.default.svc.cluster.local"),
		"NXDOMAIN" SOA);
	CHECK_STR(ask(DNS_SRV, "_http._tcp.kubernetes.default.svc.cluster.local"),
		"NXDOMAIN" SOA);
	CHECK_STR(ask(DNS_SRV, "https._tcp.kubernetes.default.svc.cluster.local"),
		"NXDOMAIN" SOA);
	CHECK_STR(ask(DNS_SRV, "_tcp.kubernetes.default.svc.cluster.local"), "ok" SOA);
	CHECK_STR(ask(DNS_PTR, "1.0.3.10.in-addr.arpa."),
		"ok = PTR kubernetes.default.svc.cluster.local");
	CHECK_STR(ask(DNS_PTR, "1.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.8.B.D.0.1.0.0.2.ip6.arpa"),
		"ok = PTR kubernetes.default.svc.cluster.local");
}

TEST(names_that_do_not_exist)
{
	fill();
	CHECK_STR(ask(DNS_A, "none.default.svc.cluster.local"), "NXDOMAIN" SOA);
	CHECK_STR(ask(DNS_AAAA, "kubernetes.none.svc.cluster.local"), "NXDOMAIN" SOA);
	CHECK_STR(ask(DNS_A, "none.svc.cluster.local"), "NXDOMAIN" SOA);
	CHECK_STR(ask(DNS_A, "www.example.com.default.svc.cluster.local"), "NXDOMAIN" SOA);
	CHECK_STR(ask(DNS_A, "a.b.c.d.e.f.default.svc.cluster.local"), "NXDOMAIN" SOA);
	CHECK_STR(ask(DNS_A, "www.example.com.cluster.local"), "NXDOMAIN" SOA);
	/* Nothing is there, but names below it are. */
	CHECK_STR(ask(DNS_A, "default.svc.cluster.local"), "ok" SOA);
	CHECK_STR(ask(DNS_A, "svc.cluster.local"), "ok" SOA);
	CHECK_STR(ask(DNS_A, "pod.cluster.local"), "ok" SOA);
	CHECK_STR(ask(DNS_A, "dns.cluster.local"), "ok" SOA);
	CHECK_STR(ask(DNS_A, "cluster.local"), "ok auth SOA ns.dns.cluster.local");
}

TEST(the_zone_itself)
{
	fill();
	CHECK_STR(ask(DNS_SOA, "cluster.local"), "ok = SOA ns.dns.cluster.local");
	CHECK_STR(ask(DNS_NS, "cluster.local"),
		"ok = NS ns.dns.cluster.local + [ns.dns.cluster.local] A 10.3.0.10");
	CHECK_STR(ask(DNS_A, "ns.dns.cluster.local"), "ok = A 10.3.0.10");
	CHECK_STR(ask(DNS_AXFR, "cluster.local"), "REFUSED");
}

TEST(headless_services)
{
	struct dns_asked q;

	fill();
	CHECK_STR(ask(DNS_A, "headless.default.svc.cluster.local"), "ok = A 10.42.0.8; A 10.42.0.9");
	q = question(DNS_A, "headless.default.svc.cluster.local");
	q.id = 2;                         /* of three endpoints, one of them IPv6 */
	ask_with(&q, NULL, 512);
	q.id = 1;
	CHECK_STR(ask_with(&q, NULL, 512), "ok = A 10.42.0.9; A 10.42.0.8");
	CHECK_STR(ask(DNS_AAAA, "headless.default.svc.cluster.local"), "ok = AAAA 2001:db8::9");
	CHECK_STR(ask(DNS_SRV, "headless.default.svc.cluster.local"), "ok" SOA);
	CHECK_STR(ask(DNS_A, "idle.default.svc.cluster.local"), "NXDOMAIN" SOA);
	CHECK_STR(ask(DNS_SRV, "_https._tcp.idle.default.svc.cluster.local"), "NXDOMAIN" SOA);
	CHECK_STR(ask(DNS_SRV, "_https._tcp.headless.default.svc.cluster.local"),
		"ok = SRV 8443 10-42-0-8.headless.default.svc.cluster.local; "
		"SRV 8443 my-pet.headless.default.svc.cluster.local; "
		"SRV 8443 my-pet.headless.default.svc.cluster.local"
		" + [10-42-0-8.headless.default.svc.cluster.local] A 10.42.0.8; "
		"[my-pet.headless.default.svc.cluster.local] A 10.42.0.9; "
		"[my-pet.headless.default.svc.cluster.local] AAAA 2001:db8::9");
}

TEST(endpoints_by_name)
{
	fill();
	CHECK_STR(ask(DNS_A, "my-pet.headless.default.svc.cluster.local"), "ok = A 10.42.0.9");
	CHECK_STR(ask(DNS_AAAA, "MY-PET.headless.default.svc.cluster.local"),
		"ok = AAAA 2001:db8::9");
	CHECK_STR(ask(DNS_A, "10-42-0-8.headless.default.svc.cluster.local"), "ok = A 10.42.0.8");
	CHECK_STR(ask(DNS_AAAA, "10-42-0-8.headless.default.svc.cluster.local"), "ok" SOA);
	CHECK_STR(ask(DNS_A, "late.headless.default.svc.cluster.local"), "NXDOMAIN" SOA);
	CHECK_STR(ask(DNS_A, "other.headless.default.svc.cluster.local"), "NXDOMAIN" SOA);
	CHECK_STR(ask(DNS_PTR, "9.0.42.10.in-addr.arpa"),
		"ok = PTR my-pet.headless.default.svc.cluster.local");
	CHECK_STR(ask(DNS_PTR, "8.0.42.10.in-addr.arpa"),
		"ok = PTR 10-42-0-8.headless.default.svc.cluster.local");
	CHECK_STR(ask(DNS_PTR, "7.0.42.10.in-addr.arpa"),
		"NXDOMAIN auth [42.10.in-addr.arpa] SOA ns.dns.cluster.local");
}

TEST(pods_by_address)
{
	fill();
	CHECK_STR(ask(DNS_A, "172-17-0-3.any.pod.cluster.local"), "ok = A 172.17.0.3");
	CHECK_STR(ask(DNS_AAAA, "172-17-0-3.any.pod.cluster.local"), "ok" SOA);
	CHECK_STR(ask(DNS_AAAA, "fd00--1.any.pod.cluster.local"), "ok = AAAA fd00::1");
	CHECK_STR(ask(DNS_A, "172-17-0-300.any.pod.cluster.local"), "NXDOMAIN" SOA);
	CHECK_STR(ask(DNS_A, "x.any.pod.cluster.local"), "NXDOMAIN" SOA);
	CHECK_STR(ask(DNS_A, "x.172-17-0-3.any.pod.cluster.local"), "NXDOMAIN" SOA);
	CHECK_STR(ask(DNS_A, "any.pod.cluster.local"), "ok" SOA);
}

static bool ours(const char *name)
{
	struct dns_asked q = question(DNS_PTR, name);
	return dns_answer_is_ours(&zone, &q);
}

TEST(what_is_not_the_clusters)
{
	fill();
	CHECK(!ours("www.example.com") && !ours("xcluster.local") && !ours("local") && !ours("."));
	CHECK(!ours("1.0.4.10.in-addr.arpa") && !ours("in-addr.arpa") && !ours("10.in-addr.arpa"));
	CHECK(ours("3.10.in-addr.arpa") && ours("0.3.10.in-addr.arpa"));
	/* Only a part of 42.10.in-addr.arpa. */
	CHECK(ours("1.15.42.10.in-addr.arpa") && !ours("1.16.42.10.in-addr.arpa"));
	CHECK(ours("1.1.31.172.in-addr.arpa") && !ours("1.1.32.172.in-addr.arpa"));
	CHECK(!ours("1.0.03.10.in-addr.arpa") && !ours("1.0.256.10.in-addr.arpa"));
	CHECK(ours("0.0.0.0.0.8.b.d.0.1.0.0.2.ip6.arpa") && !ours("1.0.0.0.0.8.b.d.0.1.0.2.ip6.arpa"));
	CHECK(!ours("8.b.d.0.1.0.0.2.ip6.arpa") && !ours("1.0.3.10.ip6.arpa"));
	CHECK(!ours("1.0.3.10.in-addr.arpa.example.com"));
}

TEST(parts_of_addresses)
{
	fill();
	CHECK_STR(ask(DNS_PTR, "3.10.in-addr.arpa"), "ok auth SOA ns.dns.cluster.local");
	CHECK_STR(ask(DNS_PTR, "0.3.10.in-addr.arpa"),
		"ok auth [3.10.in-addr.arpa] SOA ns.dns.cluster.local");
	CHECK_STR(ask(DNS_PTR, "x.0.3.10.in-addr.arpa"),
		"NXDOMAIN auth [3.10.in-addr.arpa] SOA ns.dns.cluster.local");
	CHECK_STR(ask(DNS_PTR, "5.1.0.3.10.in-addr.arpa"),
		"NXDOMAIN auth [3.10.in-addr.arpa] SOA ns.dns.cluster.local");
	CHECK_STR(ask(DNS_A, "1.0.3.10.in-addr.arpa"),
		"ok auth [3.10.in-addr.arpa] SOA ns.dns.cluster.local");
}

/* ---- ExternalName ---- */

TEST(names_that_stand_for_others)
{
	fill();
	CHECK_STR(ask(DNS_CNAME, "foo.default.svc.cluster.local"), "ok = CNAME www.Example.com");
	CHECK_STR(ask(DNS_TXT, "foo.default.svc.cluster.local"), "ok = CNAME www.Example.com");
	CHECK_STR(ask(DNS_A, "inner.default.svc.cluster.local"),
		"ok = CNAME kubernetes.default.svc.cluster.local; "
		"[kubernetes.default.svc.cluster.local] A 10.3.0.1");
	CHECK_STR(ask(DNS_A, "nowhere.default.svc.cluster.local"),
		"NXDOMAIN = CNAME none.default.svc.cluster.local" SOA);
	CHECK_STR(ask(DNS_A, "x.foo.default.svc.cluster.local"), "NXDOMAIN" SOA);
	ask(DNS_A, "circle.default.svc.cluster.local");
	CHECK((message[3] & 15) == DNS_SERVFAIL);
}

static unsigned char server[1232];

/* What a server says about `name`: an alias, its address, and lies about others. */
static struct dns_outside answer_outside(const char *name, int rcode)
{
	struct dns_asked q = question(DNS_A, name);
	struct dns_writer w;
	struct dns_name edge, lie;

	dns_name_parse(&edge, "edge.example.net", 16);
	dns_name_parse(&lie, "www.bank.example", 16);
	dns_writer_begin(&w, &q, server, sizeof server);
	w.ttl = 300;
	dns_writer_name(&w, &q.name, DNS_CNAME, &edge);
	dns_writer_address(&w, &lie, &(struct ip){ 4, { 6, 6, 6, 6 } });
	if (!rcode) dns_writer_address(&w, &edge, &(struct ip){ 4, { 192, 0, 2, 1 } });
	dns_writer_address(&w, &edge, &(struct ip){ 16, { 0x20 } });
	return (struct dns_outside){ server, dns_writer_end(&w, (enum dns_rcode)rcode, false) };
}

#define ALIAS "= CNAME foo.default.svc.cluster.local; " \
	"[foo.default.svc.cluster.local] CNAME www.Example.com"

TEST(names_outside_are_asked_for)
{
	struct dns_asked q;
	struct dns_outside o;

	fill();
	CHECK_STR(ask(DNS_A, "to-foo.default.svc.cluster.local"), "outside");
	struct buf b = {0};
	show_name(&b, &external);
	CHECK_STR(b.data, "www.Example.com");
	buf_free(&b);
	q = question(DNS_A, "to-foo.default.svc.cluster.local");
	o = answer_outside("www.example.com", DNS_NOERROR);
	CHECK_STR(ask_with(&q, &o, 512), "ok " ALIAS "; [www.Example.com] CNAME edge.example.net; "
		"[edge.example.net] A 192.0.2.1");
	CHECK(message_n > 100 && message[2] == 0x85);
	o = answer_outside("www.example.com", DNS_NXDOMAIN);
	CHECK_STR(ask_with(&q, &o, 512),
		"NXDOMAIN " ALIAS "; [www.Example.com] CNAME edge.example.net");
	o = answer_outside("www.example.com", DNS_REFUSED);
	ask_with(&q, &o, 512);
	CHECK((message[3] & 15) == DNS_SERVFAIL);
	o = answer_outside("old.example.com", DNS_NOERROR);
	CHECK_STR(ask_with(&q, &o, 512), "SERVFAIL " ALIAS);
	CHECK_STR(ask_with(&q, &(struct dns_outside){ NULL, 0 }, 512), "SERVFAIL " ALIAS);
}

/* ---- other questions ---- */

TEST(before_the_first_list_nothing_is_said_not_to_exist)
{
	empty_store();
	CHECK_STR(ask(DNS_A, "kubernetes.default.svc.cluster.local"), "SERVFAIL");
	CHECK_STR(ask(DNS_PTR, "1.0.3.10.in-addr.arpa"), "SERVFAIL");
	complete();
	CHECK_STR(ask(DNS_A, "kubernetes.default.svc.cluster.local"), "NXDOMAIN" SOA);
}

TEST(questions_that_are_refused)
{
	struct dns_asked q = question(DNS_A, "kubernetes.default.svc.cluster.local");

	fill();
	q.class = 3;
	CHECK_STR(ask_with(&q, NULL, 512), "REFUSED");
	q.opcode = 5;
	CHECK_STR(ask_with(&q, NULL, 512), "NOTIMP");
	q.opcode = 0, q.malformed = true;
	CHECK_STR(ask_with(&q, NULL, 512), "FORMERR");
	q.malformed = false, q.edns = true, q.edns_version = 1;
	CHECK_STR(ask_with(&q, NULL, 512), "ok + OPT");
	CHECK(message[message_n - 6] == 1);   /* BADVERS */
}

/* 200 endpoints in two slices, half of them in both. */
static void add_many(void)
{
	struct buf b = {0};

	add("{" META("big", "many") ",\"spec\":{\"clusterIP\":\"None\",\"clusterIPs\":[\"None\"],"
		"\"ports\":[{\"name\":\"p\",\"port\":1}]}}");
	for (int slice = 0; slice < 2; slice++) {
		buf_reset(&b);
		buf_printf(&b, "{\"metadata\":{\"namespace\":\"big\",\"name\":\"many-%d\",\"labels\":{"
			"\"kubernetes.io/service-name\":\"many\"}},\"addressType\":\"IPv4\","
			"\"ports\":[{\"name\":\"p\",\"port\":1}],\"endpoints\":[", slice);
		for (int i = 0; i < 133; i++)
			buf_printf(&b, "%s{\"addresses\":[\"10.42.1.%d\"]}", i ? "," : "", i + slice * 67);
		buf_puts(&b, "]}");
		add(b.data);
	}
	buf_free(&b);
}

TEST(long_answers_are_cut_by_udp_and_whole_by_tcp)
{
	struct dns_asked q = question(DNS_A, "many.big.svc.cluster.local");

	fill();
	add_many();
	CHECK(!strncmp(ask_with(&q, NULL, 512), "ok TC = A 10.42.1.0; ", 21) && message_n > 490);
	CHECK(!strncmp(ask_with(&q, NULL, DNS_STREAM_SIZE), "ok = A 10.42.1.0; ", 18));
	CHECK(message[7] == 200 && message_n == 12 + 28 + 4 + 200 * 16);
	q = question(DNS_SRV, "_p._tcp.many.big.svc.cluster.local");
	q.edns = true;
	CHECK(!strncmp(ask_with(&q, NULL, 1232), "ok TC = SRV", 11));
	ask_with(&q, NULL, DNS_STREAM_SIZE);
	CHECK(!(message[2] & 2) && message[7] == 200 && message[11] == 201);
}

UNIT_MAIN("dns_answer")
