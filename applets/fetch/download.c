/* Downloads. Whether what has come is right, and where it goes in the end, is decided in
 * place.c. */
#include "fetch/download.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/clock.h"
#include "base/die.h"
#include "base/io.h"
#include "base/spawn.h"
#include "base/text.h"
#include "net/ca.h"

enum { CONNECT_MS = 5000, WAIT_MS = 30000, REDIRECTS_MAX = 10 };
enum { BAR = 30, SHOW_MS = 200, LINE_MS = 3000 };

/* ---- what has come ---- */

/* Gives all of what a file has to the function. 0 or -errno. */
static int read_all(int fd, struct download *d,
	int (*use)(struct download *d, const char *p, size_t n))
{
	char chunk[16384];
	ssize_t n;
	int r = 0;

	while (!r && (n = read(fd, chunk, sizeof chunk)))
		r = n < 0 ? -errno : use(d, chunk, (size_t)n);
	return r;
}

static int count(struct download *d, const char *p, size_t n)
{
	sha256_add(&d->sum, p, n);
	d->have += n;
	return 0;
}

int download_load(struct download *d)
{
	d->have = 0;
	sha256_init(&d->sum);
	return lseek(d->fd, 0, SEEK_SET) < 0 ? -errno : read_all(d->fd, d, count);
}

/* On a terminal a bar, elsewhere a line every few seconds. */
static void show(struct download *d, bool last)
{
	static const char bar[] = "##############################";
	bool terminal = isatty(STDOUT_FILENO);
	int64_t now = clock_ms();
	uint64_t total = d->web.http.length < 0 ? 0 : d->first + (uint64_t)d->web.http.length;

	if (!d->name || !d->begun) return;
	if (last ? !terminal : now < d->shown + (terminal ? SHOW_MS : LINE_MS)) return;
	d->shown = now;
	if (terminal) printf("\r[%-*.*s] ", BAR, total ? (int)(d->have * BAR / total) : 0, bar);
	printf("%s: %u", d->name, (unsigned)(d->have >> 20));
	if (total) printf(" of %u", (unsigned)(total >> 20));
	printf(" MB%s", terminal && !last ? "" : "\n");
	fflush(stdout);
}

static int put(struct download *d, const char *p, size_t n)
{
	d->write_error = io_write_fd(d->fd, p, n);
	show(d, false);
	return d->write_error ? d->write_error : count(d, p, n);
}

/* The answer is all of it, or what follows the part that is there. */
static int begin(struct download *d)
{
	d->begun = true;
	d->shown = clock_ms();
	if (d->web.http.status == 206) {
		d->first = d->have;
		return d->fits ? 0 : -EBADMSG;
	}
	d->first = 0;
	if (ftruncate(d->fd, 0) < 0) return d->write_error = -errno;
	return download_load(d);
}

static int take(void *arg, const char *p, size_t n)
{
	struct download *d = arg;
	int r = 0;

	if (d->web.http.status / 100 != 2) return 0;
	if (!d->begun) r = begin(d);
	return r ? r : put(d, p, n);
}

static void take_header(void *arg, const char *name, const char *value)
{
	struct download *d = arg;
	uint64_t at;

	if (!strcasecmp(name, "location")) {
		free(d->location);
		d->location = xstrdup(value);
	}
	if (!strcasecmp(name, "content-range"))
		d->fits = !strncmp(value, "bytes ", 6) && text_number(value + 6, &at) &&
			at == d->have;
}

int download_copy(struct download *d, const char *file, struct err *e)
{
	_cleanup_close_ int fd = open(file, O_RDONLY | O_CLOEXEC);
	int r = fd < 0 ? -errno : begin(d);

	if (!r) r = read_all(fd, d, put);
	return r < 0 ? err_errno(e, r, "%s", file) : 0;
}

/* ---- a request ---- */

/* What cannot be used of what the environment names is said once. */
static const struct buf *authorities(void)
{
	static struct buf pem;
	_cleanup_strv_ struct strv problems = {0};

	if (!pem.data) ca_load(&pem, &problems);
	for (size_t i = 0; i < problems.n; i++) warn("%s", problems.v[i]);
	return &pem;
}

static int exchange(struct download *d, struct err *e)
{
	struct web *w = &d->web;
	struct tls_config c = { .ca_pem = authorities()->data, .name = w->url.host };
	_cleanup_buf_ struct buf request = {0};
	char range[48] = "";
	int r = web_connect(w, proxy_from_environment(), proxy_exceptions_from_environment(), e);

	w->http.sink = take;
	w->http.header = take_header;
	w->http.arg = d;
	if (d->have)
		snprintf(range, sizeof range, "Range: bytes=%llu-\r\n",
			(unsigned long long)d->have);
	web_put_request(w, range, &request);
	if (!r) r = web_send(w, &c, &request, e);
	if (!r) r = web_receive(w, false, e);
	if (!r && w->http.status / 100 == 2) r = web_receive(w, true, e);
	show(d, true);
	web_close(w);
	return r < 0 ? r : w->http.status;
}

/* The status of the answer, or -errno. */
static int request(struct download *d, const char *url, struct err *e)
{
	d->web = (struct web){ .connect_ms = CONNECT_MS, .timeout_ms = WAIT_MS,
		.setting = "SSL_CERT_FILE" };
	d->begun = d->fits = false;
	free(d->location);
	d->location = NULL;
	if (!url_parse(url, &d->web.url) || d->web.url.plain)
		return err_set(e, -EINVAL, "%s: not https", url);
	return exchange(d, e);
}

/* ---- other programs ---- */

/* For a server that speaks only TLS 1.3. wget follows no redirects then, because it cannot be told
 * to keep to https; busybox's does not know the last option, and fails instead of trusting
 * everybody. */
static int get_by_tool(struct download *d, const char *url, struct err *e)
{
	enum { CA = 5, URL, WORDS = 8 };
	static const char *tools[][WORDS] = {
		{ "curl", "-fsSL", "--proto", "=https", "--cacert" },
		{ "wget", "-qO-", "--no-config", "--max-redirect=0", "--ca-certificate" },
	};
	const struct buf *pem = authorities();
	_cleanup_close_ int in = io_memory(pem->data, pem->len);
	char path[PATH_MAX];
	size_t i = 0;

	while (i < 2 && io_find_program(*tools[i], getenv("PATH"), path, sizeof path)) i++;
	if (i == 2 || in < 0) return -EPROTONOSUPPORT;
	tools[i][CA] = "/proc/self/fd/0";
	tools[i][URL] = url;
	if (d->web.by_proxy) setenv("https_proxy", proxy_from_environment(), 0);
	warn("%s; using %s", e->text, path);
	d->web.http.status = 200;
	int r = begin(d);
	if (!r) r = spawn(&(struct spawn){ .path = path, .argv = (char *const *)tools[i], .in = in,
		.out = d->fd, .err = -1, .die_with_parent = SIGTERM });
	if (r > 0) r = spawn_wait(r);
	if (!r) return download_load(d);
	return r < 0 ? err_errno(e, r, "%s", path)
		: err_set(e, -EIO, "%s ends with exit status %d", path, spawn_status(r));
}

/* ---- redirects ---- */

const char *download_version(const char *location)
{
	const char *name = location ? strrchr(location, '/') : NULL;

	return name && name[1] == 'v' ? name + 1 : NULL;
}

/* Puts the URL that the answer names in the place of this one (RFC 3986, 5.2). */
static void follow(struct download *d, char **url)
{
	const char *to = d->location;
	long kept = 0;

	if (*to != '/' && !strstr(to, "://")) kept = strrchr(*url, '/') + 1 - *url;
	else if (*to == '/' && to[1] == '/') kept = (long)strlen("https:");
	else if (*to == '/') kept = d->web.url.path - *url;
	char *next = xasprintf("%.*s%s", (int)kept, *url, to);
	free(*url);
	*url = next;
}

int download_get(struct download *d, const char *base, const char *name, struct err *e)
{
	_cleanup_free_ char *url = xasprintf(name ? "%s/%s" : "%s", base, name);

	for (int n = 0; n <= REDIRECTS_MAX; n++) {
		int r = request(d, url, e);
		if (r == -EPROTONOSUPPORT && !d->to_version) return get_by_tool(d, url, e);
		if (r < 0 || r / 100 == 2) return r < 0 ? r : 0;
		if (r / 100 != 3 || !d->location)
			return err_set(e, -ENOENT, "%.*s: HTTP status %d", (int)strcspn(url, "?"),
				url, r);
		if (d->to_version && download_version(d->location)) return 0;
		follow(d, &url);
	}
	return err_set(e, -ELOOP, "%s: more than %d redirects", base, REDIRECTS_MAX);
}
