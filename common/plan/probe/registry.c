/* The probe of the image registry: pulls begin with this request, which is made here in the same
 * way (proxy, certificate authorities), up to the first answer. */
#include <dirent.h>
#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

#include "base/buf.h"
#include "base/cleanup.h"
#include "base/err.h"
#include "base/io.h"
#include "base/spawn.h"
#include "base/yaml.h"
#include "net/ca.h"
#include "net/web.h"
#include "plan/node.h"
#include "plan/probe/probe.h"

#define REGISTRIES "/etc/rancher/k3s/registries.yaml"

/* run only has to know whether add-ons can be started: it tries a connection, and not for long. */
enum { TRIAL_MS = 10000, SHORT_MS = 1500, CONNECT_MS = 2000 };

/* Shared with the child that tries, so that its last words are there if the time is over. */
struct registry_trial {
	struct web web;
	char ca_file[PATH_MAX];    /* of registries.yaml; "": the bundle */
	bool unverified;           /* insecure_skip_verify */
	bool connect_only;
	struct err why;            /* it failed */
};

/* ---- which registry ---- */

/* What is set for containerd alone, else the value that programs in general have. */
static const char *for_containerd(const char *upper, const char *lower, const char *otherwise)
{
	const char *v = getenv(upper);

	if (!v || !*v) v = getenv(lower);
	return v && *v ? v : otherwise;
}

static const char *https_proxy(void)
{
	return for_containerd("CONTAINERD_HTTPS_PROXY", "CONTAINERD_https_proxy",
		proxy_from_environment());
}

static const char *http_proxy(void)
{
	return for_containerd("CONTAINERD_HTTP_PROXY", "CONTAINERD_http_proxy",
		proxy_plain_from_environment());
}

/* The first endpoint of the mirrors for docker.io, or else for everything. */
static const char *find_mirror(const struct yaml *y)
{
	static const char *const hosts[] = { "docker.io", "*" };
	const struct yaml_node *mirrors = yaml_get(y, yaml_root(y), "mirrors"), *m = NULL;
	const char *url = NULL;

	for (size_t i = 0; i < sizeof hosts / sizeof *hosts && !url; i++) {
		m = yaml_get(y, mirrors, hosts[i]);
		url = yaml_str(yaml_first(y, yaml_get(y, m, "endpoint")));
	}
	return url;
}

static void read_tls(const struct yaml *y, struct registry_trial *t)
{
	const struct yaml_node *configs = yaml_get(y, yaml_root(y), "configs");
	char name[URL_HOST + sizeof ":65535"];

	snprintf(name, sizeof name, "%s:%u", t->web.url.host, t->web.url.port);
	const struct yaml_node *c = yaml_get(y, configs, name);
	if (!c) c = yaml_get(y, configs, t->web.url.host);
	const struct yaml_node *tls = yaml_get(y, c, "tls");
	const char *file = yaml_str(yaml_get(y, tls, "ca_file"));
	const char *skip = yaml_str(yaml_get(y, tls, "insecure_skip_verify"));
	if (file) snprintf(t->ca_file, sizeof t->ca_file, "%s", file);
	t->unverified = skip && !strcmp(skip, "true");
}

static void choose(const struct plan_options *o, struct registry_trial *t)
{
	static const char hub[] = "registry-1.docker.io";
	_cleanup_buf_ struct buf text = {0};
	_cleanup_yaml_ struct yaml y = {0};
	const char *file = k3s_args_find(&o->args, "private-registry");
	const char *url = k3s_args_find(&o->args, "system-default-registry"), *mirror = NULL;
	bool read = !io_read(file && *file ? file : REGISTRIES, &text, 1 << 20) &&
		!yaml_parse(&y, text.data ? text.data : "", text.len);

	if (read) mirror = find_mirror(&y);
	if (!url || !*url) url = mirror ? mirror : hub;
	if (!url_parse(url, &t->web.url)) url_parse(hub, &t->web.url);
	t->web.url.path = "/v2/";
	if (read) read_tls(&y, t);
}

/* ---- the request ---- */

/* 200, 401 (a token is needed) and the like are a registry's. */
static int judge(struct registry_trial *t)
{
	int status = t->web.http.status;

	return status < 500 && status != 407 ? 0 : web_refused(&t->web, -EACCES, &t->why);
}

static int load_authorities(struct registry_trial *t, struct buf *pem)
{
	t->web.setting = *t->ca_file ? "ca_file in " REGISTRIES : "SSL_CERT_FILE";
	if (*t->ca_file) {
		int r = io_read(t->ca_file, pem, 1 << 24);
		return r < 0 ? err_errno(&t->why, r, "%s", t->ca_file) : 0;
	}
	ca_load(pem, NULL);
	return 0;
}

/* containerd speaks TLS 1.3, which is not spoken here: a server that insists is there, too. */
static int ask(struct registry_trial *t)
{
	_cleanup_buf_ struct buf pem = {0}, request = {0};
	struct web *w = &t->web;

	if (t->connect_only || (!w->url.plain && t->unverified)) return 0;
	int r = w->url.plain ? 0 : load_authorities(t, &pem);
	struct tls_config c = { .ca_pem = pem.data ? pem.data : "", .name = w->url.host };
	web_put_request(w, "", &request);
	if (!r) r = web_send(w, &c, &request, &t->why);
	if (r == -EPROTONOSUPPORT) return 0;
	if (!r) r = web_receive(w, false, &t->why);
	return r < 0 ? r : judge(t);
}

/* In a child. */
static int try(void *arg)
{
	struct registry_trial *t = arg;
	const char *except = for_containerd("CONTAINERD_NO_PROXY", "CONTAINERD_no_proxy",
		proxy_exceptions_from_environment());

	t->web.connect_ms = t->connect_only ? SHORT_MS / 2 : CONNECT_MS;
	t->web.timeout_ms = TRIAL_MS;
	int r = web_connect(&t->web, t->web.url.plain ? http_proxy() : https_proxy(), except,
		&t->why);
	if (!r) r = ask(t);
	web_close(&t->web);
	return r < 0;
}

/* ---- the fact ---- */

static bool has_airgap_images(const struct plan_options *o)
{
	char dir[PATH_MAX];
	struct dirent *e = NULL;

	if (io_join(dir, sizeof dir, o->data_dir, "agent/images") < 0) return false;
	_cleanup_closedir_ DIR *d = opendir(dir);
	while (d && (e = readdir(d)))
		if (strstr(e->d_name, "airgap")) break;
	return e;
}

/* The user has named mirrors, brought images or configured a proxy (k3s passes CONTAINERD_… on to
 * containerd). */
bool probe_registry_settled(const struct plan_options *o)
{
	static const char *const flags[] = { "private-registry", "system-default-registry" };

	if (https_proxy()) return true;
	for (size_t i = 0; i < sizeof flags / sizeof *flags; i++) {
		const char *v = k3s_args_find(&o->args, flags[i]);
		if (v && *v) return true;
	}
	return has_airgap_images(o) || io_exists(REGISTRIES);
}

void probe_registry(const struct plan_options *o, struct fact_result *r)
{
	bool settled = probe_registry_settled(o);

	if (settled && (!o->for_doctor || has_airgap_images(o))) return;
	if (!settled && !node_default_routes()) {
		probe_obstacle(r, KIND_REGISTRY_ABSENT,
			"no default route: images cannot be pulled");
		return;
	}
	struct registry_trial *t = mmap(NULL, sizeof *t, PROT_READ | PROT_WRITE,
		MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	if (t == MAP_FAILED) return;
	choose(o, t);
	t->connect_only = !o->for_doctor;
	int e = spawn_call(try, t, t->connect_only ? SHORT_MS : TRIAL_MS);
	if (e < 0) err_errno(&t->why, e, "%s", t->web.step);
	if (e)
		probe_obstacle(r, settled ? KIND_REGISTRY_FAILS : KIND_REGISTRY_ABSENT,
			"images cannot be pulled%s: %s",
			t->web.by_proxy ? " by way of the proxy" : "", t->why.text);
	munmap(t, sizeof *t);
}
