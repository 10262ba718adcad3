/* The store of Services: what is read from JSON, look-ups, and what happens when objects change. */
#include "netd/services.h"

#include <stdlib.h>

#include "base/err.h"
#include "base/json.h"
#include "unit.h"

static struct services *s;
static struct err why;

static struct ip ip(const char *text)
{
	struct ip a = {0};
	ip_parse(&a, text, strlen(text));
	return a;
}

static bool put_service(const char *text)
{
	struct json j = {0};

	why = (struct err){0};
	struct service_object *o = json_parse(&j, text, strlen(text)) ? NULL
		: service_parse(&j, json_root(&j), &why);
	json_free(&j);
	if (o) services_put_service(s, o);
	return o;
}

static bool put_slice(const char *text)
{
	struct json j = {0};

	why = (struct err){0};
	struct service_slice *o = json_parse(&j, text, strlen(text)) ? NULL
		: service_slice_parse(&j, json_root(&j), &why);
	json_free(&j);
	if (o) services_put_slice(s, o);
	return o;
}

#define WEB "{\"metadata\":{\"namespace\":\"d\",\"name\":\"web\"},\"spec\":{\"type\":\"NodePort\"," \
	"\"clusterIP\":\"10.43.0.9\",\"clusterIPs\":[\"10.43.0.9\",\"fd00::9\"],\"externalIPs\":" \
	"[\"192.0.2.1\"],\"ports\":[{\"name\":\"http\",\"port\":80,\"nodePort\":30080},{\"name\":" \
	"\"dns\",\"port\":53,\"protocol\":\"UDP\"}]},\"status\":{\"loadBalancer\":{\"ingress\":" \
	"[{\"hostname\":\"x\"},{\"ip\":\"192.0.2.2\"}]}}}"
#define SLICE(name, service, ports, endpoints) "{\"metadata\":{\"namespace\":\"d\",\"name\":\"" name \
	"\",\"labels\":{\"kubernetes.io/service-name\":\"" service "\"}},\"addressType\":\"IPv4\"," \
	"\"ports\":[" ports "],\"endpoints\":[" endpoints "]}"
#define HTTP(port) "{\"name\":\"http\",\"port\":" #port "}"

static const struct service_front *front(const char *address, uint16_t port,
	enum service_protocol protocol)
{
	const struct endpoint at = { ip(address), port };
	return services_at(s, &at, protocol);
}

/* "10.42.0.5:8080 …" */
static const char *backends(const char *address, uint16_t port)
{
	static char text[512];
	const struct service_front *f = front(address, port, SERVICE_TCP);
	char a[IP_TEXT];

	*text = 0;
	if (!f) return "no front";
	const struct service_backends *b = service_backends(s, f, ip(address).len);
	for (uint32_t i = 0; i < b->n; i++) {
		ip_format(&b->v[i].endpoint->address, a);
		sprintf(text + strlen(text), "%s%s:%u%s", i ? " " : "", a, b->v[i].port,
			b->v[i].use ? "" : "(not used)");
	}
	return text;
}

static void begin(void)
{
	if (s) services_free(s);
	s = services_new();
}

TEST(a_service_is_read)
{
	begin();
	CHECK(put_service(WEB));
	const struct service_object *o = service_object(services_find(s, "d", 1, "web", 3));
	CHECK(o->type == SERVICE_NODE_PORT && !o->headless && !o->foreign && !o->affinity_s);
	CHECK(o->port_n == 2 && o->ports[1].protocol == SERVICE_UDP && o->ports[0].node_port == 30080);
	CHECK(o->external_n == 1 && o->ingress_n == 1);
	CHECK(!services_find(s, "d", 1, "webs", 4) && !services_find(s, "dd", 2, "web", 3));
	CHECK(services_has_namespace(s, "d", 1) && !services_has_namespace(s, "e", 1));
}

TEST(each_of_its_addresses_is_a_front)
{
	begin();
	CHECK(put_service(WEB));
	CHECK(front("10.43.0.9", 80, SERVICE_TCP)->kind == SERVICE_FRONT_CLUSTER);
	CHECK(front("fd00::9", 80, SERVICE_TCP)->kind == SERVICE_FRONT_CLUSTER);
	CHECK(front("10.43.0.9", 53, SERVICE_UDP)->port == 1);
	CHECK(!front("10.43.0.9", 53, SERVICE_TCP) && !front("10.43.0.9", 81, SERVICE_TCP));
	CHECK(front("192.0.2.1", 80, SERVICE_TCP)->kind == SERVICE_FRONT_EXTERNAL);
	CHECK(front("192.0.2.2", 80, SERVICE_TCP)->kind == SERVICE_FRONT_EXTERNAL);
	CHECK(front("", 30080, SERVICE_TCP)->kind == SERVICE_FRONT_NODE);
	CHECK(!front("10.43.0.9", 0, SERVICE_TCP));
	const struct ip own = ip("10.43.0.9"), other = ip("10.43.0.8");
	CHECK(services_with_cluster_ip(s, &own) && !services_with_cluster_ip(s, &other));
}

TEST(services_without_a_proxy_have_none)
{
	begin();
	CHECK(put_service("{\"metadata\":{\"namespace\":\"d\",\"name\":\"h\"},\"spec\":{\"clusterIP\":\"None\","
		"\"ports\":[{\"port\":80,\"nodePort\":30081}]}}"));
	CHECK(put_service("{\"metadata\":{\"namespace\":\"d\",\"name\":\"e\"},\"spec\":{\"type\":\"ExternalName\","
		"\"externalName\":\"a.example\",\"ports\":[{\"port\":80,\"nodePort\":30082}]}}"));
	CHECK(put_service("{\"metadata\":{\"namespace\":\"d\",\"name\":\"f\",\"labels\":{"
		"\"service.kubernetes.io/service-proxy-name\":\"x\"}},\"spec\":{\"clusterIP\":\"10.43.0.7\","
		"\"ports\":[{\"port\":80}]}}"));
	CHECK(!services_front(s, 0));
	CHECK(service_object(services_find(s, "d", 1, "h", 1))->headless);
	CHECK_STR(service_object(services_find(s, "d", 1, "e", 1))->external_name, "a.example");
}

TEST(slices_are_joined_by_the_name_of_the_port)
{
	begin();
	CHECK(put_slice(SLICE("s1", "web", HTTP(8080), "{\"addresses\":[\"10.42.0.5\"],\"hostname\":\"h\"},"
		"{\"addresses\":[\"10.42.0.4\"],\"conditions\":{\"ready\":false}}")));
	CHECK(put_service(WEB));
	CHECK(put_slice(SLICE("s2", "web", "{\"name\":\"other\",\"port\":1}," HTTP(9090),
		"{\"addresses\":[\"10.42.0.6\"]}")));
	CHECK_STR(backends("10.43.0.9", 80), "10.42.0.4:8080(not used) 10.42.0.5:8080 10.42.0.6:9090");
	CHECK_STR(backends("fd00::9", 80), "");
	/* the same endpoint in two slices, once terminating */
	CHECK(put_slice(SLICE("s3", "web", HTTP(8080), "{\"addresses\":[\"10.42.0.5\"],\"conditions\":"
		"{\"ready\":false,\"serving\":true,\"terminating\":true}}")));
	CHECK_STR(backends("10.43.0.9", 80), "10.42.0.4:8080(not used) 10.42.0.5:8080 10.42.0.6:9090");
	const struct service_endpoint *e;
	const struct ip a = ip("10.42.0.5");
	const struct service *svc = services_with_endpoint(s, &a, 0, &e);
	CHECK(svc && services_with_endpoint(s, &a, 1, &e) == svc);
	CHECK(!services_with_endpoint(s, &a, 2, &e));
	CHECK(service_slice(svc, 2) && !service_slice(svc, 3));
}

TEST(a_new_version_replaces_the_old_one)
{
	begin();
	CHECK(put_service(WEB) && put_slice(SLICE("s1", "web", HTTP(8080), "{\"addresses\":[\"10.42.0.5\"]}")));
	CHECK_STR(backends("10.43.0.9", 80), "10.42.0.5:8080");
	uint64_t version = services_version(s);
	CHECK(put_slice(SLICE("s1", "web", HTTP(8081), "{\"addresses\":[\"10.42.0.6\"]}")));
	CHECK(services_version(s) != version);
	CHECK_STR(backends("10.43.0.9", 80), "10.42.0.6:8081");
	CHECK(put_slice(SLICE("s1", "web2", HTTP(8081), "{\"addresses\":[\"10.42.0.6\"]}")));
	CHECK_STR(backends("10.43.0.9", 80), "");
	services_remove(s, SERVICE_KIND_SERVICE, "d", "web");
	CHECK_STR(backends("10.43.0.9", 80), "no front");
	services_remove(s, SERVICE_KIND_SERVICE, "d", "web");
	services_remove(s, SERVICE_KIND_SLICE, "d", "s1");
}

TEST(a_list_replaces_what_it_does_not_name)
{
	begin();
	CHECK(put_service(WEB) && put_slice(SLICE("s1", "web", HTTP(1), "{\"addresses\":[\"10.42.0.5\"]}")));
	CHECK(put_slice(SLICE("s2", "web", HTTP(1), "{\"addresses\":[\"10.42.0.6\"]}")));
	CHECK(!services_complete(s));
	services_begin(s, SERVICE_KIND_SLICE);
	CHECK_STR(backends("10.43.0.9", 80), "10.42.0.5:1 10.42.0.6:1");
	CHECK(put_slice(SLICE("s2", "web", HTTP(1), "{\"addresses\":[\"10.42.0.7\"]}")));
	services_sweep(s, SERVICE_KIND_SLICE);
	CHECK_STR(backends("10.43.0.9", 80), "10.42.0.7:1");
	services_begin(s, SERVICE_KIND_SERVICE);
	services_sweep(s, SERVICE_KIND_SERVICE);
	CHECK(services_complete(s) && !services_front(s, 0) && !services_find(s, "d", 1, "web", 3));
}

TEST(the_nodes_zone_counts)
{
	begin();
	CHECK(put_service(WEB));
	CHECK(put_slice(SLICE("s1", "web", HTTP(1), "{\"addresses\":[\"10.42.0.5\"],\"hints\":{\"forZones\":[{\"name\":\"a\"}]}},"
		"{\"addresses\":[\"10.42.0.6\"],\"hints\":{\"forZones\":[{\"name\":\"b\"}]}}")));
	CHECK_STR(backends("10.43.0.9", 80), "10.42.0.5:1 10.42.0.6:1");
	services_set_node(s, "n", "b", true);
	CHECK_STR(backends("10.43.0.9", 80), "10.42.0.5:1(not used) 10.42.0.6:1");
}

TEST(what_is_not_valid_is_left_out_as_a_whole)
{
	static const char *const bad[] = {
		"{}", "[]", "{\"metadata\":{\"name\":\"x\"}}",
		"{\"metadata\":{\"namespace\":\"d\",\"name\":\"x/y\"}}",
		"{\"metadata\":{\"namespace\":\"d\",\"name\":\"x\"},\"spec\":{\"type\":\"Other\"}}",
		"{\"metadata\":{\"namespace\":\"d\",\"name\":\"x\"},\"spec\":{\"ports\":[{\"port\":0}]}}",
		"{\"metadata\":{\"namespace\":\"d\",\"name\":\"x\"},\"spec\":{\"ports\":[{\"port\":99999}]}}",
		"{\"metadata\":{\"namespace\":\"d\",\"name\":\"x\"},\"spec\":{\"ports\":[{\"port\":1,\"protocol\":\"IP\"}]}}",
		"{\"metadata\":{\"namespace\":\"d\",\"name\":\"x\"},\"spec\":{\"externalName\":\"a b\"}}",
	};

	begin();
	for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) CHECK(!put_service(bad[i]) && *why.text);
	CHECK(!strcmp(why.text, "Service d/x: a field has no valid value"));
	CHECK(!put_slice(SLICE("s1", "web", "{\"port\":-1}", "")));
	CHECK(put_slice(SLICE("s1", "web", HTTP(1), "{},1,{\"addresses\":[]},{\"addresses\":[\"fd00::1\"]},{\"addresses\":[\"x\"]}")));
	CHECK(put_service(WEB));
	CHECK_STR(backends("10.43.0.9", 80), "");
}

UNIT_MAIN("services")
