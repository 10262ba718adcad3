/* Fuzz target: a DNS message as a question, which is answered from a store, and as an answer. */
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/err.h"
#include "base/json.h"
#include "netd/dns_answer.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static const char *const objects[] = {
	"{\"metadata\":{\"namespace\":\"a\",\"name\":\"b\"},\"spec\":{\"clusterIPs\":[\"10.3.0.1\"],"
	"\"clusterIP\":\"10.3.0.1\",\"ports\":[{\"name\":\"p\",\"port\":443}]}}",
	"{\"metadata\":{\"namespace\":\"a\",\"name\":\"h\"},\"spec\":{\"clusterIPs\":[\"None\"],"
	"\"clusterIP\":\"None\",\"ports\":[{\"name\":\"p\",\"port\":443}]}}",
	"{\"metadata\":{\"namespace\":\"a\",\"name\":\"x\"},\"spec\":{\"type\":\"ExternalName\","
	"\"externalName\":\"www.k8\"}}",
	"{\"metadata\":{\"namespace\":\"a\",\"name\":\"h-1\",\"labels\":{"
	"\"kubernetes.io/service-name\":\"h\"}},\"addressType\":\"IPv4\",\"ports\":[{\"name\":\"p\","
	"\"port\":1}],\"endpoints\":[{\"addresses\":[\"10.3.1.2\"],\"hostname\":\"n\"},"
	"{\"addresses\":[\"10.3.1.3\"]}]}",
};

static struct cidr network;
static struct dns_zone zone = { .domain = "c", .networks = &network, .network_n = 1,
	.server = { 4, { 10, 3, 0, 10 } } };

static void fill(void)
{
	zone.services = services_new();
	for (int kind = 0; kind < 2; kind++) {
		services_begin(zone.services, (enum service_kind)kind);
		services_sweep(zone.services, (enum service_kind)kind);
	}
	for (size_t i = 0; i < sizeof objects / sizeof *objects; i++) {
		struct json j = {0};
		struct err e = {0};
		if (json_parse(&j, objects[i], strlen(objects[i]))) abort();
		if (i == 3) services_put_slice(zone.services, service_slice_parse(&j, json_root(&j), &e));
		else services_put_service(zone.services, service_parse(&j, json_root(&j), &e));
		json_free(&j);
	}
	dns_name_parse(&zone.name, "c", 1);
	cidr_parse(&network, "10.3.0.0/20", 11);
}

static void check_message(const uint8_t *data, size_t size)
{
	size_t n = dns_message_question(data, size);
	unsigned char *answer = malloc(size + 1);

	if (!answer) abort();
	memcpy(answer, data, size);
	if (n > size || n > DNS_QUESTION || (n && n < 17)) abort();
	if (dns_message_answers(data, size, data, n)) abort();   /* a question is not its answer */
	if (n) {
		answer[2] |= 0x80;
		if (!dns_message_answers(answer, size, data, n) || dns_message_question(answer, size))
			abort();
		if (dns_message_answers(answer, n - 1, data, n)) abort();
	}
	free(answer);
}

/* What is sent must be whole, and must answer the question. */
static void check_answer(const uint8_t *data, size_t size, const unsigned char *m, size_t n)
{
	struct dns_reader r;
	struct dns_record record;

	if (!dns_message_answers(m, n, data, dns_message_question(data, size))) abort();
	dns_reader_begin(&r, m, n);
	r.left = (unsigned)(m[7] + m[9] + m[11]);
	while (dns_reader_next(&r, &record)) ;
	if (r.at != n) abort();
}

static void read_all(const uint8_t *data, size_t size)
{
	struct dns_reader r;
	struct dns_record record;
	struct dns_name name;

	dns_reader_begin(&r, data, size);
	while (dns_reader_next(&r, &record)) {
		size_t at = record.data;
		if (record.data + record.data_n > size) abort();
		dns_message_name(data, size, &at, &name);
		if (at > size) abort();
	}
}

static void ask(const uint8_t *data, size_t size)
{
	unsigned char *m = malloc(DNS_EDNS_SIZE);
	struct dns_asked q;
	struct dns_name external;

	if (!m) abort();
	if (dns_message_read(data, size, &q) && dns_answer_is_ours(&zone, &q)) {
		size_t n = dns_answer(&zone, &q, NULL, m, q.udp_size, &external);
		if (n > q.udp_size) abort();
		if (n) check_answer(data, size, m, n);
	}
	/* The same bytes as an answer about www.k8. */
	memset(&q, 0, sizeof q);
	q.type = size % 2 ? DNS_A : DNS_AAAA;
	q.class = DNS_CLASS_IN;
	dns_name_parse(&q.name, "x.a.svc.c", 9);
	size_t n = dns_answer(&zone, &q, &(struct dns_outside){ data, size }, m, 512, &external);
	if (!n || n > 512) abort();
	free(m);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	if (!zone.services) fill();
	check_message(data, size);
	read_all(data, size);
	ask(data, size);
	return 0;
}
