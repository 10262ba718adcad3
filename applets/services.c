/* Lists the cluster's Services: where each is reached, and how many of its endpoints are ready. Can
 * also give load balancers without an address one; netd calls it for that. */
#include <errno.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "app/applet.h"
#include "base/arena.h"
#include "base/buf.h"
#include "base/die.h"
#include "base/err.h"
#include "base/io.h"
#include "base/json.h"
#include "cluster/kube.h"
#include "cluster/outside.h"
#include "cluster/presence.h"
#include "cluster/ready.h"
#include "net/ip.h"
#include "plan/node.h"
#include "plan/rows.h"

struct services_cfg {
	int format;
	const char *publish, *kubeconfig;
};

static const struct opt opts[] = {
	{ OPT_CHOICE, 'o', "output", offsetof(struct services_cfg, format),
	  .choices = output_formats, .help = "for people or for programs" },
	{ OPT_STR, 0, "publish", offsetof(struct services_cfg, publish), "IP",
	  .help = "give Services of type LoadBalancer that have no address this one (netd does)" },
	{ OPT_STR, 0, "kubeconfig", offsetof(struct services_cfg, kubeconfig), "FILE",
	  .help = "ask this API server (that of the running k3s)" },
	{ OPT_END },
};

enum { TIMEOUT_MS = 5000, COLUMNS = 6, NAME = 600 };

enum column { C_NAME, C_TYPE, C_ADDRESS, C_PORTS, C_ENDPOINTS, C_OUTSIDE };

static const struct { const char *title, *key; } columns[COLUMNS] = {
	[C_NAME] = { "NAMESPACE/NAME", "name" }, [C_TYPE] = { "TYPE", "type" },
	[C_ADDRESS] = { "ADDRESS", "address" }, [C_PORTS] = { "PORTS", "ports" },
	[C_ENDPOINTS] = { "READY", "ready" }, [C_OUTSIDE] = { "OUTSIDE", "outside" },
};

struct service_row { const char *cell[COLUMNS]; };

/* What is printed, gathered before the first word of it is. */
struct service_rows {
	struct arena arena;
	struct service_row *v;
	size_t n;
	char own[64];              /* the sandbox's own address; "": it has none */
	struct json services, slices;
	struct buf services_text, slices_text;
};

/* ---- reading ---- */

static const char *text(struct service_rows *t, const struct json *j, const struct json_node *n)
{
	char s[NAME];
	size_t len;

	if (json_string(j, n, s, sizeof s, &len) < 0) return "";
	return arena_copy(&t->arena, s, len);
}

static const char *owned(struct service_rows *t, struct buf *b)
{
	const char *s = arena_copy(&t->arena, b->data ? b->data : "", b->len);

	buf_free(b);
	return s;
}

static const char *list_ports(struct service_rows *t, const struct json_node *service)
{
	const struct json *j = &t->services;
	const struct json_node *p = json_first(j, json_path(j, service, "spec.ports"));
	struct buf b = {0};

	for (; p; p = json_next(j, p)) {
		const char *protocol = text(t, j, json_get(j, p, "protocol"));
		int64_t n = 0;
		json_int(j, json_get(j, p, "port"), &n);
		buf_printf(&b, "%s%lld/%s%s", b.len ? "," : "", (long long)n, protocol,
			outside_is_served(protocol) ? "" : " (unsupported)");
	}
	return owned(t, &b);
}

static const char *list_outside(struct service_rows *t, const struct json_node *service)
{
	struct buf b = {0};

	outside_print(&t->services, service, t->own, &b);
	return owned(t, &b);
}

/* Endpoints, as text: "2/3". One in several slices counts once for each. */
static const char *count_endpoints(struct service_rows *t, const char *namespace_,
	const char *name)
{
	const struct json *j = &t->slices;
	const struct json_node *s, *e;
	size_t ready = 0, all = 0;

	for (s = json_first(j, json_get(j, json_root(j), "items")); s; s = json_next(j, s)) {
		const struct json_node *meta = json_get(j, s, "metadata");
		const struct json_node *labels = json_get(j, meta, "labels");
		if (!json_is(j, json_get(j, labels, "kubernetes.io/service-name"), name) ||
			!json_is(j, json_get(j, meta, "namespace"), namespace_))
			continue;
		for (e = json_first(j, json_get(j, s, "endpoints")); e; e = json_next(j, e)) {
			const struct json_node *c = json_path(j, e, "conditions.ready");
			ready += !c || c->type == JSON_NULL || json_true(j, c);
			all++;
		}
	}
	return arena_printf(&t->arena, "%zu/%zu", ready, all);
}

static void add_row(struct service_rows *t, const struct json_node *service)
{
	const struct json *j = &t->services;
	const char *namespace_ = text(t, j, json_path(j, service, "metadata.namespace"));
	const char *name = text(t, j, json_path(j, service, "metadata.name"));
	const char *type = text(t, j, json_path(j, service, "spec.type"));
	bool external = !strcmp(type, "ExternalName");

	t->v[t->n++] = (struct service_row){ {
		[C_NAME] = arena_printf(&t->arena, "%s/%s", namespace_, name),
		[C_TYPE] = type,
		[C_ADDRESS] = text(t, j, json_path(j, service, external ? "spec.externalName"
			: "spec.clusterIP")),
		[C_PORTS] = list_ports(t, service),
		[C_ENDPOINTS] = external ? "" : count_endpoints(t, namespace_, name),
		[C_OUTSIDE] = *t->own ? list_outside(t, service) : "",
	} };
}

static int get_list(const struct kubeconfig *k, const char *path, struct buf *body, struct json *j,
	struct err *e)
{
	int r = kube_get_ok(k, path, body, TIMEOUT_MS, e);

	if (!r) r = json_parse(j, body->data ? body->data : "", body->len);
	return r == -EBADMSG ? err_set(e, r, "%s: %s", path, j->error) : r;
}

static int read_rows(const struct kubeconfig *k, struct service_rows *t, struct err *e)
{
	int r = get_list(k, "/api/v1/services", &t->services_text, &t->services, e);

	if (!r) r = get_list(k, "/apis/discovery.k8s.io/v1/endpointslices", &t->slices_text,
		&t->slices, e);
	if (r < 0) return r;
	const struct json *j = &t->services;
	const struct json_node *items = json_get(j, json_root(j), "items");
	t->v = arena_alloc(&t->arena, ((items ? items->count : 0) + 1) * sizeof *t->v);
	for (const struct json_node *s = json_first(j, items); s; s = json_next(j, s))
		add_row(t, s);
	return 0;
}

/* ---- printing ---- */

static void print_text(const struct service_rows *t, struct buf *b)
{
	size_t width[COLUMNS];

	for (int c = 0; c < COLUMNS; c++) {
		width[c] = strlen(columns[c].title);
		for (size_t i = 0; i < t->n; i++)
			if (strlen(t->v[i].cell[c]) > width[c]) width[c] = strlen(t->v[i].cell[c]);
	}
	for (size_t i = 0; i <= t->n; i++)
		for (int c = 0; c < COLUMNS; c++) {
			const char *s = i ? t->v[i - 1].cell[c] : columns[c].title;
			if (!*s) s = "-";
			if (c == COLUMNS - 1) buf_printf(b, "%s\n", s);
			else buf_printf(b, "%-*s  ", (int)width[c], s);
		}
}

static void print_json(const struct service_rows *t, struct buf *b)
{
	buf_puts(b, "{\"services\": [");
	for (size_t i = 0; i < t->n; i++) {
		buf_puts(b, i ? ",\n  {" : "\n  {");
		for (int c = 0; c < COLUMNS; c++) {
			buf_printf(b, "%s\"%s\": ", c ? ", " : "", columns[c].key);
			buf_json(b, t->v[i].cell[c]);
		}
		buf_putc(b, '}');
	}
	buf_puts(b, t->n ? "\n]}\n" : "]}\n");
}

/* ---- addresses for load balancers ---- */

static int publish_one(const struct kubeconfig *k, struct service_rows *t,
	const struct json_node *service, const char *address)
{
	const struct json *j = &t->services;
	const char *name = text(t, j, json_path(j, service, "metadata.name"));
	_cleanup_buf_ struct buf body = {0};
	struct err e = {0};
	const char *path = arena_printf(&t->arena, "/api/v1/namespaces/%s/services/%s/status",
		text(t, j, json_path(j, service, "metadata.namespace")), name);
	const char *patch = arena_printf(&t->arena,
		"{\"status\":{\"loadBalancer\":{\"ingress\":[{\"ip\":\"%s\"}]}}}", address);

	int status = kube_patch(k, path, patch, &body, TIMEOUT_MS, &e);
	if (status == 200) return 0;
	if (status > 0) err_set(&e, -EPROTO, "the API server answers %d", status);
	warn("load balancer %s: %s", name, e.text);
	return -EPROTO;
}

/* Those of another load balancer's class are left alone. */
static bool lacks_address(const struct json *j, const struct json_node *service)
{
	const struct json_node *list = json_path(j, service, "status.loadBalancer.ingress");

	return json_is(j, json_path(j, service, "spec.type"), "LoadBalancer") &&
		!json_path(j, service, "spec.loadBalancerClass") && !json_first(j, list);
}

static int publish(const struct kubeconfig *k, struct service_rows *t, const char *address)
{
	const struct json *j = &t->services;
	const struct json_node *s = json_first(j, json_get(j, json_root(j), "items"));
	int r = 0;

	for (; s; s = json_next(j, s))
		if (lacks_address(j, s) && publish_one(k, t, s, address) < 0) r = -EPROTO;
	return r;
}

/* ---- */

static int load_named(const char *path, struct kubeconfig *k, struct err *e)
{
	struct err why = {0};
	int r = kubeconfig_load(k, path, &why);

	return r < 0 ? err_set(e, r, "cannot read %s: %s", path, why.text) : 0;
}

static int find_kubeconfig(const struct services_cfg *cfg, struct kubeconfig *k, struct err *e)
{
	struct presence now;

	if (cfg->kubeconfig) return load_named(cfg->kubeconfig, k, e);
	int r = presence_look(&now, false, e);
	if (r < 0) return r;
	r = presence_alive(&now) && now.have_state ? ready_kubeconfig(&now.s, k, e)
		: err_set(e, -ESRCH, "k3s is not running");
	presence_free(&now);
	return r;
}

static int run(void *cfg_, const struct args *args)
{
	const struct services_cfg *cfg = cfg_;
	static struct service_rows t;
	_cleanup_kubeconfig_ struct kubeconfig k = {0};
	_cleanup_buf_ struct buf b = {0};
	struct err e = {0};
	struct ip address;

	(void)args;
	if (cfg->publish && !ip_parse(&address, cfg->publish, strlen(cfg->publish)))
		die_usage("--publish: '%s' is not an IP address", cfg->publish);
	arena_init(&t.arena);
	if (!node_first_address(t.own, sizeof t.own)) *t.own = 0;
	int r = find_kubeconfig(cfg, &k, &e);
	if (!r) r = read_rows(&k, &t, &e);
	if (r < 0) {
		warn("%s", e.text);
		return r == -ESRCH ? EX_STOPPED : EX_FAIL;
	}
	if (cfg->publish) return publish(&k, &t, cfg->publish) < 0 ? EX_FAIL : EX_OK;
	(cfg->format == OUTPUT_JSON ? print_json : print_text)(&t, &b);
	return b.failed || io_write_fd(STDOUT_FILENO, b.data, b.len) < 0 ? EX_FAIL : EX_OK;
}

const struct applet applet_services = {
	.name = "services",
	.group = GROUP_CLUSTER,
	.summary = "list the cluster's Services and where they are reached",
	.usage = "[-o json]",
	.opts = opts,
	.cfg_size = sizeof(struct services_cfg),
	.more =
		"READY counts endpoints: ready and all. OUTSIDE is where it is reached outside of\n"
		"the cluster, at this machine's own address.\n"
		"Exit status: 0 done, 1 the API server does not answer, 3 k3s is not running.\n",
	.run = run,
};
