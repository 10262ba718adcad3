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
		const struct json_node *c = condition(&j, n, "Ready");
		bool ready = json_is(&j, json_get(&j, c, "status"), "True");
		if (out->n < KUBE_NODES_MAX) {
			struct kube_node *k = &out->v[out->n];
			text_of(&j, json_path(&j, n, "metadata.name"), k->name, sizeof k->name);
			text_of(&j, json_get(&j, c, "lastHeartbeatTime"), k->heartbeat,
				sizeof k->heartbeat);
			text_of(&j, json_get(&j, c, "message"), k->why, sizeof k->why);
			find_taint(&j, n, k->taint, sizeof k->taint);
			k->ready = ready;
		}
		out->n++;
		out->ready += ready;
	}
	return 0;
}

/* Can an image not be pulled (kubernetes pkg/kubelet/images/types.go)? */
static bool is_unpulled(const struct json *j, const struct json_node *waiting)
{
	static const char *const reasons[] = { "ImagePullBackOff", "ErrImagePull",
		"RegistryUnavailable", "InvalidImageName", "SignatureValidationFailed" };

	for (size_t i = 0; i < sizeof reasons / sizeof *reasons; i++)
		if (json_is(j, json_get(j, waiting, "reason"), reasons[i])) return true;
	return false;
}

/* The state of a container that waits, rather of one whose image cannot be pulled, or NULL. */
static const struct json_node *find_waiting(const struct json *j, const struct json_node *pod)
{
	static const char *const lists[] = { "status.initContainerStatuses",
		"status.containerStatuses" };
	const struct json_node *found = NULL;

	for (size_t i = 0; i < sizeof lists / sizeof *lists; i++) {
		const struct json_node *c = json_first(j, json_path(j, pod, lists[i]));
		for (; c; c = json_next(j, c)) {
			const struct json_node *w = json_path(j, c, "state.waiting");
			if (is_unpulled(j, w)) return w;
			if (!found) found = w;
		}
	}
	return found;
}

/* why: an object that has a message, or at least a reason; or NULL. */
static void count_pod(const struct json *j, const struct json_node *pod,
	const struct json_node *why, struct kube_some_pods *out)
{
	char name[160];

	if (out->n++) return;
	text_of(j, json_path(j, pod, "metadata.namespace"), name, sizeof name);
	int n = snprintf(out->pod, sizeof out->pod, "%s/", name);
	text_of(j, json_path(j, pod, "metadata.name"), out->pod + n, sizeof out->pod - (size_t)n);
	const struct json_node *text = json_get(j, why, "message");
	if (!text) text = json_get(j, why, "reason");
	if (!text) text = json_path(j, pod, "status.phase");
	_cleanup_free_ char *words = json_strdup(j, text);
	snprintf(out->why, sizeof out->why, "%s", words ? words : "");
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
		const struct json_node *phase = json_path(&j, n, "status.phase");
		const struct json_node *w = find_waiting(&j, n);
		bool ready = is_ready(&j, n);
		out->n++;
		out->running += json_is(&j, phase, "Running");
		out->ready += ready;
		if (is_unpulled(&j, w)) count_pod(&j, n, w, &out->unpulled);
		if (!w) w = condition(&j, n, "PodScheduled");
		if (!ready && !json_is(&j, phase, "Succeeded"))
			count_pod(&j, n, w, &out->unready);
	}
	return 0;
}

int kube_get_ok(const struct kubeconfig *k, const char *path, struct buf *body, int timeout_ms,
	struct err *e)
{
	int status = kube_get(k, path, body, timeout_ms, e);

	if (status < 0) return status;
	if (status == 200) return 0;
	if (status == 404) return err_set(e, -EAGAIN, "%s does not exist", path);
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

int kube_list_pods(const struct kubeconfig *k, const char *namespace_, struct kube_pods *out,
	int timeout_ms, struct err *e)
{
	_cleanup_buf_ struct buf body = {0}, path = {0};

	buf_printf(&path, "/api/v1/%s%s%s", namespace_ ? "namespaces/" : "",
		namespace_ ? namespace_ : "", namespace_ ? "/pods" : "pods");
	int r = kube_get_ok(k, path.data, &body, timeout_ms, e);
	return r < 0 ? r : kube_parse_pods(body.data ? body.data : "", body.len, out);
}

/* kubectl pkg/polymorphichelpers/rollout_status.go. What is absent is 0, as Go writes that. */
int kube_parse_deployment(const char *json, size_t len, struct err *e)
{
	static const char *const paths[] = { "spec.replicas", "status.updatedReplicas",
		"status.availableReplicas", "status.replicas", "metadata.generation",
		"status.observedGeneration" };
	enum { WANTED, UPDATED, AVAILABLE, ALL, GENERATION, SEEN, PATHS };
	_cleanup_json_ struct json j = {0};
	int64_t n[PATHS] = {0};
	int r = json_parse(&j, json, len);

	if (r < 0) return r;
	for (size_t i = 0; i < PATHS; i++) json_int(&j, json_path(&j, json_root(&j), paths[i]),
		&n[i]);
	if (n[SEEN] >= n[GENERATION] && n[UPDATED] >= n[WANTED] && n[ALL] <= n[UPDATED] &&
		n[AVAILABLE] >= n[UPDATED])
		return 0;
	return err_set(e, -EAGAIN,
		"of %d replicas %d are up to date and %d available, of %d in all",
		(int)n[WANTED], (int)n[UPDATED], (int)n[AVAILABLE], (int)n[ALL]);
}

int kube_deployment(const struct kubeconfig *k, const char *namespace_, const char *name,
	int timeout_ms, struct err *e)
{
	_cleanup_buf_ struct buf body = {0}, path = {0};

	buf_printf(&path, "/apis/apps/v1/namespaces/%s/deployments/%s", namespace_, name);
	int r = kube_get_ok(k, path.data, &body, timeout_ms, e);
	return r < 0 ? r : kube_parse_deployment(body.data ? body.data : "", body.len, e);
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
