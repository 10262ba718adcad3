/* Where a Service is reached outside. */
#include "cluster/outside.h"

#include "unit.h"

static const char *print(const char *text)
{
	static struct buf b;
	struct json j = {0};

	buf_reset(&b);
	CHECK(!json_parse(&j, text, strlen(text)));
	outside_print(&j, json_root(&j), "192.0.2.1", &b);
	json_free(&j);
	return b.len ? b.data : "";
}

TEST(ports_of_load_balancers_and_node_ports)
{
	CHECK_STR(print("{\"spec\":{\"type\":\"LoadBalancer\",\"ports\":[{\"port\":80,\"protocol\":\"TCP\","
		"\"nodePort\":30080},{\"port\":53,\"protocol\":\"UDP\"}]}}"),
		"192.0.2.1:80/TCP,192.0.2.1:30080/TCP,192.0.2.1:53/UDP");
	CHECK_STR(print("{\"spec\":{\"type\":\"NodePort\",\"ports\":[{\"port\":80,\"protocol\":\"TCP\","
		"\"nodePort\":30080},{\"port\":81,\"protocol\":\"TCP\"}]}}"), "192.0.2.1:30080/TCP");
	CHECK_STR(print("{\"spec\":{\"ports\":[{\"port\":80,\"protocol\":\"TCP\"}]}}"), "");
	CHECK_STR(print("{}"), "");
}

UNIT_MAIN("outside")
