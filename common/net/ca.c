/* Collects certificates of authorities. Whether one can be trusted is for those to judge who get
 * the bundle; here it only has to look like a certificate. */
#include "net/ca.h"

#include <dirent.h>
#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "base/cleanup.h"
#include "base/die.h"
#include "base/io.h"
#include "net/pem.h"

enum { FILE_MAX = 16 << 20, CERTIFICATES_MAX = 4096 };

/* crypto/x509/root_linux.go */
static const char *const system_files[] = {
	"/etc/ssl/certs/ca-certificates.crt", "/etc/pki/tls/certs/ca-bundle.crt",
	"/etc/ssl/ca-bundle.pem", "/etc/pki/tls/cacert.pem",
	"/etc/pki/ca-trust/extracted/pem/tls-ca-bundle.pem", "/etc/ssl/cert.pem",
};

static const struct { const char *name; bool list; } variables[] = {
	{ "SSL_CERT_FILE", false }, { "SSL_CERT_DIR", true }, { "NODE_EXTRA_CA_CERTS", false },
	{ "REQUESTS_CA_BUNDLE", false }, { "CURL_CA_BUNDLE", false },
};

/* A SEQUENCE, as long as the whole, that begins with another one. */
static bool looks_like_certificate(const uint8_t *p, size_t len)
{
	enum { SEQUENCE = 0x30 };
	size_t head = 2, n;

	if (len < 8 || p[0] != SEQUENCE) return false;
	n = p[1];
	if (n & 0x80) {
		size_t bytes = n & 0x7f;
		if (!bytes || bytes > 3) return false;
		head += bytes;
		n = 0;
		for (size_t i = 2; i < head; i++) n = n << 8 | p[i];
	}
	return head + n == len && p[head] == SEQUENCE;
}

static bool has(const struct ca_bundle *b, const uint8_t *der, size_t len)
{
	for (size_t i = 0; i < b->n; i++)
		if (b->v[i].len == len && !memcmp(b->v[i].der, der, len)) return true;
	return false;
}

static bool add(void *arg, const uint8_t *der, size_t len)
{
	struct ca_bundle *b = arg;

	if (!looks_like_certificate(der, len) || b->n == CERTIFICATES_MAX) return false;
	if (has(b, der, len)) return true;
	b->v = xrealloc(b->v, (b->n + 1) * sizeof *b->v);
	struct ca_certificate *c = &b->v[b->n++];
	*c = (struct ca_certificate){ xmalloc(len), len };
	memcpy(c->der, der, len);
	return true;
}

int ca_add_text(struct ca_bundle *b, const char *pem, unsigned *broken)
{
	return pem_each(pem, "CERTIFICATE", add, b, broken);
}

/* In a directory, files that are something else are no problem. */
static void add_file(struct ca_bundle *b, const char *variable, const char *path, bool alone)
{
	_cleanup_buf_ struct buf text = {0};
	unsigned broken = 0;
	int r = io_read(path, &text, FILE_MAX), n;
	const char *what = NULL;

	n = r < 0 ? 0 : ca_add_text(b, text.data ? text.data : "", &broken);
	if (r < 0) what = strerror(-r);
	else if (!n) what = "no certificate in it";
	else if (broken) what = "damaged certificates in it are skipped";
	if (alone && what)
		strv_addf(&b->problems, "%s: %s: %s",
			variable ? variable : "the system's bundle", path, what);
}

void ca_add_path(struct ca_bundle *b, const char *variable, const char *path)
{
	_cleanup_closedir_ DIR *d = opendir(path);
	size_t before = b->n;
	char file[PATH_MAX];

	if (!d) add_file(b, variable, path, true);
	for (struct dirent *e; d && (e = readdir(d));)
		if (*e->d_name != '.' && !io_join(file, sizeof file, path, e->d_name))
			add_file(b, variable, file, false);
	if (variable && b->n > before && !strv_has(&b->sources, variable))
		strv_add(&b->sources, variable);
}

/* Several directories, separated by colons. */
static void add_paths(struct ca_bundle *b, const char *variable, const char *list)
{
	_cleanup_free_ char *copy = xstrdup(list);
	char *rest = copy, *path;

	while ((path = strsep(&rest, ":")))
		if (*path) ca_add_path(b, variable, path);
}

/* Does an earlier variable name the same, or the system's bundle of this name? */
static bool is_named_before(size_t variable, const char *v, const char *bundle)
{
	for (size_t i = 0; i < variable; i++) {
		const char *other = getenv(variables[i].name);
		if (other && !strcmp(other, v)) return true;
	}
	return bundle && !strcmp(bundle, v);
}

void ca_collect(struct ca_bundle *b)
{
	const char *bundle = NULL;

	*b = (struct ca_bundle){0};
	for (size_t i = 0; !b->n && i < sizeof system_files / sizeof *system_files; i++) {
		if (!io_exists(system_files[i])) continue;
		bundle = system_files[i];
		ca_add_path(b, NULL, bundle);
	}
	b->system = b->n;
	for (size_t i = 0; i < sizeof variables / sizeof *variables; i++) {
		const char *v = getenv(variables[i].name);
		if (!v || !*v || is_named_before(i, v, bundle)) continue;
		if (variables[i].list) add_paths(b, variables[i].name, v);
		else ca_add_path(b, variables[i].name, v);
	}
}

void ca_free(struct ca_bundle *b)
{
	for (size_t i = 0; i < b->n; i++) free(b->v[i].der);
	free(b->v);
	strv_free(&b->sources);
	strv_free(&b->problems);
	*b = (struct ca_bundle){0};
}

void ca_print(const struct ca_bundle *b, struct buf *out)
{
	for (size_t i = 0; i < b->n; i++)
		pem_write("CERTIFICATE", b->v[i].der, b->v[i].len, out);
}

void ca_load(struct buf *out, struct strv *problems)
{
	struct ca_bundle b;

	ca_collect(&b);
	ca_print(&b, out);
	buf_puts(out, "");
	for (size_t i = 0; problems && i < b.problems.n; i++) strv_add(problems, b.problems.v[i]);
	ca_free(&b);
}
