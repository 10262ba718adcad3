/* Health checks: what is counted, and the answers. */
#include "netd/health.h"

#include <stdlib.h>

#include "base/err.h"
#include "base/json.h"
#include "unit.h"

static struct services *s;

static void put(const char *text, bool slice)
{
	struct json j = {0};
	struct err e = {0};

	CHECK(!json_parse(&j, text, strlen(text)));
	if (slice) services_put_slice(s, service_slice_parse(&j, json_root(&j), &e));
	else services_put_service(s, service_parse(&j, json_root(&j), &e));
	json_free(&j);
}

#define SERVICE(policy) "{\"metadata\":{\"namespace\":\"d\",\"name\":\"web\"},\"spec\":{\"type\":" \
	"\"LoadBalancer\",\"clusterIP\":\"10.43.0.9\",\"externalTrafficPolicy\":\"" policy "\"," \
	"\"healthCheckNodePort\":32000,\"ports\":[{\"port\":80}]}}"
#define SLICE(name, endpoints) "{\"metadata\":{\"namespace\":\"d\",\"name\":\"" name "\",\"labels\":" \
	"{\"kubernetes.io/service-name\":\"web\"}},\"addressType\":\"IPv4\",\"ports\":[{\"port\":80}]," \
	"\"endpoints\":[" endpoints "]}"
#define ENDPOINT(address, node, ready) "{\"addresses\":[\"" address "\"],\"nodeName\":\"" node "\"," \
	"\"conditions\":{\"ready\":" ready "}}"

static const char *ask(uint16_t port, const char *request)
{
	static struct buf b;

	buf_reset(&b);
	health_answer(s, port, request, strlen(request), 1000000000, &b);
	return b.data;
}

#define GET "GET /healthz HTTP/1.1\r\n\r\n"

TEST(a_service_answers_with_its_endpoints_on_this_node)
{
	s = services_new();
	put(SERVICE("Local"), false);
	CHECK_STR(ask(32000, GET), "HTTP/1.1 503 Service Unavailable\r\n"
		"Content-Type: application/json\r\nX-Content-Type-Options: nosniff\r\n"
		"X-Load-Balancing-Endpoint-Weight: 0\r\nContent-Length: 108\r\nConnection: close\r\n\r\n"
		"{\n\t\"service\": {\n\t\t\"namespace\": \"d\",\n\t\t\"name\": \"web\"\n\t},\n"
		"\t\"localEndpoints\": 0,\n\t\"serviceProxyHealthy\": true\n}");
	put(SLICE("a", ENDPOINT("10.42.0.5", "n", "true") "," ENDPOINT("10.42.0.6", "n", "false") ","
		ENDPOINT("10.42.1.7", "other", "true") "," ENDPOINT("10.42.0.8", "n", "true")), true);
	put(SLICE("b", ENDPOINT("10.42.0.5", "n", "true")), true);
	CHECK(strstr(ask(32000, GET), "localEndpoints\": 0"));   /* the node's name is not known */
	services_set_node(s, "n", "", true);
	CHECK(!strncmp(ask(32000, GET), "HTTP/1.1 200 OK\r\n", 17));
	CHECK(strstr(ask(32000, GET), "Weight: 2\r\n") && strstr(ask(32000, GET), "Endpoints\": 2,"));
	CHECK(!strncmp(ask(32001, GET), "HTTP/1.1 404", 12));
	put(SERVICE("Cluster"), false);
	CHECK(!strncmp(ask(32000, GET), "HTTP/1.1 404", 12));
	services_free(s);
}

TEST(the_proxy_answers)
{
	s = services_new();
	CHECK(!strncmp(ask(HEALTH_PORT, GET), "HTTP/1.1 503", 12));
	CHECK(!strncmp(ask(HEALTH_PORT, "GET /livez HTTP/1.1\r\n\r\n"), "HTTP/1.1 200", 12));
	CHECK(!strstr(ask(HEALTH_PORT, "GET /livez?x HTTP/1.1\r\n\r\n"), "nodeEligible"));
	services_set_node(s, "n", "", true);
	CHECK(!strncmp(ask(HEALTH_PORT, GET), "HTTP/1.1 200", 12));
	CHECK(strstr(ask(HEALTH_PORT, GET), "\r\n\r\n{\"lastUpdated\":\"2001-09-09T01:46:40Z\","
		"\"currentTime\":\"2001-09-09T01:46:40Z\",\"nodeEligible\":true,\"healthy\":true,"
		"\"status\":{\"IPv4\":{\"lastUpdated\":\"2001-09-09T01:46:40Z\",\"healthy\":true}}}"));
	services_set_node(s, "n", "", false);
	CHECK(strstr(ask(HEALTH_PORT, GET), "503 ") && strstr(ask(HEALTH_PORT, GET), ":false"));
	const char *head = ask(HEALTH_PORT, "HEAD /healthz HTTP/1.1\r\n\r\n");
	CHECK(!strcmp(head + strlen(head) - 4, "\r\n\r\n"));
	for (const char *bad = GET; *bad; bad++) CHECK(!strncmp(ask(HEALTH_PORT, bad), "HTTP/1.1 ", 9));
	services_free(s);
}

UNIT_MAIN("health")
