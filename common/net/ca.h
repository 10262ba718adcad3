/* The certificate authorities that this machine trusts: those of the system, and those that the
 * environment names for one program or another. Together they are one bundle. */
#ifndef K3SBOX_CA_H
#define K3SBOX_CA_H

#include <stddef.h>
#include <stdint.h>

#include "base/buf.h"

struct ca_certificate {
	uint8_t *der;
	size_t len;
};

struct ca_bundle {
	struct ca_certificate *v;  /* each once, the system's first */
	size_t n, system;          /* of all; of the system */
	struct strv sources;       /* the variables that name others */
	/* What could not be used: "NODE_EXTRA_CA_CERTS: /x/ca.pem: no certificate in it". */
	struct strv problems;
};

/* The system's bundle (the first of the files in which Go's crypto/x509 looks for it), and what
 * SSL_CERT_FILE, SSL_CERT_DIR, NODE_EXTRA_CA_CERTS, REQUESTS_CA_BUNDLE and CURL_CA_BUNDLE name. */
void ca_collect(struct ca_bundle *b);
void ca_free(struct ca_bundle *b);
#define _cleanup_ca_ __attribute__((cleanup(ca_free)))

/* As PEM text. */
void ca_print(const struct ca_bundle *b, struct buf *out);

/* Adds all of them as PEM text, and what could not be used to problems (may be NULL). */
void ca_load(struct buf *out, struct strv *problems);

/* Pure: adds the certificates of a text that are not in the bundle. Returns how many certificates
 * the text has; *broken counts what is none. */
int ca_add_text(struct ca_bundle *b, const char *pem, unsigned *broken);

/* Adds a file, or the files of a directory, that a variable (NULL: nothing) names. */
void ca_add_path(struct ca_bundle *b, const char *variable, const char *path);

#endif
