/* The TLS client: BearSSL's engine, a validator in front of its own, and the socket. */
#include "net/tls.h"

#include <arpa/inet.h>
#include <bearssl.h>
#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/buf.h"
#include "base/clock.h"
#include "base/die.h"
#include "base/err.h"
#include "net/der.h"
#include "net/pem.h"

enum { CERT_MAX = 16 * 1024, CHAIN_MAX = 8 };

/* A validator in front of BearSSL's: br_x509_minimal compares dNSNames only, so when the name is
 * an address it checks everything else, and the leaf certificate is kept for tls_cert_has_ip(). */
struct verifier {
	const br_x509_class *vtable;   /* first: BearSSL finds the object by it */
	br_x509_minimal_context minimal;
	unsigned index;                /* of the certificate in the chain */
	size_t len;
	uint8_t leaf[CERT_MAX];
	uint8_t ip[16];
	size_t ip_len;                 /* 0: the name is a DNS name */
};

struct certs {
	br_x509_certificate v[CHAIN_MAX];
	size_t n;
};

struct tls {
	int fd;
	int64_t end;                   /* monotonic ms */
	int io_error;
	br_ssl_client_context client;
	br_sslio_context io;
	struct verifier verifier;
	br_x509_trust_anchor *anchors;
	size_t anchor_count;
	struct certs chain;
	br_skey_decoder_context key;
	uint8_t iobuf[BR_SSL_BUFSIZE_MONO];
};

/* ---- certificates ---- */

/* tbsCertificate, from its issuer on. */
static bool enter_issuer(const uint8_t *der, size_t len, struct der *tbs)
{
	struct der all = { der, der + len }, cert, item;
	uint8_t tag;

	if (!der_enter(&all, 0x30, &cert) || !der_enter(&cert, 0x30, tbs) ||
		!der_next(tbs, &tag, &item)) return false;
	/* The version may stand before the number. */
	return (tag != 0xa0 || der_next(tbs, &tag, &item)) && der_enter(tbs, 0x30, &item);
}

/* The value of the extension 2.5.29.id; it is in tbsCertificate's element [3]. */
static bool find_extension(struct der tbs, uint8_t id, struct der *value)
{
	struct der item, exts, ext, oid;
	uint8_t tag = 0;

	while (tag != 0xa3)
		if (!der_next(&tbs, &tag, &item)) return false;
	if (!der_enter(&item, 0x30, &exts)) return false;
	while (der_enter(&exts, 0x30, &ext)) {
		if (!der_enter(&ext, 0x06, &oid)) return false;
		if (oid.end - oid.p != 3 || oid.p[0] != 0x55 || oid.p[1] != 0x1d || oid.p[2] != id)
			continue;
		do if (!der_next(&ext, &tag, &item)) return false;
		while (tag != 0x04);   /* past "critical" */
		return der_enter(&item, 0x30, value);
	}
	return false;
}

bool tls_cert_has_ip(const uint8_t *der, size_t len, const uint8_t *ip, size_t ip_len)
{
	enum { SUBJECT_ALT_NAME = 17 };
	struct der tbs, names, name;
	uint8_t tag;

	if (!enter_issuer(der, len, &tbs) || !find_extension(tbs, SUBJECT_ALT_NAME, &names))
		return false;
	while (der_next(&names, &tag, &name))
		if (tag == 0x87 && (size_t)(name.end - name.p) == ip_len &&
			!memcmp(name.p, ip, ip_len))
			return true;
	return false;
}

bool tls_cert_issuer(const uint8_t *der, size_t len, char *out, size_t size)
{
	enum { NAME = 3, ORGANIZATION = 10 };   /* of 2.5.4 */
	struct der tbs, item, set, pair, oid, value;
	uint8_t tag, found = 0;

	if (!enter_issuer(der, len, &tbs) || !der_enter(&tbs, 0x30, &item)) return false;
	while (found != NAME && der_enter(&item, 0x31, &set) && der_enter(&set, 0x30, &pair) &&
		der_enter(&pair, 0x06, &oid) && der_next(&pair, &tag, &value)) {
		bool known = oid.end - oid.p == 3 && oid.p[0] == 0x55 && oid.p[1] == 4;
		if (!known || (oid.p[2] != NAME && oid.p[2] != ORGANIZATION)) continue;
		found = oid.p[2];
		snprintf(out, size, "%.*s", (int)(value.end - value.p), (const char *)value.p);
	}
	return found;
}

/* want begins with its length. */
static bool is_oid(const struct der *d, const char *want)
{
	return d->end - d->p == *want && !memcmp(d->p, want + 1, (size_t)*want);
}

/* An unsigned INTEGER without its leading zeros; it stays where it is. */
static bool take_integer(struct der *from, unsigned char **p, size_t *len)
{
	struct der n;

	if (!der_enter(from, 0x02, &n)) return false;
	while (n.p < n.end && !*n.p) n.p++;
	*p = (unsigned char *)(uintptr_t)n.p;
	*len = (size_t)(n.end - n.p);
	return true;
}

/* A SubjectPublicKeyInfo (RFC 3279, 2.3; RFC 5480) whose parts stay where they are. */
static bool read_pkey(struct der spki, br_x509_pkey *key)
{
	static const struct { const char *oid; int curve; } curves[] = {
		{ "\x08\x2a\x86\x48\xce\x3d\x03\x01\x07", BR_EC_secp256r1 },
		{ "\x05\x2b\x81\x04\x00\x22", BR_EC_secp384r1 },
		{ "\x05\x2b\x81\x04\x00\x23", BR_EC_secp521r1 },
	};
	struct der algorithm, oid, bits, rsa;

	if (!der_enter(&spki, 0x30, &algorithm) || !der_enter(&algorithm, 0x06, &oid) ||
		!der_enter(&spki, 0x03, &bits) || bits.p == bits.end || *bits.p++) return false;
	if (is_oid(&oid, "\x09\x2a\x86\x48\x86\xf7\x0d\x01\x01\x01")) {
		key->key_type = BR_KEYTYPE_RSA;
		return der_enter(&bits, 0x30, &rsa) &&
			take_integer(&rsa, &key->key.rsa.n, &key->key.rsa.nlen) &&
			take_integer(&rsa, &key->key.rsa.e, &key->key.rsa.elen);
	}
	key->key_type = BR_KEYTYPE_EC;
	key->key.ec.q = (unsigned char *)(uintptr_t)bits.p;
	key->key.ec.qlen = (size_t)(bits.end - bits.p);
	if (!is_oid(&oid, "\x07\x2a\x86\x48\xce\x3d\x02\x01") ||
		!der_enter(&algorithm, 0x06, &oid)) return false;
	for (size_t i = 0; i < sizeof curves / sizeof *curves; i++) {
		key->key.ec.curve = curves[i].curve;
		if (is_oid(&oid, curves[i].oid)) return true;
	}
	return false;
}

bool tls_read_anchor(const uint8_t *der, size_t len, br_x509_trust_anchor *out)
{
	enum { BASIC_CONSTRAINTS = 19 };
	struct der tbs, item, flag;

	if (!enter_issuer(der, len, &tbs) || !der_enter(&tbs, 0x30, &item) ||
		!der_enter(&tbs, 0x30, &item)) return false;   /* the issuer, the validity */
	out->dn.data = (unsigned char *)(uintptr_t)tbs.p;
	if (!der_enter(&tbs, 0x30, &item)) return false;
	out->dn.len = (size_t)(tbs.p - out->dn.data);
	out->flags = find_extension(tbs, BASIC_CONSTRAINTS, &item) && der_enter(&item, 0x01, &flag)
		&& flag.p < flag.end && *flag.p ? BR_X509_TA_CA : 0;
	return der_enter(&tbs, 0x30, &item) && read_pkey(item, &out->pkey);
}

/* ---- the validator ---- */

static void v_start_chain(const br_x509_class **ctx, const char *name)
{
	struct verifier *v = (struct verifier *)(void *)ctx;
	v->index = 0;
	v->len = 0;
	v->minimal.vtable->start_chain(&v->minimal.vtable, name);
}

static void v_start_cert(const br_x509_class **ctx, uint32_t length)
{
	struct verifier *v = (struct verifier *)(void *)ctx;
	v->minimal.vtable->start_cert(&v->minimal.vtable, length);
}

static void v_append(const br_x509_class **ctx, const unsigned char *p, size_t n)
{
	struct verifier *v = (struct verifier *)(void *)ctx;
	if (!v->index) {
		/* A leaf that does not fit is cut; no address is found in it then. */
		size_t room = sizeof v->leaf - v->len, part = n < room ? n : room;
		memcpy(v->leaf + v->len, p, part);
		v->len += part;
	}
	v->minimal.vtable->append(&v->minimal.vtable, p, n);
}

static void v_end_cert(const br_x509_class **ctx)
{
	struct verifier *v = (struct verifier *)(void *)ctx;
	v->index++;
	v->minimal.vtable->end_cert(&v->minimal.vtable);
}

static unsigned v_end_chain(const br_x509_class **ctx)
{
	struct verifier *v = (struct verifier *)(void *)ctx;
	unsigned r = v->minimal.vtable->end_chain(&v->minimal.vtable);
	if (r || !v->ip_len) return r;
	return tls_cert_has_ip(v->leaf, v->len, v->ip, v->ip_len) ? 0 : BR_ERR_X509_BAD_SERVER_NAME;
}

static const br_x509_pkey *v_get_pkey(const br_x509_class *const *ctx, unsigned *usages)
{
	const struct verifier *v = (const struct verifier *)(const void *)ctx;
	return v->minimal.vtable->get_pkey(&v->minimal.vtable, usages);
}

static const br_x509_class verifier_class = {
	.context_size = sizeof(struct verifier),
	.start_chain = v_start_chain,
	.start_cert = v_start_cert,
	.append = v_append,
	.end_cert = v_end_cert,
	.end_chain = v_end_chain,
	.get_pkey = v_get_pkey,
};

/* ---- keys and certificates ---- */

static void *copy(const void *p, size_t n)
{
	void *c = xmalloc(n ? n : 1);
	memcpy(c, p, n);
	return c;
}

/* A bundle may contain keys that are not supported. */
static bool add_anchor(void *arg, const uint8_t *der, size_t len)
{
	struct tls *t = arg;
	br_x509_trust_anchor a;

	if (!tls_read_anchor(der, len, &a)) return false;
	a.dn.data = copy(a.dn.data, a.dn.len);
	if (a.pkey.key_type == BR_KEYTYPE_RSA) {
		a.pkey.key.rsa.n = copy(a.pkey.key.rsa.n, a.pkey.key.rsa.nlen);
		a.pkey.key.rsa.e = copy(a.pkey.key.rsa.e, a.pkey.key.rsa.elen);
	} else {
		a.pkey.key.ec.q = copy(a.pkey.key.ec.q, a.pkey.key.ec.qlen);
	}
	t->anchors = xrealloc(t->anchors, (t->anchor_count + 1) * sizeof *t->anchors);
	t->anchors[t->anchor_count++] = a;
	return true;
}

static bool add_cert(void *arg, const uint8_t *der, size_t len)
{
	struct certs *c = arg;
	if (c->n == CHAIN_MAX) return false;
	c->v[c->n++] = (br_x509_certificate){ copy(der, len), len };
	return true;
}

static bool add_key(void *arg, const uint8_t *der, size_t len)
{
	br_skey_decoder_context *dec = arg;
	br_skey_decoder_init(dec);
	br_skey_decoder_push(dec, der, len);
	return !br_skey_decoder_last_error(dec);
}

/* ---- the stream ---- */

static bool wait_fd(struct tls *t, short events)
{
	for (;;) {
		int64_t left = t->end - clock_ms();
		struct pollfd p = { .fd = t->fd, .events = events };
		int r = left > 0 ? poll(&p, 1, (int)left) : 0;
		if (r > 0) return true;
		if (r < 0 && errno == EINTR) continue;
		t->io_error = r < 0 ? -errno : -ETIMEDOUT;
		return false;
	}
}

static int low_read(void *arg, unsigned char *p, size_t n)
{
	struct tls *t = arg;

	while (wait_fd(t, POLLIN)) {
		ssize_t k = recv(t->fd, p, n, MSG_DONTWAIT);
		if (k > 0) return (int)k;
		if (k < 0 && (errno == EAGAIN || errno == EINTR)) continue;
		t->io_error = k < 0 ? -errno : -EPIPE;
		break;
	}
	return -1;
}

static int low_write(void *arg, const unsigned char *p, size_t n)
{
	struct tls *t = arg;

	while (wait_fd(t, POLLOUT)) {
		ssize_t k = send(t->fd, p, n, MSG_DONTWAIT | MSG_NOSIGNAL);
		if (k > 0) return (int)k;
		if (k < 0 && errno != EAGAIN && errno != EINTR) {
			t->io_error = -errno;
			break;
		}
	}
	return -1;
}

static bool load_client(struct tls *t, const struct tls_config *c, const char **bad)
{
	if (pem_each(c->cert_pem, "CERTIFICATE", add_cert, &t->chain, NULL) < 1)
		*bad = "the client certificate";
	else if (pem_each(c->key_pem, "PRIVATE KEY", add_key, &t->key, NULL) < 1)
		*bad = "the client key";
	if (*bad) return false;
	const br_ec_private_key *ec = br_skey_decoder_get_ec(&t->key);
	const br_rsa_private_key *rsa = br_skey_decoder_get_rsa(&t->key);
	if (ec) {
		/* The issuer's key type only matters for static ECDH, which is never offered. */
		br_ssl_client_set_single_ec(&t->client, t->chain.v, t->chain.n, ec, BR_KEYTYPE_SIGN,
			BR_KEYTYPE_EC,
			&br_ec_prime_i31, br_ecdsa_i31_sign_asn1);
	} else if (rsa) {
		br_ssl_client_set_single_rsa(&t->client, t->chain.v, t->chain.n, rsa,
			br_rsa_i31_pkcs1_sign);
	}
	return true;
}

static void set_name(struct tls *t, const char *name)
{
	struct verifier *v = &t->verifier;

	if (inet_pton(AF_INET, name, v->ip) == 1) v->ip_len = 4;
	else if (inet_pton(AF_INET6, name, v->ip) == 1) v->ip_len = 16;
	v->vtable = &verifier_class;
	br_ssl_engine_set_x509(&t->client.eng, &v->vtable);
	br_ssl_client_reset(&t->client, v->ip_len ? NULL : name, 0);
}

/* Suites that every current server has, and one constant-time implementation of each that runs
 * everywhere. BearSSL's full profile and its processor-specific implementations would add 70 KB,
 * for connections that carry a few kilobytes each. */
static void init_engine(struct tls *t)
{
	static const uint16_t suites[] = {
		BR_TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256,
		BR_TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256,
		BR_TLS_ECDHE_ECDSA_WITH_AES_256_GCM_SHA384,
		BR_TLS_ECDHE_RSA_WITH_AES_256_GCM_SHA384,
	};
	static const struct { int id; const br_hash_class *hash; } hashes[] = {
		{ br_sha256_ID, &br_sha256_vtable }, { br_sha384_ID, &br_sha384_vtable },
		{ br_sha512_ID, &br_sha512_vtable },
	};
	br_ssl_engine_context *eng = &t->client.eng;
	br_x509_minimal_context *x = &t->verifier.minimal;

	br_ssl_client_zero(&t->client);
	br_ssl_engine_set_versions(eng, BR_TLS12, BR_TLS12);
	br_ssl_engine_set_suites(eng, suites, sizeof suites / sizeof *suites);
	br_ssl_engine_set_rsavrfy(eng, br_rsa_i31_pkcs1_vrfy);
	br_ssl_engine_set_ec(eng, &br_ec_prime_i31);
	br_ssl_engine_set_ecdsa(eng, br_ecdsa_i31_vrfy_asn1);
	br_x509_minimal_init(x, &br_sha256_vtable, t->anchors, t->anchor_count);
	br_x509_minimal_set_rsa(x, br_ssl_engine_get_rsavrfy(eng));
	br_x509_minimal_set_ecdsa(x, br_ssl_engine_get_ec(eng), br_ssl_engine_get_ecdsa(eng));
	for (size_t i = 0; i < sizeof hashes / sizeof *hashes; i++) {
		br_ssl_engine_set_hash(eng, hashes[i].id, hashes[i].hash);
		br_x509_minimal_set_hash(x, hashes[i].id, hashes[i].hash);
	}
	br_ssl_engine_set_prf_sha256(eng, br_tls12_sha256_prf);
	br_ssl_engine_set_prf_sha384(eng, br_tls12_sha384_prf);
	br_ssl_engine_set_aes_ctr(eng, &br_aes_ct64_ctr_vtable);
	br_ssl_engine_set_ghash(eng, br_ghash_ctmul64);
	br_ssl_engine_set_gcm(eng, &br_sslrec_in_gcm_vtable, &br_sslrec_out_gcm_vtable);
	br_ssl_engine_set_buffer(eng, t->iobuf, sizeof t->iobuf, 0);
}

void tls_set_timeout(struct tls *t, int timeout_ms)
{
	t->end = clock_ms() + timeout_ms;
}

struct tls *tls_new(int fd, const struct tls_config *c, int timeout_ms, struct err *e)
{
	struct tls *t = xcalloc(1, sizeof *t);
	const char *bad = NULL;

	t->fd = fd;
	tls_set_timeout(t, timeout_ms);
	if (pem_each(c->ca_pem, "CERTIFICATE", add_anchor, t, NULL) < 1) {
		bad = "the certificate authority";
	} else {
		init_engine(t);
		if (!c->cert_pem || !c->key_pem || load_client(t, c, &bad)) set_name(t, c->name);
	}
	if (bad) {
		err_set(e, -EINVAL, "%s is not PEM text that can be used", bad);
		tls_free(t);
		return NULL;
	}
	br_sslio_init(&t->io, &t->client.eng, low_read, t, low_write, t);
	return t;
}

void tls_free(struct tls *t)
{
	if (!t) return;
	for (size_t i = 0; i < t->anchor_count; i++) {
		br_x509_trust_anchor *a = &t->anchors[i];
		free(a->dn.data);
		if (a->pkey.key_type == BR_KEYTYPE_RSA) {
			free(a->pkey.key.rsa.n);
			free(a->pkey.key.rsa.e);
		} else {
			free(a->pkey.key.ec.q);
		}
	}
	free(t->anchors);
	for (size_t i = 0; i < t->chain.n; i++) free(t->chain.v[i].data);
	explicit_bzero(t, sizeof *t);   /* keys */
	free(t);
}

static int failure(const struct tls *t)
{
	int e = br_ssl_engine_last_error(&t->client.eng);
	if (e && e != BR_ERR_IO) return -EPROTO;
	return t->io_error ? t->io_error : -EPIPE;
}

int tls_write(struct tls *t, const void *p, size_t n)
{
	if (br_sslio_write_all(&t->io, p, n) < 0 || br_sslio_flush(&t->io) < 0) return failure(t);
	return 0;
}

ssize_t tls_read(struct tls *t, void *p, size_t n)
{
	int r = br_sslio_read(&t->io, p, n);
	if (r >= 0) return r;
	/* Closed by close_notify or with the connection; HTTP's own framing shows a truncated
	 * body. */
	if (!br_ssl_engine_last_error(&t->client.eng) || t->io_error == -EPIPE) return 0;
	return failure(t);
}

/* ---- without waiting ---- */

static bool would_wait(void)
{
	return errno == EAGAIN || errno == EINTR;
}

/* Sends what the engine has for the socket. False if it takes no more, or has failed. */
static bool move_out(struct tls *t)
{
	br_ssl_engine_context *eng = &t->client.eng;
	size_t n;

	while (br_ssl_engine_current_state(eng) & BR_SSL_SENDREC) {
		unsigned char *p = br_ssl_engine_sendrec_buf(eng, &n);
		ssize_t k = send(t->fd, p, n, MSG_DONTWAIT | MSG_NOSIGNAL);
		if (k < 0 && !would_wait()) t->io_error = -errno;
		if (k < 0) return false;
		br_ssl_engine_sendrec_ack(eng, (size_t)k);
	}
	return true;
}

/* Moves records until the engine is in one of these states. 0, -EAGAIN, -EPIPE at the end, or the
 * error. */
static int move_until(struct tls *t, unsigned states)
{
	br_ssl_engine_context *eng = &t->client.eng;
	size_t n;

	for (;;) {
		bool sent = move_out(t);
		unsigned now = br_ssl_engine_current_state(eng);
		if (now & states) return 0;
		if (now & BR_SSL_CLOSED || t->io_error) return failure(t);
		if (!sent || !(now & BR_SSL_RECVREC)) return -EAGAIN;
		unsigned char *p = br_ssl_engine_recvrec_buf(eng, &n);
		ssize_t k = recv(t->fd, p, n, MSG_DONTWAIT);
		if (k > 0) br_ssl_engine_recvrec_ack(eng, (size_t)k);
		else if (k < 0 && would_wait()) return -EAGAIN;
		else t->io_error = k < 0 ? -errno : -EPIPE;
	}
}

ssize_t tls_put(struct tls *t, const void *p, size_t n)
{
	br_ssl_engine_context *eng = &t->client.eng;
	size_t room;
	int r = move_until(t, BR_SSL_SENDAPP);

	if (r < 0) return r;
	unsigned char *to = br_ssl_engine_sendapp_buf(eng, &room);
	if (n > room) n = room;
	memcpy(to, p, n);
	br_ssl_engine_sendapp_ack(eng, n);
	br_ssl_engine_flush(eng, 0);
	move_out(t);
	return t->io_error ? t->io_error : (ssize_t)n;
}

ssize_t tls_take(struct tls *t, void *p, size_t n)
{
	br_ssl_engine_context *eng = &t->client.eng;
	size_t there;
	int r = move_until(t, BR_SSL_RECVAPP);

	if (r < 0) return r == -EPIPE ? 0 : r;
	const unsigned char *from = br_ssl_engine_recvapp_buf(eng, &there);
	if (n > there) n = there;
	memcpy(p, from, n);
	br_ssl_engine_recvapp_ack(eng, n);
	return (ssize_t)n;
}

short tls_events(const struct tls *t)
{
	unsigned now = br_ssl_engine_current_state(&t->client.eng);

	return (short)((now & BR_SSL_SENDREC ? POLLOUT : 0) | (now & BR_SSL_RECVREC ? POLLIN : 0));
}

bool tls_needs_newer(const struct tls *t)
{
	enum { HANDSHAKE_FAILURE = 40, PROTOCOL_VERSION = 70 };
	int e = br_ssl_engine_last_error(&t->client.eng);

	return e == BR_ERR_BAD_VERSION || e == BR_ERR_RECV_FATAL_ALERT + HANDSHAKE_FAILURE ||
		e == BR_ERR_RECV_FATAL_ALERT + PROTOCOL_VERSION;
}

void tls_unknown_issuer(const struct tls *t, char *out, size_t size)
{
	const struct verifier *v = &t->verifier;

	if (br_ssl_engine_last_error(&t->client.eng) != BR_ERR_X509_NOT_TRUSTED ||
		!tls_cert_issuer(v->leaf, v->len, out, size)) *out = 0;
}

const char *tls_error(const struct tls *t)
{
	static const struct { int code; const char *text; } texts[] = {
		{ BR_ERR_X509_NOT_TRUSTED,
			"the server's certificate is not signed by the given authority" },
		{ BR_ERR_X509_BAD_SERVER_NAME, "the server's certificate is for another name" },
		{ BR_ERR_X509_EXPIRED, "the server's certificate has expired or is not valid yet "
			"(is the clock right?)" },
		{ BR_ERR_X509_BAD_SIGNATURE, "a signature in the server's certificates is wrong" },
		{ BR_ERR_X509_TIME_UNKNOWN, "the clock cannot be read" },
		{ BR_ERR_BAD_VERSION, "the server does not support TLS 1.2" },
		{ BR_ERR_RECV_FATAL_ALERT + 70, "the server does not support TLS 1.2" },
		{ BR_ERR_RECV_FATAL_ALERT + 42,
			"the server refused our certificate (bad certificate)" },
		{ BR_ERR_RECV_FATAL_ALERT + 40, "the server supports none of our ciphers" },
	};
	int e = br_ssl_engine_last_error(&t->client.eng);

	for (size_t i = 0; i < sizeof texts / sizeof *texts; i++)
		if (e == texts[i].code) return texts[i].text;
	if (e == BR_ERR_IO || !e) return strerror(t->io_error ? -t->io_error : EPIPE);
	return "TLS error: the peer violated the protocol";
}
