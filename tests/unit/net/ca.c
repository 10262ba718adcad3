/* Bundles of certificate authorities: what is taken, what is skipped, and what is said about it. */
#include "net/ca.h"

#include <stdlib.h>
#include <unistd.h>

#include "base/io.h"
#pragma GCC diagnostic ignored "-Wunused-const-variable"
#include "tls_certs.h"
#include "unit.h"

#define CA pem_server_ca_crt
#define OTHER_CA pem_other_ca_crt
#define KEY pem_server_key

static int add(struct ca_bundle *b, const char *pem, unsigned *broken)
{
	*broken = 0;
	return ca_add_text(b, pem, broken);
}

TEST(each_certificate_once)
{
	_cleanup_ca_ struct ca_bundle b = {0};
	_cleanup_buf_ struct buf twice = {0}, out = {0}, again = {0};
	unsigned broken;

	buf_printf(&twice, "# a comment\n%s\r\n%s%s", CA, CA, OTHER_CA);
	CHECK(add(&b, twice.data, &broken) == 3 && !broken && b.n == 2);
	CHECK(add(&b, CA, &broken) == 1 && b.n == 2);
	ca_print(&b, &out);
	_cleanup_ca_ struct ca_bundle c = {0};
	CHECK(add(&c, out.data, &broken) == 2 && !broken && c.n == 2);
	ca_print(&c, &again);
	CHECK(out.len == again.len && !memcmp(out.data, again.data, out.len));
}

TEST(what_is_damaged_is_skipped)
{
	_cleanup_ca_ struct ca_bundle b = {0};
	_cleanup_buf_ struct buf text = {0};
	unsigned broken;

	CHECK(!add(&b, "", &broken) && !broken);
	CHECK(!add(&b, "no certificate\n", &broken) && !broken);
	CHECK(!add(&b, KEY, &broken) && !b.n);
	buf_printf(&text, "-----BEGIN CERTIFICATE-----\n*!\n-----END CERTIFICATE-----\n%s", CA);
	CHECK(add(&b, text.data, &broken) == 1 && broken == 1 && b.n == 1);
	buf_printf(&text, "-----BEGIN CERTIFICATE-----\nMIIB");
	CHECK(add(&b, text.data, &broken) == 1 && broken == 2 && b.n == 1);
	/* base64 of something else */
	CHECK(!add(&b, "-----BEGIN CERTIFICATE-----\naGVsbG8sIHdvcmxk\n-----END CERTIFICATE-----\n",
		&broken));
}

static char dir[] = "/tmp/k3sbox-unit-ca.XXXXXX";

static const char *file(const char *name, const char *text)
{
	static char path[128];

	snprintf(path, sizeof path, "%s/%s", dir, name);
	if (text) io_replace(path, 0644, text, strlen(text));
	return path;
}

TEST(files_and_directories_that_variables_name)
{
	_cleanup_ca_ struct ca_bundle b = {0};
	_cleanup_buf_ struct buf text = {0};

	CHECK(mkdtemp(dir) != NULL);
	file("README", "no certificate");
	file("a.pem", CA);
	ca_add_path(&b, "SSL_CERT_DIR", dir);
	CHECK(b.n == 1 && !b.problems.n && strv_has(&b.sources, "SSL_CERT_DIR"));
	ca_add_path(&b, "SSL_CERT_FILE", file("a.pem", CA));
	CHECK(b.n == 1 && !b.problems.n && b.sources.n == 1);
	ca_add_path(&b, "NODE_EXTRA_CA_CERTS", file("README", NULL));
	ca_add_path(&b, "CURL_CA_BUNDLE", file("none", NULL));
	CHECK(b.problems.n == 2 && strstr(b.problems.v[0], "NODE_EXTRA_CA_CERTS: /tmp/") &&
		strstr(b.problems.v[0], "/README: no certificate in it"));
	CHECK(strstr(b.problems.v[1], "/none: No such file"));
	buf_printf(&text, "-----BEGIN CERTIFICATE-----\n*\n-----END CERTIFICATE-----\n%s", OTHER_CA);
	ca_add_path(&b, "REQUESTS_CA_BUNDLE", file("b.pem", text.data));
	CHECK(b.n == 2 && b.problems.n == 3 && strstr(b.problems.v[2], "damaged certificates in it"));
	CHECK(strv_has(&b.sources, "REQUESTS_CA_BUNDLE"));
}

TEST(the_environment)
{
	static const char *const names[] = { "SSL_CERT_FILE", "SSL_CERT_DIR", "NODE_EXTRA_CA_CERTS",
		"REQUESTS_CA_BUNDLE", "CURL_CA_BUNDLE" };
	struct ca_bundle b;

	for (size_t i = 0; i < 5; i++) unsetenv(names[i]);
	ca_collect(&b);
	CHECK(b.n == b.system && !b.sources.n && !b.problems.n);
	ca_free(&b);
	setenv("NODE_EXTRA_CA_CERTS", file("a.pem", CA), 1);
	char list[300];
	snprintf(list, sizeof list, "/nowhere:%s", dir);
	setenv("SSL_CERT_DIR", list, 1);
	ca_collect(&b);
	CHECK(b.n == b.system + 2 && b.sources.n == 1 && b.problems.n == 1);
	ca_free(&b);
	io_remove_tree(dir);
}

UNIT_MAIN("ca")
