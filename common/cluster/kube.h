/* The Kubernetes API over HTTPS, as much as readiness and status need: one request per connection,
 * then everything is freed. */
#ifndef K3SBOX_KUBE_H
#define K3SBOX_KUBE_H

#include <stdbool.h>
#include <stddef.h>

#include "base/buf.h"
#include "cluster/kubeconfig.h"

struct err;

/* GET path. Returns the HTTP status with the body (up to 16 MiB) in *body, or -errno with the
 * reason in e. */
int kube_get(const struct kubeconfig *k, const char *path, struct buf *body, int timeout_ms,
	struct err *e);

/* Pure: what follows the path in a request's first line, and the headers that all requests have. */
void kube_put_headers(const char *host, const char *token, struct buf *b);

/* GET, but as PATCH with a merge patch (RFC 7386). */
int kube_patch(const struct kubeconfig *k, const char *path, const char *patch, struct buf *body,
	int timeout_ms, struct err *e);

/* GET of what must be there: 0, or -errno with the reason in e; -EAGAIN for another status than
 * 200. */
int kube_get_ok(const struct kubeconfig *k, const char *path, struct buf *body, int timeout_ms,
	struct err *e);

struct kube_node {
	char name[256];
	bool ready;
	/* when its kubelet last said so: RFC 3339 in UTC, so that strcmp() orders */
	char heartbeat[32];
	char why[200];             /* its condition Ready in the kubelet's words */
	char taint[128];           /* the first that keeps pods away: "key=value:NoSchedule"; "" */
};

enum { KUBE_NODES_MAX = 16 };

struct kube_nodes {
	struct kube_node v[KUBE_NODES_MAX];   /* the first ones */
	unsigned n, ready;                    /* of all */
};

/* How many pods have something, and of the first of them: namespace/name, and what the kubelet
 * says. */
struct kube_some_pods {
	unsigned n;
	char pod[320], why[1024];
};

/* running: phase Running; ready: condition Ready; unready: neither that nor completed; unpulled: an
 * image of it cannot be pulled */
struct kube_pods {
	unsigned n, running, ready;
	struct kube_some_pods unready, unpulled;
};

/* What went wrong, in the kubelet's words about an image: their end, from the request that
 * failed. */
const char *kube_pull_error(const char *why);

/* Is /readyz "ok"? 0; or -errno with the reason (-EAGAIN: it answers and is not ready yet). */
int kube_ready(const struct kubeconfig *k, int timeout_ms, struct err *e);
/* Is there an object at this path? 0; or -errno with the reason (-EAGAIN: not yet). */
int kube_exists(const struct kubeconfig *k, const char *path, int timeout_ms, struct err *e);
int kube_list_nodes(const struct kubeconfig *k, struct kube_nodes *out, int timeout_ms,
	struct err *e);
/* Of this namespace; NULL: of all. */
int kube_list_pods(const struct kubeconfig *k, const char *namespace_, struct kube_pods *out,
	int timeout_ms, struct err *e);
/* Has this Deployment rolled out, by the rules of `kubectl rollout status`? 0; or -errno with the
 * reason (-EAGAIN: not yet). */
int kube_deployment(const struct kubeconfig *k, const char *namespace_, const char *name,
	int timeout_ms, struct err *e);
/* The server's version, "v1.36.3". */
int kube_version(const struct kubeconfig *k, char *out, size_t out_size, int timeout_ms,
	struct err *e);

/* Pure parts. */
int kube_parse_nodes(const char *json, size_t len, struct kube_nodes *out);
int kube_parse_pods(const char *json, size_t len, struct kube_pods *out);
int kube_parse_deployment(const char *json, size_t len, struct err *e);

#endif
