/* TLS 1.2 client on a connected socket (BearSSL). The server's certificate is always verified:
 * chain to the given anchors, validity, and name: a DNS name against the dNSNames, an IP address
 * against the iPAddresses of its subjectAltName. */
#ifndef K3SBOX_TLS_H
#define K3SBOX_TLS_H

#include <bearssl.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

struct tls_config {
	const char *ca_pem;      /* trust anchors, one or more certificates */
	const char *cert_pem;    /* client certificate chain and its key; both NULL: none */
	const char *key_pem;     /* EC or RSA; PKCS#1, SEC1 or PKCS#8 */
	const char *name;        /* server: DNS name, or IP address without brackets */
};

struct tls;
struct err;

/* Starts a session on fd, which stays the caller's. Every wait for the peer ends timeout_ms
 * after the call. The handshake is done by the first write. NULL with the reason in e (which
 * names the bad input). Free it with tls_free(). */
struct tls *tls_new(int fd, const struct tls_config *c, int timeout_ms, struct err *e);
void tls_free(struct tls *t);
/* Every wait from now on ends timeout_ms after this call. */
void tls_set_timeout(struct tls *t, int timeout_ms);

/* All n bytes, flushed. 0 or -errno: -EPROTO for a TLS or certificate error, -ETIMEDOUT, or the
 * socket's. */
int tls_write(struct tls *t, const void *p, size_t n);
/* Some bytes; 0 when the peer closed. */
ssize_t tls_read(struct tls *t, void *p, size_t n);

/* ---- without waiting, for programs with an event loop: the two above are not used then ---- */

/* As many bytes as fit now; -EAGAIN if none do; else as tls_write(). */
ssize_t tls_put(struct tls *t, const void *p, size_t n);
/* As tls_read(), and -EAGAIN if there is nothing yet. */
ssize_t tls_take(struct tls *t, void *p, size_t n);
/* What the socket must become ready for before either can do more: POLLIN, POLLOUT or both. */
short tls_events(const struct tls *t);

/* What went wrong, as a sentence: "the server's certificate is for another name". */
const char *tls_error(const struct tls *t);

/* Pure: what the certificate (DER) of an authority says of it: name, key, and whether it may sign.
 * They stay where they are in der. false for a key that is not supported. */
bool tls_read_anchor(const uint8_t *der, size_t len, br_x509_trust_anchor *out);
/* Pure: the common name, else the organization, of the issuer of this X.509 certificate (DER);
 * false if it has neither. */
bool tls_cert_issuer(const uint8_t *der, size_t len, char *out, size_t size);
/* The issuer of the server's certificate, if the certificate was refused because its issuer is
 * unknown; "" if it was not, or the issuer has no name. */
void tls_unknown_issuer(const struct tls *t, char *out, size_t size);

/* Did the handshake fail because the server speaks only newer TLS, or other ciphers? */
bool tls_needs_newer(const struct tls *t);

/* Pure: does this X.509 certificate (DER) list the address (4 or 16 bytes) in its
 * subjectAltName? */
bool tls_cert_has_ip(const uint8_t *der, size_t len, const uint8_t *ip, size_t ip_len);

#endif
