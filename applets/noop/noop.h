/* noop's ways to an address: host-local in process, or another IPAM plugin as a program. */
#ifndef K3SBOX_NOOP_H
#define K3SBOX_NOOP_H

#include "cni/plugin.h"

/* Runs another plugin with this one's environment and configuration, by CNI_PATH (pkg/invoke of
 * containernetworking/cni). Its standard output goes to out (may be NULL). 0, or -1 after cni_fail() with
 * its own error. */
int noop_delegate(struct cni *c, const char *plugin, const char *command, struct buf *out);

#endif
