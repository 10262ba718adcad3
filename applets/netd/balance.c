/* Which endpoints take connections: ready ones; if none is ready, those that still serve while they
 * terminate; and by the hints for nodes and zones, if all have them. */
#include "netd/balance.h"

#include <string.h>

enum topology { ANYWHERE, SAME_NODE, SAME_ZONE };

static bool is_ready(const struct balance_backend *b)
{
	return b->endpoint->conditions & SERVICE_READY;
}

static bool is_serving_to_its_end(const struct balance_backend *b)
{
	enum { BOTH = SERVICE_SERVING | SERVICE_TERMINATING };
	return (b->endpoint->conditions & BOTH) == BOTH;
}

static bool is_local(const struct balance_backend *b, const struct balance_policy *p)
{
	return *p->node && !strcmp(b->endpoint->node, p->node);
}

static const char *const *hints(const struct balance_backend *b, enum topology by)
{
	static const char *const none[] = { NULL };
	const struct service_hints *h = b->endpoint->hints;

	return !h ? none : by == SAME_NODE ? h->nodes : h->zones;
}

static bool is_hinted(const struct balance_backend *b, enum topology by,
	const struct balance_policy *p)
{
	const char *own = by == SAME_NODE ? p->node : p->zone;

	for (const char *const *h = hints(b, by); *h; h++)
		if (!strcmp(*h, own)) return true;
	return false;
}

/* Do all ready endpoints have hints of this kind, and does one name our node or zone? */
static bool applies(const struct balance_backend *v, size_t n, enum topology by,
	const struct balance_policy *p)
{
	bool found = false;

	for (size_t i = 0; i < n; i++) {
		if (!is_ready(&v[i])) continue;
		if (!*hints(&v[i], by)) return false;
		found |= is_hinted(&v[i], by, p);
	}
	return found;
}

static enum topology choose_topology(const struct balance_backend *v, size_t n,
	const struct balance_policy *p)
{
	return applies(v, n, SAME_NODE, p) ? SAME_NODE : applies(v, n, SAME_ZONE, p) ? SAME_ZONE
		: ANYWHERE;
}

/* Does a Service with this policy use endpoints of that kind at all? */
static bool uses(const struct balance_policy *p, enum balance_use use)
{
	if (use == BALANCE_LOCAL)
		return p->internal_local || (p->external_local && p->exposed);
	/* Whatever the policy for traffic from outside, the cluster's own takes a short cut. */
	return !p->internal_local || p->exposed;
}

static size_t mark_cluster(struct balance_backend *v, size_t n, const struct balance_policy *p)
{
	enum topology by = choose_topology(v, n, p);
	size_t marked = 0;

	for (size_t i = 0; i < n; i++) {
		if (!is_ready(&v[i]) || (by && !is_hinted(&v[i], by, p))) continue;
		v[i].use |= BALANCE_CLUSTER;
		marked++;
	}
	for (size_t i = 0, none = !marked; none && i < n; i++) {
		if (!is_serving_to_its_end(&v[i])) continue;
		v[i].use |= BALANCE_CLUSTER;
		marked++;
	}
	return marked;
}

static void mark_local(struct balance_backend *v, size_t n, const struct balance_policy *p)
{
	size_t marked = 0;

	for (size_t i = 0; i < n; i++) {
		if (!is_local(&v[i], p) || !is_ready(&v[i])) continue;
		v[i].use |= BALANCE_LOCAL;
		marked++;
	}
	for (size_t i = 0; !marked && i < n; i++)
		if (is_local(&v[i], p) && is_serving_to_its_end(&v[i])) v[i].use |= BALANCE_LOCAL;
}

bool balance_categorize(struct balance_backend *v, size_t n, const struct balance_policy *p)
{
	bool any = false;

	for (size_t i = 0; i < n; i++) v[i].use = 0;
	if (uses(p, BALANCE_CLUSTER)) any = mark_cluster(v, n, p) > 0;
	if (!uses(p, BALANCE_LOCAL)) return any;
	mark_local(v, n, p);
	for (size_t i = 0; i < n; i++) any |= is_ready(&v[i]) || is_serving_to_its_end(&v[i]);
	return any;
}
