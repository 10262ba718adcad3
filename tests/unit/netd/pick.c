/* Which endpoint is picked: by turns, by affinity, by the policy for traffic from outside. */
#include "netd/pick.h"

#include <errno.h>
#include <stdlib.h>

#include "base/json.h"
#include "unit.h"

static struct picker p;

static struct json parse(const char *text)
{
	struct json j = {0};
	if (json_parse(&j, text, strlen(text))) abort();
	return j;
}

/* Service d/s at 10.43.0.9:80, node port 30080; more: of its spec. */
static void service(const char *more)
{
	char text[512];

	snprintf(text, sizeof text, "{\"metadata\":{\"namespace\":\"d\",\"name\":\"s\"},\"spec\":{\"clusterIP\":"
		"\"10.43.0.9\",\"type\":\"NodePort\",\"ports\":[{\"port\":80,\"nodePort\":30080,\"protocol\":\"%s\"}]%s}}",
		"UDP", more);
	struct json j = parse(text);
	services_put_service(p.services, service_parse(&j, json_root(&j), NULL));
	json_free(&j);
}

/* endpoints: JSON */
static void slice(const char *endpoints)
{
	char text[1024];

	snprintf(text, sizeof text, "{\"metadata\":{\"namespace\":\"d\",\"name\":\"s-1\",\"labels\":{"
		"\"kubernetes.io/service-name\":\"s\"}},\"addressType\":\"IPv4\",\"ports\":[{\"port\":1,\"protocol\":"
		"\"UDP\"}],\"endpoints\":[%s]}", endpoints);
	struct json j = parse(text);
	services_put_slice(p.services, service_slice_parse(&j, json_root(&j), NULL));
	json_free(&j);
}

#define A "{\"addresses\":[\"10.42.0.1\"],\"nodeName\":\"n\"}"
#define B "{\"addresses\":[\"10.42.0.2\"],\"nodeName\":\"m\"}"
#define GONE "{\"addresses\":[\"10.42.0.1\"],\"conditions\":{\"ready\":false,\"serving\":false,\"terminating\":true}}"

static const struct endpoint cluster = { { 4, { 10, 43, 0, 9 } }, 80 }, node = { .port = 30080 };

/* The last byte of the picked endpoint, or -errno. */
static int pick(const struct endpoint *at, uint8_t client, bool outside, bool again, int64_t now)
{
	struct pick_request q = { *at, SERVICE_UDP, outside, again, { 4, { 10, 42, 0, client } } };
	struct endpoint to;
	int r = pick_endpoint(&p, &q, now, &to);

	return r < 0 ? r : to.address.b[3];
}

static void begin(const char *spec)
{
	if (p.services) services_free(p.services);
	free(p.affinities);
	p = (struct picker){ .services = services_new() };
	services_set_node(p.services, "n", "", true);
	service(spec);
}

TEST(by_turns)
{
	begin("");
	CHECK(pick(&cluster, 9, false, false, 1) == -ECONNREFUSED);
	slice(A "," B);
	int first = pick(&cluster, 9, false, false, 1), second = pick(&cluster, 9, false, false, 1);
	CHECK(first + second == 3 && pick(&cluster, 9, false, false, 1) == first);
	const struct endpoint other = { cluster.address, 81 };
	CHECK(pick(&other, 9, false, false, 1) == -ENOENT);
}

TEST(session_affinity_ends_with_its_time_or_its_endpoint)
{
	begin(",\"sessionAffinity\":\"ClientIP\",\"sessionAffinityConfig\":{\"clientIP\":{\"timeoutSeconds\":10}}");
	slice(A "," B);
	int own = pick(&cluster, 9, false, false, 1000), other = 3 - own;
	for (int i = 1; i < 10; i++) CHECK(pick(&cluster, 9, false, false, 1000 + i * 10000) == own);
	CHECK(pick(&node, 9, true, false, 100000) == own);
	/* the same client after a failure, and after its time */
	CHECK(pick(&cluster, 9, false, true, 100000) == other);
	CHECK(pick(&cluster, 9, false, false, 100000) == other);
	CHECK(pick(&cluster, 9, false, false, 120000) == own);
	slice(own == 1 ? B : A);
	CHECK(pick(&cluster, 9, false, false, 120001) == other);
}

TEST(policies_for_traffic_from_outside)
{
	begin(",\"externalTrafficPolicy\":\"Local\"");
	slice(A "," B);
	for (int i = 0; i < 3; i++) CHECK(pick(&node, 9, true, false, 1) == 1);
	CHECK(pick(&node, 9, false, false, 1) != pick(&node, 9, false, false, 1));
	slice(B);
	CHECK(pick(&node, 9, true, false, 1) == -ECONNREFUSED && pick(&cluster, 9, false, false, 1) == 2);
}

TEST(flows_of_datagrams_end_when_their_endpoint_does_not_serve)
{
	const struct endpoint one = { { 4, { 10, 42, 0, 1 } }, 1 };

	begin("");
	slice(A "," B);
	CHECK(pick_may_go_on(&p, &cluster, &one));
	slice(GONE "," B);
	CHECK(!pick_may_go_on(&p, &cluster, &one));
	slice(GONE);
	CHECK(pick_may_go_on(&p, &cluster, &one));   /* nothing is better */
	services_remove(p.services, SERVICE_KIND_SERVICE, "d", "s");
	CHECK(!pick_may_go_on(&p, &cluster, &one));
}

UNIT_MAIN("pick")
