/* Installing a seccomp filter. */
#ifndef K3SBOX_SECCOMP_H
#define K3SBOX_SECCOMP_H

#include <linux/filter.h>
#include <stddef.h>

/* Puts the filter on the calling thread: without no_new_privs if that is allowed, so that setuid
 * programs keep working. 0 or -errno. */
int seccomp_install(const struct sock_filter *f, size_t n);

#endif
