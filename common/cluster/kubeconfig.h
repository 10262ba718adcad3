/* kubeconfig files: reading the current context, and merging ours into a user's file without losing
 * what is in it. */
#ifndef K3SBOX_KUBECONFIG_H
#define K3SBOX_KUBECONFIG_H

#include <stddef.h>

struct buf;
struct err;

/* What one context says; strings are owned, NULL where the file says nothing. Certificates and keys
 * are PEM text. */
struct kubeconfig {
	char *server;              /* "https://127.0.0.1:6443" */
	char *tls_name;            /* tls-server-name */
	char *ca, *cert, *key;
	char *ca_file, *cert_file, *key_file;   /* where a file is named instead of the data */
	char *token;
};

/* Pure. 0; -EBADMSG with the reason in e. kubeconfig_free() in every case. */
int kubeconfig_parse(struct kubeconfig *k, const char *text, size_t len, struct err *e);

/* Reads a file and the files that it names. 0 or -errno with the reason in e. */
int kubeconfig_load(struct kubeconfig *k, const char *path, struct err *e);

void kubeconfig_free(struct kubeconfig *k);
#define _cleanup_kubeconfig_ __attribute__((cleanup(kubeconfig_free)))

/* Pure. Writes to out the file `old` (may be empty) with the cluster, user and context of `ours`,
 * all called name, added or replaced, and the current context set to it. ours NULL: without those
 * three; if name is the current context, there is none then. Every other line stays as it is. 0;
 * -EBADMSG with the reason in e if old is not understood well enough to be changed safely. */
int kubeconfig_merge(const char *old, size_t len, const struct kubeconfig *ours, const char *name,
	struct buf *out,
	struct err *e);

/* The whole of ours as a file of its own. */
void kubeconfig_print(const struct kubeconfig *ours, const char *name, struct buf *out);

/* kubectl's rule for the file that is written: the first of the colon list in env ($KUBECONFIG)
 * that exists, else its last entry, else home/.kube/config; empty entries do not count. 0; -ENOENT
 * if neither gives one; -ENAMETOOLONG. */
int kubeconfig_target(const char *env, const char *home, char *out, size_t size);

#endif
