#include "netd/dns.h"

#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <string.h>
#include <sys/epoll.h>
#include <unistd.h>

#include "base/err.h"
#include "base/json.h"
#include "unit.h"

static const unsigned char query[] = { 0x12, 0x34, 1, 0, 0, 1, 0, 0, 0, 0, 0, 0,
	3, 'w', 'w', 'w', 2, 'k', '8', 0, 0, 1, 0, 1 };

static struct dns d;
static struct picker picker;
static int client;

static int bind_any(struct sockaddr_in *a)
{
	socklen_t n = sizeof *a;
	int fd = socket(AF_INET, SOCK_DGRAM, 0);

	*a = (struct sockaddr_in){ .sin_family = AF_INET,
		.sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
	CHECK(!bind(fd, (struct sockaddr *)a, n) && !getsockname(fd, (struct sockaddr *)a, &n));
	return fd;
}

/* A DNS server without a broker: every question that is passed on fails at once. */
static void start(void)
{
	struct sockaddr_in a;
	int fd = bind_any(&a);

	client = socket(AF_INET, SOCK_DGRAM, 0);
	CHECK(!connect(client, (struct sockaddr *)&a, sizeof a));
	d = (struct dns){ .servers = { { 4, { 127, 0, 0, 1 } } }, .server_n = 1 };
	dns_init(&d, epoll_create1(0), -1);
	CHECK(!dns_listen(&d, fd));
}

static void stop(void)
{
	close(d.epoll), close(d.fd[0]), close(client);
}

TEST(a_question_that_cannot_be_passed_on_is_answered_with_servfail)
{
	unsigned char m[64];

	start();
	CHECK(send(client, "garbage", 7, 0) == 7 && send(client, "", 0, 0) == 0);
	CHECK(send(client, query, sizeof query, 0) == sizeof query);
	dns_on_clients(&d, 0, 0);
	CHECK(d.dropped == 2 && !d.used);
	CHECK(recv(client, m, sizeof m, MSG_DONTWAIT) == sizeof query);
	CHECK(dns_message_answers(m, sizeof query, query, sizeof query) && (m[3] & 15) == 2);
	CHECK(dns_settle(&d, 0) == -1);
	dns_on_answer(&d, 0);            /* stale events */
	dns_on_answer(&d, DNS_QUERIES + 5);
	dns_on_clients(&d, 1, 0);
	stop();
}

TEST(the_clusters_names_are_answered_here)
{
	unsigned char m[512];

	start();
	d.zone = (struct dns_zone){ .domain = "k8", .services = services_new() };
	dns_name_parse(&d.zone.name, "k8", 2);
	send(client, query, sizeof query, 0);
	dns_on_clients(&d, 0, 0);         /* nothing is known yet */
	CHECK(recv(client, m, sizeof m, MSG_DONTWAIT) == sizeof query && (m[3] & 15) == 2);
	for (int kind = 0; kind < SERVICE_KINDS; kind++) {
		services_begin(d.zone.services, (enum service_kind)kind);
		services_sweep(d.zone.services, (enum service_kind)kind);
	}
	send(client, query, sizeof query, 0);
	dns_on_clients(&d, 0, 0);
	CHECK(recv(client, m, sizeof m, MSG_DONTWAIT) > (ssize_t)sizeof query);
	CHECK((m[3] & 15) == 3 && m[9] == 1);
	services_free(d.zone.services);
	stop();
}

static void add(const char *text)
{
	_cleanup_json_ struct json j = {0};
	struct err e = {0};

	CHECK(!json_parse(&j, text, strlen(text)));
	if (json_get(&j, json_root(&j), "endpoints"))
		services_put_slice(d.zone.services, service_slice_parse(&j, json_root(&j), &e));
	else services_put_service(d.zone.services, service_parse(&j, json_root(&j), &e));
}

/* Asks at the Service's address; what the client gets. */
static ssize_t ask_cluster(unsigned char *m, size_t size)
{
	send(client, query, sizeof query, 0);
	dns_on_clients(&d, DNS_CLUSTER, 0);
	return recv(client, m, size, MSG_DONTWAIT);
}

TEST(a_service_with_a_ready_endpoint_gets_what_is_asked_at_its_address)
{
	struct sockaddr_in a, from;
	unsigned char m[512];
	char slice[512];
	socklen_t n = sizeof from;

	start();
	CHECK(!dns_listen(&d, dup(d.fd[0])));
	d.zone = (struct dns_zone){ .domain = "k8", .server = { 4, { 10, 43, 0, 10 } },
		.services = services_new() };
	dns_name_parse(&d.zone.name, "k8", 2);
	picker = (struct picker){ .services = d.zone.services };
	d.picker = &picker;
	add("{\"metadata\":{\"namespace\":\"kube-system\",\"name\":\"kube-dns\"},\"spec\":{"
		"\"clusterIP\":\"10.43.0.10\",\"clusterIPs\":[\"10.43.0.10\"],\"ports\":["
		"{\"name\":\"dns\",\"port\":53,\"protocol\":\"UDP\"}]}}");
	CHECK(ask_cluster(m, sizeof m) == sizeof query && (m[3] & 15) == 2);
	int coredns = bind_any(&a);
	snprintf(slice, sizeof slice, "{\"metadata\":{\"namespace\":\"kube-system\",\"name\":\"s\","
		"\"labels\":{\"kubernetes.io/service-name\":\"kube-dns\"}},\"addressType\":\"IPv4\","
		"\"ports\":[{\"name\":\"dns\",\"port\":%d,\"protocol\":\"UDP\"}],\"endpoints\":["
		"{\"addresses\":[\"127.0.0.1\"]}]}", ntohs(a.sin_port));
	add(slice);
	CHECK(ask_cluster(m, sizeof m) < 0 && d.used == 1);
	CHECK(recvfrom(coredns, m, sizeof m, MSG_DONTWAIT, (struct sockaddr *)&from, &n)
		== sizeof query);
	m[2] |= 0x80;
	sendto(coredns, m, sizeof query, 0, (struct sockaddr *)&from, n);
	dns_on_answer(&d, 0);
	CHECK(recv(client, m, sizeof m, MSG_DONTWAIT) == sizeof query && !(m[3] & 15) && !d.used);
	CHECK(ask_cluster(m, sizeof m) < 0 && dns_settle(&d, 0) == DNS_TIMEOUT_MS);
	dns_settle(&d, DNS_TIMEOUT_MS);
	CHECK(recv(client, m, sizeof m, MSG_DONTWAIT) == sizeof query && (m[3] & 15) == 2);
	close(coredns), close(d.fd[1]);
	services_free(d.zone.services);
	stop();
}

UNIT_MAIN("dns")
