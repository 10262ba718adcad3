/* What k3s is told of the way out of this machine: proxies for containerd alone, and the bundle of
 * certificate authorities.
 *
 * k3s passes CONTAINERD_NAME to containerd as NAME (k3s-io/k3s pkg/agent/containerd/containerd.go,
 * since 2021). The plain variables are kept from k3s: an API server that sees them asks the proxy
 * for its own node (k3s issue 2026). */
#ifndef K3SBOX_RUN_EGRESS_H
#define K3SBOX_RUN_EGRESS_H

struct strv;

struct egress {
	/* URLs in place of those in HTTPS_PROXY and HTTP_PROXY; NULL: as they are. */
	const char *https, *http;
	/* What is reached without a proxy, separated by commas: the cluster's own. */
	const char *cluster;
	const char *bundle;        /* for SSL_CERT_FILE; NULL: the system's will do */
};

/* Pure: adds to out the variables that k3s gets instead of `from`'s. What the user has set for
 * containerd stays. */
void egress_environment(char *const *from, const struct egress *e, struct strv *out);

#endif
