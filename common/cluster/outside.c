/* Reads the ports of Services. */
#include "cluster/outside.h"

#include <string.h>
#include <unistd.h>

#include "world/enter.h"

bool outside_is_served(const char *protocol)
{
	return strcmp(protocol, "SCTP") != 0 || access(ENTER_SOCKET, F_OK) < 0;
}

static void print_port(const struct json *j, const struct json_node *port, const char *key,
	const char *address, struct buf *out)
{
	char protocol[8];
	int64_t n = 0;

	if (json_string(j, json_get(j, port, "protocol"), protocol, sizeof protocol, NULL) < 0)
		return;
	json_int(j, json_get(j, port, key), &n);
	if (n > 0 && outside_is_served(protocol))
		buf_printf(out, "%s%s:%lld/%s", out->len ? "," : "", address, (long long)n,
			protocol);
}

void outside_print(const struct json *j, const struct json_node *service, const char *address,
	struct buf *out)
{
	const struct json_node *p = json_first(j, json_path(j, service, "spec.ports"));
	bool balanced = json_is(j, json_path(j, service, "spec.type"), "LoadBalancer");

	for (; p; p = json_next(j, p)) {
		if (balanced) print_port(j, p, "port", address, out);
		print_port(j, p, "nodePort", address, out);
	}
}
