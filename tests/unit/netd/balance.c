/* Which endpoints take connections: the cases of kubernetes pkg/proxy/topology_test.go. */
#include "netd/balance.h"

#include <stdlib.h>

#include "unit.h"

enum { MOST = 4, HINTS = 4 };

/* policy: i internalTrafficPolicy Local, e externalTrafficPolicy Local, x reached from outside.
 * An endpoint: r ready, s serving, t terminating, l on this node; zones and @nodes of its hints.
 * The lists are indexes into the endpoints. */
static const struct vector {
	const char *name, *policy, *node, *zone, *endpoints[MOST], *cluster, *local;
	bool any;
} vectors[] = {
	{ "should use topology since all endpoints have hints and one is for the zone",
		"", "", "zone-a", { "r zone-a", "r zone-b", "r zone-c", "r zone-a" }, "03", "", true },
	{ "externalTrafficPolicy: Local, topology ignored for Local endpoints",
		"ex", "", "zone-a", { "rl zone-a", "rl zone-b", "r zone-c", "r zone-a" }, "03", "01", true },
	{ "internalTrafficPolicy: Local, topology ignored for Local endpoints",
		"ix", "", "zone-a", { "rl zone-a", "rl zone-b", "r zone-c", "r zone-a" }, "03", "01", true },
	{ "empty node labels",
		"", "", "", { "r zone-a" }, "0", "", true },
	{ "empty zone label",
		"", "", "", { "r zone-a" }, "0", "", true },
	{ "node in different zone, no endpoint filtering",
		"", "", "zone-b", { "r zone-a" }, "0", "", true },
	{ "unready endpoint",
		"", "", "zone-a", { "r zone-a", "r zone-b", "r zone-c", " zone-a" }, "0", "", true },
	{ "only unready endpoints in same zone (should not filter)",
		"", "", "zone-a", { " zone-a", "r zone-b", "r zone-c", " zone-a" }, "12", "", true },
	{ "missing hints, no filtering applied",
		"", "", "zone-a", { "r zone-a", "r zone-b", "r", "r zone-a" }, "0123", "", true },
	{ "multiple hints per endpoint, filtering includes any endpoint with zone included",
		"", "", "zone-c", { "r zone-a zone-b zone-c", "r zone-b zone-c", "r zone-b zone-d", "r zone-c" }, "013", "", true },
	{ "PreferSameNode available",
		"", "node-1", "zone-a", { "r zone-a @node-1", "r zone-b @node-2", "r zone-c @node-3", "r zone-a @node-4" }, "0", "", true },
	{ "PreferSameNode ignored if some endpoints unhinted",
		"", "node-1", "zone-a", { "r zone-a @node-1", "r", "r zone-c @node-3", "r zone-a @node-4" }, "0123", "", true },
	{ "PreferSameNode falls back to PreferSameZone if no endpoint for node",
		"", "node-0", "zone-a", { "r zone-a @node-1", "r zone-b @node-2", "r zone-c @node-3", "r zone-a @node-4" }, "03", "", true },
	{ "conflicting topology and localness require merging allEndpoints",
		"ex", "", "zone-a", { "rl zone-a", "rl zone-b", "r zone-a", "r zone-b" }, "02", "01", true },
	{ "internalTrafficPolicy: Local, with empty endpoints",
		"i", "", "", { NULL }, "", "", false },
	{ "internalTrafficPolicy: Local, but all endpoints are remote",
		"i", "", "", { "r", "r" }, "", "", true },
	{ "internalTrafficPolicy: Local, all endpoints are local",
		"i", "", "", { "rl", "rl" }, "", "01", true },
	{ "internalTrafficPolicy: Local, some endpoints are local",
		"i", "", "", { "rl", "r" }, "", "0", true },
	{ "Cluster traffic policy, endpoints not Ready",
		"", "", "", { "", "" }, "", "", false },
	{ "Cluster traffic policy, some endpoints are Ready",
		"", "", "", { "", "r" }, "1", "", true },
	{ "Cluster traffic policy, all endpoints are terminating",
		"", "", "", { "stl", "st" }, "01", "", true },
	{ "iTP: Local, eTP: Cluster, some endpoints local",
		"ix", "", "", { "rl", "r" }, "01", "0", true },
	{ "iTP: Cluster, eTP: Local, some endpoints local",
		"ex", "", "", { "rl", "r" }, "01", "0", true },
	{ "iTP: Local, eTP: Local, some endpoints local",
		"iex", "", "", { "rl", "r" }, "01", "0", true },
	{ "iTP: Local, eTP: Local, all endpoints remote",
		"iex", "", "", { "r", "r" }, "01", "", true },
	{ "iTP: Local, eTP: Local, all endpoints remote and terminating",
		"iex", "", "", { "st", "st" }, "01", "", true },
	{ "iTP: Cluster, eTP: Local, with terminating endpoints",
		"ex", "", "", { "r", "l", "stl", "st" }, "0", "2", true },
	{ "externalTrafficPolicy ignored if not externally accessible",
		"e", "", "", { "r", "rl" }, "01", "", true },
	{ "no cluster endpoints for iTP:Local internal-only service",
		"i", "", "", { "r", "rl" }, "", "1", true },
	{ "empty endpoints when no service endpoints exist",
		"", "", "", { NULL }, "", "", false },
	{ "single endpoint not ready, not serving, not terminating",
		"", "", "zone-a", { "" }, "", "", false },
};

struct text_hints {
	struct service_hints h;
	const char *zones[HINTS], *nodes[HINTS];
	char text[64];
};

static void parse(const char *s, const char *node, struct service_endpoint *e, struct text_hints *h)
{
	size_t zone_n = 0, node_n = 0;

	*e = (struct service_endpoint){ .hostname = "", .node = "another", .zone = "",
		.hints = &h->h };
	*h = (struct text_hints){ .h = { h->zones, h->nodes } };
	for (; *s && *s != ' '; s++) {
		if (*s == 'l') e->node = node;
		e->conditions |= *s == 'r' ? SERVICE_READY : *s == 's' ? SERVICE_SERVING
			: *s == 't' ? SERVICE_TERMINATING : 0;
	}
	strcpy(h->text, s);
	for (char *w = strtok(h->text, " "); w; w = strtok(NULL, " "))
		if (*w == '@') h->nodes[node_n++] = w + 1;
		else h->zones[zone_n++] = w;
	if (!zone_n && !node_n) e->hints = NULL;
}

static void list(const struct balance_backend *v, size_t n, enum balance_use use, char *out)
{
	for (size_t i = 0; i < n; i++)
		if (v[i].use & use) *out++ = (char)('0' + i);
	*out = 0;
}

static const char *check(const struct vector *c)
{
	struct service_endpoint e[MOST];
	struct text_hints hints[MOST];
	struct balance_backend b[MOST];
	const struct balance_policy p = { strchr(c->policy, 'i') != NULL,
		strchr(c->policy, 'e') != NULL, strchr(c->policy, 'x') != NULL,
		*c->node ? c->node : "self", c->zone };
	char cluster[MOST + 1], local[MOST + 1];
	size_t n = 0;

	for (; n < MOST && c->endpoints[n]; n++) {
		parse(c->endpoints[n], p.node, &e[n], &hints[n]);
		b[n] = (struct balance_backend){ &e[n], 80, 0xff };
	}
	bool any = balance_categorize(b, n, &p);
	list(b, n, BALANCE_CLUSTER, cluster);
	list(b, n, BALANCE_LOCAL, local);
	return strcmp(cluster, c->cluster) || strcmp(local, c->local) || any != c->any ? c->name
		: "";
}

TEST(upstreams_cases)
{
	for (size_t i = 0; i < sizeof vectors / sizeof *vectors; i++)
		CHECK_STR(check(&vectors[i]), "");
}

UNIT_MAIN("balance")
