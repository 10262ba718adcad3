/* Adds the route for cluster IPs and removes it. */
#include "plan/fix/service_route.h"

#include <errno.h>
#include <netinet/in.h>
#include <string.h>
#include <sys/socket.h>

#include "base/cleanup.h"
#include "net/netlink.h"
#include "plan/node.h"
#include "plan/ranges.h"

static bool services(const struct plan_options *o, struct cidr *out)
{
	const char *s = k3s_args_value(&o->args, "service-cidr");

	if (!cidr_parse(out, s, strcspn(s, ",")) || out->addr.len != 4) return false;
	out->addr = cidr_network(out);
	return true;
}

bool service_route_exists(const struct plan_options *o)
{
	_cleanup_close_ int fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	struct sockaddr_in to = { .sin_family = AF_INET, .sin_port = htons(443) };
	struct cidr range;

	if (fd < 0 || !services(o, &range)) return true;
	struct ip first = ip_next(&range.addr);
	memcpy(&to.sin_addr, first.b, sizeof to.sin_addr);
	return !connect(fd, (struct sockaddr *)&to, sizeof to) || errno != ENETUNREACH;
}

static int change(const struct plan_options *o, int link,
	int (*fn)(struct nl *nl, const struct nl_route *r))
{
	struct nl_route r = { .index = link, .priority = RANGES_ROUTE_PRIORITY, .scope = -1 };
	struct nl nl;

	if (!link || !services(o, &r.dst)) return -ENODEV;
	int e = nl_open(&nl);
	if (e < 0) return e;
	e = fn(&nl, &r);
	nl_close(&nl);
	return e;
}

int service_route_add(const struct plan_options *o, const struct plan_step *s, struct err *e)
{
	int r = change(o, node_first_link(), nl_route_put);

	(void)s;
	return r < 0 ? err_errno(e, r, "a route for %s", k3s_args_value(&o->args, "service-cidr"))
		: 0;
}

int service_route_remove(const struct plan_options *o, const char *seen, struct err *e)
{
	int r = seen ? change(o, node_first_link(), nl_route_delete) : 0;

	return r < 0 && r != -ESRCH && r != -ENODEV ? err_errno(e, r, "the route for Services") : 0;
}
