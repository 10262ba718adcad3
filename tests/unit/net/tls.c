/* The TLS client against BearSSL's own server in a child, over a socket pair: who is let in and
 * who is not. */
#include "base/err.h"
#include "net/tls.h"

#include <bearssl.h>
#include <errno.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/buf.h"
#include "base/io.h"
#include "tls_certs.h"
#include "net/pem.h"
#include "unit.h"

struct server { const char *cert, *key; const char *client_ca; bool mute; };

static void add(void *arg, const void *p, size_t n)
{
	buf_add(arg, p, n);
}

static int sock_read(void *arg, unsigned char *p, size_t n)
{
	ssize_t k = read(*(int *)arg, p, n);
	return k > 0 ? (int)k : -1;
}

static int sock_write(void *arg, const unsigned char *p, size_t n)
{
	ssize_t k = write(*(int *)arg, p, n);
	return k > 0 ? (int)k : -1;
}

/* Asks for a client certificate of that authority (if one is given), answers a first line with
 * "hello, client", closes. */
static int serve(int fd, const struct server *s)
{
	static br_ssl_server_context sc;
	static br_x509_minimal_context xc;
	static unsigned char io[BR_SSL_BUFSIZE_BIDI];
	br_sslio_context sio;
	struct buf cert = tls_certs_der(s->cert), key = tls_certs_der(s->key), dn = {0};
	struct buf ca = s->client_ca ? tls_certs_der(s->client_ca) : (struct buf){0};
	br_x509_certificate chain = { (unsigned char *)cert.data, cert.len };
	br_skey_decoder_context sk;
	br_x509_decoder_context xd;
	br_x509_trust_anchor ta = {0};
	char c;

	if (s->mute) for (;;) pause();
	br_skey_decoder_init(&sk);
	br_skey_decoder_push(&sk, key.data, key.len);
	br_ssl_server_init_full_ec(&sc, &chain, 1, BR_KEYTYPE_EC, br_skey_decoder_get_ec(&sk));
	if (s->client_ca) {
		br_x509_decoder_init(&xd, add, &dn);
		br_x509_decoder_push(&xd, ca.data, ca.len);
		ta = (br_x509_trust_anchor){ { (unsigned char *)dn.data, dn.len }, BR_X509_TA_CA,
			*br_x509_decoder_get_pkey(&xd) };
		br_x509_minimal_init_full(&xc, &ta, 1);
		br_ssl_engine_set_x509(&sc.eng, &xc.vtable);
		br_ssl_server_set_trust_anchor_names_alt(&sc, &ta, 1);
		br_ssl_engine_set_default_rsavrfy(&sc.eng);
		br_ssl_engine_set_default_ecdsa(&sc.eng);
	}
	br_ssl_engine_set_buffer(&sc.eng, io, sizeof io, 1);
	br_ssl_server_reset(&sc);
	br_sslio_init(&sio, &sc.eng, sock_read, &fd, sock_write, &fd);
	do if (br_sslio_read(&sio, &c, 1) < 0) return 1;
	while (c != '\n');
	br_sslio_write_all(&sio, "hello, ", 7);
	br_sslio_write_all(&sio, "client", 6);
	br_sslio_close(&sio);
	return 0;
}

static char answer[64], why[200];

/* 0 and the answer, or what failed with tls_error() in why. */
static int talk(const struct server *s, const struct tls_config *c)
{
	int pair[2];
	*answer = *why = 0;
	if (socketpair(AF_UNIX, SOCK_STREAM, 0, pair)) return -1;
	pid_t pid = fork();
	if (!pid) {
		close(pair[0]);
		_exit(serve(pair[1], s));
	}
	close(pair[1]);
	struct err e = {0};
	struct tls *t = tls_new(pair[0], c, s->mute ? 300 : 10000, &e);
	snprintf(why, sizeof why, "%.199s", e.text);
	int r = t ? tls_write(t, "hi\n", 3) : -EINVAL;
	for (size_t at = 0; !r && at < sizeof answer - 1;) {
		ssize_t n = tls_read(t, answer + at, sizeof answer - 1 - at);
		if (n <= 0) {
			r = (int)n;
			answer[at] = 0;
			break;
		}
		at += (size_t)n;
	}
	if (t && r < 0) snprintf(why, sizeof why, "%s", tls_error(t));
	tls_free(t);
	close(pair[0]);
	kill(pid, SIGKILL);
	waitpid(pid, NULL, 0);
	return r;
}

static const struct server plain = { pem_server_crt, pem_server_key, NULL, false };
static const struct server asking = { pem_server_crt, pem_server_key, pem_client_ca_crt, false };

TEST(by_name_and_by_address)
{
	static const char *const good[] = { "localhost", "kubernetes", "127.0.0.1", "10.43.0.1",
		"::1" };
	for (size_t i = 0; i < sizeof good / sizeof *good; i++) {
		CHECK(talk(&plain, &(struct tls_config){ pem_server_ca_crt, NULL, NULL,
			good[i] }) == 0);
		CHECK_STR(answer, "hello, client");
	}
}

TEST(another_name)
{
	static const char *const bad[] = { "example.org", "127.0.0.2", "::2", "ocalhost",
		"10.43.0.10" };
	for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
		CHECK(talk(&plain, &(struct tls_config){ pem_server_ca_crt, NULL, NULL,
			bad[i] }) == -EPROTO);
		CHECK(strstr(why, "another name") && !*answer);
	}
	/* an address that stands there as a DNS name is none */
	CHECK(talk(&(struct server){ pem_nosan_crt, pem_nosan_key, NULL, false },
		&(struct tls_config){ pem_server_ca_crt, NULL, NULL, "127.0.0.1" })
		== -EPROTO);
}

TEST(another_authority)
{
	CHECK(talk(&plain, &(struct tls_config){ pem_other_ca_crt, NULL, NULL,
		"localhost" }) == -EPROTO);
	CHECK(strstr(why, "not signed"));
	/* of several authorities one will do */
	char both[sizeof pem_other_ca_crt + sizeof pem_server_ca_crt];
	snprintf(both, sizeof both, "%s%s", pem_other_ca_crt, pem_server_ca_crt);
	CHECK(talk(&plain, &(struct tls_config){ both, NULL, NULL, "localhost" }) == 0);
}

static bool take_issuer(void *arg, const uint8_t *der, size_t len)
{
	return tls_cert_issuer(der, len, arg, 100);
}

TEST(issuers)
{
	char name[100];
	unsigned broken = 0;

	CHECK(pem_each(pem_server_crt, "CERTIFICATE", take_issuer, name, &broken) > 0);
	CHECK_STR(name, "server-ca");
	CHECK(!tls_cert_issuer((const uint8_t *)"\x30\x02\x30\x00", 4, name, sizeof name));
}

TEST(expired)
{
	CHECK(talk(&(struct server){ pem_expired_crt, pem_expired_key, NULL, false },
		&(struct tls_config){ pem_server_ca_crt, NULL, NULL, "127.0.0.1" })
		== -EPROTO);
	CHECK(strstr(why, "expired"));
}

TEST(client_certificates)
{
	CHECK(talk(&asking, &(struct tls_config){ pem_server_ca_crt, pem_client_crt, pem_client_key,
		"127.0.0.1" }) == 0);
	CHECK(talk(&asking, &(struct tls_config){ pem_server_ca_crt, pem_client_crt,
		pem_client_key8, "127.0.0.1" }) == 0);
	CHECK(talk(&asking, &(struct tls_config){ pem_server_ca_crt, pem_rsa_crt, pem_rsa_key,
		"127.0.0.1" }) == 0);
	CHECK_STR(answer, "hello, client");
	CHECK(talk(&asking, &(struct tls_config){ pem_server_ca_crt, pem_server_crt, pem_server_key,
		"127.0.0.1" }) < 0);
	CHECK(talk(&asking, &(struct tls_config){ pem_server_ca_crt, NULL, NULL,
		"127.0.0.1" }) < 0);
}

TEST(bad_pem)
{
	CHECK(talk(&plain, &(struct tls_config){ "no PEM", NULL, NULL, "localhost" }) == -EINVAL);
	CHECK(strstr(why, "certificate authority"));
	CHECK(talk(&asking, &(struct tls_config){ pem_server_ca_crt, "x", pem_client_key,
		"localhost" }) == -EINVAL);
	CHECK(talk(&asking, &(struct tls_config){ pem_server_ca_crt, pem_client_crt, pem_client_crt,
		"localhost" }) == -EINVAL);
	CHECK(strstr(why, "client key"));
	char cut[200];
	memcpy(cut, pem_server_ca_crt, sizeof cut - 1);
	cut[sizeof cut - 1] = 0;
	CHECK(talk(&plain, &(struct tls_config){ cut, NULL, NULL, "localhost" }) == -EINVAL);
}

TEST(a_server_that_is_silent)
{
	CHECK(talk(&(struct server){ pem_server_crt, pem_server_key, NULL, true },
		&(struct tls_config){ pem_server_ca_crt, NULL, NULL, "localhost" })
		== -ETIMEDOUT);
	CHECK(*why);
}

TEST(a_server_that_goes)
{
	int pair[2];
	CHECK(!socketpair(AF_UNIX, SOCK_STREAM, 0, pair));
	close(pair[1]);
	struct tls *t = tls_new(pair[0],
		&(struct tls_config){ pem_server_ca_crt, NULL, NULL, "localhost" }, 1000,
		NULL);
	CHECK(t && tls_write(t, "x", 1) == -EPIPE);
	tls_free(t);
	close(pair[0]);
}

TEST(addresses_in_certificates)
{
	static const uint8_t ip[] = { 127, 0, 0, 1 }, other[] = { 127, 0, 0, 2 };
	struct buf c = tls_certs_der(pem_server_crt), n = tls_certs_der(pem_nosan_crt);
	const uint8_t *d = (const uint8_t *)c.data;
	CHECK(tls_cert_has_ip(d, c.len, ip, 4) && !tls_cert_has_ip(d, c.len, other, 4) &&
		!tls_cert_has_ip(d, c.len, ip, 3));
	CHECK(!tls_cert_has_ip((const uint8_t *)n.data, n.len, ip, 4));
	/* cut anywhere, and with any one byte wrong: no crash, no address out of thin air */
	for (size_t len = 0; len < c.len; len++) CHECK(!tls_cert_has_ip(d, len, other, 4));
	for (size_t i = 0; i < c.len; i++) {
		for (int bit = 0; bit < 8; bit++) {
			c.data[i] = (char)(c.data[i] ^ (1 << bit));
			(void)tls_cert_has_ip(d, c.len, ip, 4);
			c.data[i] = (char)(c.data[i] ^ (1 << bit));
		}
	}
	buf_free(&c);
	buf_free(&n);
}

static void append(void *arg, const void *p, size_t n)
{
	buf_add(arg, p, n);
}

static bool same_bytes(const void *a, size_t an, const void *b, size_t bn)
{
	return an == bn && !memcmp(a, b, an);
}

/* BearSSL's own decoder says the same. */
static bool same_anchor(void *arg, const uint8_t *der, size_t len)
{
	struct buf dn = {0};
	br_x509_decoder_context dec;
	br_x509_trust_anchor a;
	unsigned *compared = arg;

	br_x509_decoder_init(&dec, append, &dn);
	br_x509_decoder_push(&dec, der, len);
	const br_x509_pkey *k = br_x509_decoder_get_pkey(&dec);
	bool same = tls_read_anchor(der, len, &a) == (k != NULL);
	if (same && k) {
		const br_rsa_public_key *r = &k->key.rsa, *mine = &a.pkey.key.rsa;
		same = same_bytes(a.dn.data, a.dn.len, dn.data, dn.len) &&
			a.flags == (br_x509_decoder_isCA(&dec) ? BR_X509_TA_CA : 0) &&
			a.pkey.key_type == k->key_type && (k->key_type == BR_KEYTYPE_RSA
			? same_bytes(mine->n, mine->nlen, r->n, r->nlen) &&
			same_bytes(mine->e, mine->elen, r->e, r->elen)
			: a.pkey.key.ec.curve == k->key.ec.curve && same_bytes(a.pkey.key.ec.q,
			a.pkey.key.ec.qlen, k->key.ec.q, k->key.ec.qlen));
		*compared += 1;
	}
	buf_free(&dn);
	return same;
}

TEST(authorities_are_read_as_bearssl_reads_them)
{
	static const char *const own[] = { pem_server_ca_crt, pem_client_ca_crt, pem_server_crt,
		pem_rsa_crt, pem_nosan_crt };
	_cleanup_buf_ struct buf all = {0};
	unsigned n = 0, compared = 0, broken;

	for (size_t i = 0; i < sizeof own / sizeof *own; i++)
		CHECK(pem_each(own[i], "CERTIFICATE", same_anchor, &compared, NULL) == 1);
	CHECK(compared == 5);
	if (io_read("/etc/ssl/certs/ca-certificates.crt", &all, 1 << 24) < 0) return;
	for (const char *p = all.data; (p = strstr(p, "-----BEGIN CERTIFICATE")); p++) n++;
	CHECK((unsigned)pem_each(all.data, "CERTIFICATE", same_anchor, &compared, &broken) == n);
}

TEST(cut_authorities)
{
	struct buf der = tls_certs_der(pem_server_ca_crt);
	br_x509_trust_anchor a;

	for (size_t n = 0; n < der.len; n++) {
		uint8_t *cut = malloc(n + 1);   /* for the sanitizer */
		memcpy(cut, der.data, n);
		CHECK(!tls_read_anchor(cut, n, &a));
		free(cut);
	}
	buf_free(&der);
}

UNIT_MAIN("tls")
