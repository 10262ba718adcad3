/* The probe of the image registry: pulls begin with this request, which is made here in the same
 * way (proxy, certificate authorities), up to the first answer. */
#include <dirent.h>
#include <errno.h>
#include <limits.h>
#include <poll.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/buf.h"
#include "base/cleanup.h"
#include "base/err.h"
#include "base/io.h"
#include "base/spawn.h"
#include "base/yaml.h"
#include "net/ca.h"
#include "net/connect.h"
#include "net/http.h"
#include "net/proxy.h"
#include "net/tls.h"
#include "plan/node.h"
#include "plan/probe/probe.h"

#define REGISTRIES "/etc/rancher/k3s/registries.yaml"

/* run only has to know whether add-ons can be started: it tries a connection, and not for long. */
enum { TRIAL_MS = 10000, SHORT_MS = 1500, CONNECT_MS = 2000 };

/* Where to ask. */
struct registry_target {
	char host[PROXY_NAME], port[8];
	bool plain;                /* HTTP without TLS */
	char ca_file[PATH_MAX];    /* of registries.yaml; "": the bundle */
	bool unverified;           /* insecure_skip_verify */
};

/* Shared with the child that tries, so that its last words are there if the time is over. */
struct registry_trial {
	struct registry_target to;
	struct ip address;         /* of the target, if that is an address */
	bool connect_only, by_proxy;
	char step[PROXY_NAME + 80];  /* what is being done */
	char why[240];               /* why it failed */
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

/* [SCHEME://]HOST[:PORT][/…]; an IPv6 address in brackets. */
static bool parse_target(const char *url, struct registry_target *t)
{
	const char *scheme = strstr(url, "://"), *s = scheme ? scheme + 3 : url;
	size_t n = strcspn(s, "/");
	const char *colon = memrchr(s, ':', n), *bracket = memrchr(s, ']', n);

	t->plain = !strncmp(url, "http://", 7);
	snprintf(t->port, sizeof t->port, "%s", t->plain ? "80" : "443");
	if (colon && (!bracket || bracket < colon)) {
		size_t len = n - (size_t)(colon + 1 - s);
		if (!len || len >= sizeof t->port) return false;
		memcpy(t->port, colon + 1, len);
		t->port[len] = 0;
		n = (size_t)(colon - s);
	}
	if (n > 2 && *s == '[' && s[n - 1] == ']') s++, n -= 2;
	if (!n || n >= sizeof t->host) return false;
	memcpy(t->host, s, n);
	t->host[n] = 0;
	return true;
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

static void read_tls(const struct yaml *y, struct registry_target *t)
{
	const struct yaml_node *configs = yaml_get(y, yaml_root(y), "configs");
	char name[PROXY_NAME + 10];

	snprintf(name, sizeof name, "%s:%s", t->host, t->port);
	const struct yaml_node *c = yaml_get(y, configs, name);
	if (!c) c = yaml_get(y, configs, t->host);
	const struct yaml_node *tls = yaml_get(y, c, "tls");
	const char *file = yaml_str(yaml_get(y, tls, "ca_file"));
	const char *skip = yaml_str(yaml_get(y, tls, "insecure_skip_verify"));
	if (file) snprintf(t->ca_file, sizeof t->ca_file, "%s", file);
	t->unverified = skip && !strcmp(skip, "true");
}

static void choose(const struct plan_options *o, struct registry_target *t)
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
	if (!parse_target(url, t)) parse_target(hub, t);
	if (read) read_tls(&y, t);
}

/* ---- the request ---- */

__attribute__((format(printf, 2, 3)))
static int fail(struct registry_trial *t, const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(t->why, sizeof t->why, fmt, ap);
	va_end(ap);
	return -1;
}

static int fail_at(struct registry_trial *t, const char *host, const char *port, const char *why)
{
	return fail(t, "%s port %s: %s", host, port, why);
}

static int reach(struct registry_trial *t, const char *host, const char *port)
{
	snprintf(t->step, sizeof t->step, "resolving %s, connecting to port %s", host, port);
	int fd = connect_host(host, port, t->connect_only ? SHORT_MS / 2 : CONNECT_MS);
	if (fd == -EADDRNOTAVAIL) return fail(t, "the name %s cannot be resolved", host);
	return fd < 0 ? fail_at(t, host, port, strerror(-fd)) : fd;
}

static ssize_t receive(int fd, char *to, size_t size)
{
	struct pollfd p = { .fd = fd, .events = POLLIN };

	if (poll(&p, 1, TRIAL_MS) <= 0) return -ETIMEDOUT;
	ssize_t n = recv(fd, to, size, 0);
	return n < 0 ? -errno : n;
}

/* The head of the answer. HTTP's status, or -1. */
static int read_status(struct registry_trial *t, const char *host, const char *port,
	struct tls *tls, int fd)
{
	struct http h;
	char chunk[2048];
	ssize_t n = 0;

	http_init(&h, NULL, NULL);
	while (n >= 0 && h.state <= HTTP_HEADERS) {
		n = tls ? tls_read(tls, chunk, sizeof chunk) : receive(fd, chunk, sizeof chunk);
		n = n ? n < 0 ? n : http_feed(&h, chunk, (size_t)n) : -ECONNRESET;
	}
	int status = h.status;
	http_free(&h);
	return n < 0 ? fail_at(t, host, port, strerror((int)-n)) : status;
}

static int refuse(struct registry_trial *t, const char *host, const char *port, int status)
{
	return fail(t, "%s port %s answers with HTTP status %d%s", host, port, status,
		status == 407 ? ": it does not accept the user and password of its URL" : "");
}

/* A connection to the target by way of a proxy. */
static int reach_by_proxy(struct registry_trial *t, const struct proxy_url *url)
{
	_cleanup_buf_ struct buf request = {0};
	char port[8];

	snprintf(port, sizeof port, "%u", (unsigned)url->port);
	int fd = reach(t, url->host, port);
	if (fd < 0) return fd;
	proxy_request(url, t->address.len ? NULL : t->to.host, &t->address,
		(uint16_t)atoi(t->to.port), &request);
	int r = io_write_fd(fd, request.data, request.len);
	int status = r < 0 ? fail_at(t, url->host, port, strerror(-r))
		: read_status(t, url->host, port, NULL, fd);
	if (status / 100 == 2) return fd;
	close(fd);
	return status < 0 ? status : refuse(t, url->host, port, status);
}

/* 200, 401 (a token is needed) and the like are a registry's. */
static int judge(struct registry_trial *t, int status)
{
	if (status < 0 || (status < 500 && status != 407)) return status;
	return refuse(t, t->to.host, t->to.port, status);
}

static int load_authorities(struct registry_trial *t, struct buf *pem)
{
	struct ca_bundle b;

	if (*t->to.ca_file) {
		int r = io_read(t->to.ca_file, pem, 1 << 24);
		return r < 0 ? fail(t, "%.100s: %s", t->to.ca_file, strerror(-r)) : 0;
	}
	ca_collect(&b);
	ca_print(&b, pem);
	ca_free(&b);
	return 0;
}

/* An authority that is not known, such as that of a proxy that inspects TLS, can be made known. */
static int refuse_certificate(struct registry_trial *t, const struct tls *tls)
{
	char issuer[64];

	tls_unknown_issuer(tls, issuer, sizeof issuer);
	return *issuer ? fail(t, "%.60s port %s: %s, but by \"%s\": name a file with that one's "
		"certificate by %s", t->to.host, t->to.port, tls_error(tls), issuer,
		*t->to.ca_file ? "ca_file in " REGISTRIES : "SSL_CERT_FILE")
		: fail_at(t, t->to.host, t->to.port, tls_error(tls));
}

/* containerd speaks TLS 1.3, which is not spoken here: a server that insists is there, too. */
static int ask_tls(struct registry_trial *t, int fd, const struct buf *request)
{
	_cleanup_buf_ struct buf pem = {0};
	struct err e = {0};

	if (t->to.unverified) return 0;
	if (load_authorities(t, &pem) < 0) return -1;
	struct tls_config c = { .ca_pem = pem.data ? pem.data : "", .name = t->to.host };
	struct tls *tls = tls_new(fd, &c, TRIAL_MS, &e);
	if (!tls) return fail(t, "%s", e.text);
	int r = tls_write(tls, request->data, request->len);
	if (!r) r = judge(t, read_status(t, t->to.host, t->to.port, tls, fd));
	else if (r == -EPROTO && tls_needs_newer(tls)) r = 0;
	else r = refuse_certificate(t, tls);
	tls_free(tls);
	return r;
}

static int ask(struct registry_trial *t, const struct proxy_url *proxy)
{
	_cleanup_buf_ struct buf request = {0};
	const struct registry_target *to = &t->to;
	char port[8] = "";

	if (proxy) snprintf(port, sizeof port, "%u", (unsigned)proxy->port);
	_cleanup_close_ int fd = !proxy ? reach(t, to->host, to->port)
		: to->plain ? reach(t, proxy->host, port) : reach_by_proxy(t, proxy);
	if (fd < 0) return -1;
	if (t->connect_only) return 0;
	buf_puts(&request, "GET ");
	if (proxy && to->plain) buf_printf(&request, "http://%s:%s", to->host, to->port);
	buf_printf(&request, "/v2/ HTTP/1.1\r\nHost: %s:%s\r\nUser-Agent: k3sbox\r\n", to->host,
		to->port);
	if (proxy && to->plain && *proxy->authorization)
		buf_printf(&request, "Proxy-Authorization: %s\r\n", proxy->authorization);
	buf_puts(&request, "Connection: close\r\n\r\n");
	snprintf(t->step, sizeof t->step, "%s port %s", to->host, to->port);
	if (!to->plain) return ask_tls(t, fd, &request);
	int r = io_write_fd(fd, request.data, request.len);
	return r < 0 ? fail_at(t, to->host, to->port, strerror(-r))
		: judge(t, read_status(t, to->host, to->port, NULL, fd));
}

/* In a child. */
static int try(void *arg)
{
	struct registry_trial *t = arg;
	const char *url = t->to.plain ? http_proxy() : https_proxy();
	const char *except = for_containerd("CONTAINERD_NO_PROXY", "CONTAINERD_no_proxy",
		proxy_exceptions_from_environment());
	struct proxy_url proxy;
	struct err e = {0};

	ip_parse(&t->address, t->to.host, strlen(t->to.host));
	if (url && proxy_is_excepted(except, t->address.len ? NULL : t->to.host, &t->address,
		(uint16_t)atoi(t->to.port)))
		url = NULL;
	if (url && proxy_parse(url, &proxy, &e) < 0) return fail(t, "%s", e.text) < 0;
	t->by_proxy = url;
	return ask(t, url ? &proxy : NULL) < 0;
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
	choose(o, &t->to);
	t->connect_only = !o->for_doctor;
	int e = spawn_call(try, t, t->connect_only ? SHORT_MS : TRIAL_MS);
	if (e < 0) fail(t, "%s: %s", t->step, strerror(-e));
	if (e)
		probe_obstacle(r, settled ? KIND_REGISTRY_FAILS : KIND_REGISTRY_ABSENT,
			"images cannot be pulled%s: %s", t->by_proxy ? " by way of the proxy" : "",
			t->why);
	munmap(t, sizeof *t);
}
