/* The probe of certificate authorities: does the environment name any that k3s would not find? */
#include <stdio.h>

#include "net/ca.h"
#include "plan/probe/probe.h"

static void list_sources(const struct ca_bundle *b, char *out, size_t size)
{
	size_t n = 0;

	*out = 0;
	for (size_t i = 0; i < b->sources.n && n < size; i++)
		n += (size_t)snprintf(out + n, size - n, "%s%s", i ? ", " : "", b->sources.v[i]);
}

/* value: what could not be used, if anything. */
void probe_ca(const struct plan_options *o, struct fact_result *r)
{
	struct ca_bundle b;
	char names[160];

	ca_collect(&b);
	list_sources(&b, names, sizeof names);
	if (b.problems.n) snprintf(r->value, sizeof r->value, "%s", b.problems.v[0]);
	const char *also = b.problems.n ? "; " : "";
	if (b.n > b.system)
		probe_obstacle(r, o->pod_ca ? KIND_CA_PODS : KIND_CA_MORE,
			"%zu more than the system's, in %s%s%.100s", b.n - b.system, names, also,
			r->value);
	else if (b.problems.n)
		probe_obstacle(r, KIND_CA_PROBLEM, "%s", r->value);
	else if (o->pod_ca && b.n)
		probe_obstacle(r, KIND_CA_PODS, "pods do not have the system's");
	if (o->pod_ca && (o->no_shim || !b.n))
		probe_obstacle(r, KIND_CA_PROBLEM, "--pod-ca: %s", o->no_shim
			? "pods get the bundle by the OCI shim only (omit --no-shim)"
			: "there is no certificate authority");
	ca_free(&b);
}
