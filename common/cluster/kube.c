/* Requests to the Kubernetes API, and what is read from its answers. */
#include "cluster/kube.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/err.h"
#include "base/json.h"
#include "net/web.h"

enum { BODY_MAX = 16 << 20 };

static int add_body(void *arg, const char *p, size_t n)
{
	struct buf *b = arg;

	if (b->len + n > BODY_MAX) return -EMSGSIZE;
	buf_add(b, p, n);
	return b->failed ? -ENOMEM : 0;
}

void kube_put_headers(const char *host, const char *token, struct buf *b)
{
	buf_printf(b, " HTTP/1.1\r\nHost: %s\r\nUser-Agent: k3sbox\r\nAccept: "
		"application/json\r\n", host);
	if (token) buf_printf(b, "Authorization: Bearer %s\r\n", token);
}

/* patch NULL: GET. */
static void write_request(const struct kubeconfig *k, const char *host, const char *path,
	const char *patch, struct buf *b)
{
	buf_printf(b, "%s %s", patch ? "PATCH" : "GET", path);
	kube_put_headers(host, k->token, b);
	if (patch) buf_printf(b, "Content-Type: application/merge-patch+json\r\n"
		"Content-Length: %zu\r\n", strlen(patch));
	buf_printf(b, "Connection: close\r\n\r\n%s", patch ? patch : "");
}

static int request_to(const struct kubeconfig *k, const char *path, const char *patch,
	struct buf *body, int timeout_ms, struct err *e)
{
	struct web w = { .connect_ms = timeout_ms, .timeout_ms = timeout_ms };
	_cleanup_buf_ struct buf request = {0};

	if (!url_parse(k->server, &w.url) || w.url.plain)
		return err_set(e, -EINVAL, "the kubeconfig's server is not an https URL: %s",
			k->server);
	if (!k->ca) return err_set(e, -EINVAL, "the kubeconfig names no certificate authority");
	struct tls_config c = { k->ca, k->cert, k->key, k->tls_name ? k->tls_name : w.url.host };
	write_request(k, w.url.host, path, patch, &request);
	int r = web_connect(&w, NULL, NULL, e);
	w.http.sink = add_body;
	w.http.arg = body;
	if (!r) r = web_send(&w, &c, &request, e);
	if (!r) r = web_receive(&w, true, e);
	web_close(&w);
	if (request.data) explicit_bzero(request.data, request.len);
	return r < 0 ? r : w.http.status;
}

int kube_get(const struct kubeconfig *k, const char *path, struct buf *body, int timeout_ms,
	struct err *e)
{
	return request_to(k, path, NULL, body, timeout_ms, e);
}

int kube_patch(const struct kubeconfig *k, const char *path, const char *patch, struct buf *body,
	int timeout_ms, struct err *e)
{
	return request_to(k, path, patch, body, timeout_ms, e);
}

/* ---- answers ---- */

static const struct json_node *condition(const struct json *j, const struct json_node *object,
	const char *type)
{
	const struct json_node *list = json_path(j, object, "status.conditions");

	for (const struct json_node *c = json_first(j, list); c; c = json_next(j, c))
		if (json_is(j, json_get(j, c, "type"), type)) return c;
	return NULL;
}

static bool is_ready(const struct json *j, const struct json_node *object)
{
	return json_is(j, json_get(j, condition(j, object, "Ready"), "status"), "True");
}

static void text_of(const struct json *j, const struct json_node *n, char *out, size_t size)
{
	if (json_string(j, n, out, size, NULL) < 0) *out = 0;
}

/* One that does not go away with the start ("node.kubernetes.io/not-ready" does). */
static void find_taint(const struct json *j, const struct json_node *node, char *out, size_t size)
{
	static const char transient[] = "node.kubernetes.io/";
	const struct json_node *t = json_first(j, json_path(j, node, "spec.taints"));
	char key[64], value[32], effect[24];

	for (*out = 0; t && !*out; t = json_next(j, t)) {
		text_of(j, json_get(j, t, "key"), key, sizeof key);
		text_of(j, json_get(j, t, "value"), value, sizeof value);
		text_of(j, json_get(j, t, "effect"), effect, sizeof effect);
		if (strncmp(effect, "No", 2) || !strncmp(key, transient, sizeof transient - 1))
			continue;
		snprintf(out, size, "%s%s%s:%s", key, *value ? "=" : "", value, effect);
	}
}

int kube_parse_nodes(const char *json, size_t len, struct kube_nodes *out)
{
	_cleanup_json_ struct json j = {0};
	int r = json_parse(&j, json, len);

	*out = (struct kube_nodes){0};
	if (r < 0) return r;
	const struct json_node *items = json_get(&j, json_root(&j), "items");
	for (const struct json_node *n = json_first(&j, items); n; n = json_next(&j, n)) {
		bool ready = is_ready(&j, n);
		if (out->n < KUBE_NODES_MAX) {
			struct kube_node *k = &out->v[out->n];
			text_of(&j, json_path(&j, n, "metadata.name"), k->name, sizeof k->name);
			text_of(&j, json_get(&j, condition(&j, n, "Ready"), "lastHeartbeatTime"),
				k->heartbeat,
				sizeof k->heartbeat);
			text_of(&j, json_get(&j, condition(&j, n, "Ready"), "message"), k->why,
				sizeof k->why);
			find_taint(&j, n, k->taint, sizeof k->taint);
			k->ready = ready;
		}
		out->n++;
		out->ready += ready;
	}
	return 0;
}

/* The state of a container that waits because its image cannot be pulled, or NULL (kubernetes
 * pkg/kubelet/images/types.go). */
static const struct json_node *find_unpulled(const struct json *j, const struct json_node *pod,
	const char *list)
{
	static const char *const reasons[] = { "ImagePullBackOff", "ErrImagePull",
		"RegistryUnavailable", "InvalidImageName", "SignatureValidationFailed" };
	const struct json_node *c = json_first(j, json_path(j, pod, list));

	for (; c; c = json_next(j, c)) {
		const struct json_node *w = json_path(j, c, "state.waiting");
		for (size_t i = 0; i < sizeof reasons / sizeof *reasons; i++)
			if (json_is(j, json_get(j, w, "reason"), reasons[i])) return w;
	}
	return NULL;
}

static void count_unpulled(const struct json *j, const struct json_node *pod, struct kube_pods *out)
{
	const struct json_node *w = find_unpulled(j, pod, "status.initContainerStatuses");
	char name[160];

	if (!w) w = find_unpulled(j, pod, "status.containerStatuses");
	if (!w || out->unpulled++) return;
	text_of(j, json_path(j, pod, "metadata.namespace"), name, sizeof name);
	int n = snprintf(out->unpulled_pod, sizeof out->unpulled_pod, "%s/", name);
	text_of(j, json_path(j, pod, "metadata.name"), out->unpulled_pod + n,
		sizeof out->unpulled_pod - (size_t)n);
	_cleanup_free_ char *why = json_strdup(j, json_get(j, w, "message"));
	snprintf(out->unpulled_why, sizeof out->unpulled_why, "%s", why ? why : "");
}

const char *kube_pull_error(const char *why)
{
	static const char request[] = "failed to do request: ";
	const char *end = strstr(why, request);

	return end ? end + sizeof request - 1 : why;
}

int kube_parse_pods(const char *json, size_t len, struct kube_pods *out)
{
	_cleanup_json_ struct json j = {0};
	int r = json_parse(&j, json, len);

	*out = (struct kube_pods){0};
	if (r < 0) return r;
	const struct json_node *items = json_get(&j, json_root(&j), "items");
	for (const struct json_node *n = json_first(&j, items); n; n = json_next(&j, n)) {
		out->n++;
		out->running += json_is(&j, json_path(&j, n, "status.phase"), "Running");
		out->ready += is_ready(&j, n);
		count_unpulled(&j, n, out);
	}
	return 0;
}

int kube_get_ok(const struct kubeconfig *k, const char *path, struct buf *body, int timeout_ms,
	struct err *e)
{
	int status = kube_get(k, path, body, timeout_ms, e);

	if (status < 0) return status;
	if (status == 200) return 0;
	return err_set(e, status == 401 || status == 403 ? -EACCES
		: -EAGAIN, "%s answers %d", path, status);
}

int kube_exists(const struct kubeconfig *k, const char *path, int timeout_ms, struct err *e)
{
	_cleanup_buf_ struct buf body = {0};
	return kube_get_ok(k, path, &body, timeout_ms, e);
}

int kube_ready(const struct kubeconfig *k, int timeout_ms, struct err *e)
{
	return kube_exists(k, "/readyz", timeout_ms, e);
}

int kube_list_nodes(const struct kubeconfig *k, struct kube_nodes *out, int timeout_ms,
	struct err *e)
{
	_cleanup_buf_ struct buf body = {0};
	int r = kube_get_ok(k, "/api/v1/nodes", &body, timeout_ms, e);
	return r < 0 ? r : kube_parse_nodes(body.data ? body.data : "", body.len, out);
}

int kube_list_pods(const struct kubeconfig *k, struct kube_pods *out, int timeout_ms, struct err *e)
{
	_cleanup_buf_ struct buf body = {0};
	int r = kube_get_ok(k, "/api/v1/pods", &body, timeout_ms, e);
	return r < 0 ? r : kube_parse_pods(body.data ? body.data : "", body.len, out);
}

int kube_version(const struct kubeconfig *k, char *out, size_t out_size, int timeout_ms,
	struct err *e)
{
	_cleanup_buf_ struct buf body = {0};
	_cleanup_json_ struct json j = {0};
	int r = kube_get_ok(k, "/version", &body, timeout_ms, e);

	if (!r) r = json_parse(&j, body.data ? body.data : "", body.len);
	return r < 0 ? r : json_string(&j, json_get(&j, json_root(&j), "gitVersion"), out, out_size,
		NULL);
}
