/* Calling another plugin as a program: what a plugin does with an IPAM plugin that is not part
 * of this program. */
#ifndef K3SBOX_CNI_DELEGATE_H
#define K3SBOX_CNI_DELEGATE_H

#include "cni/plugin.h"

/* Runs another plugin with this one's environment and configuration, by CNI_PATH (pkg/invoke of
 * containernetworking/cni). Its standard output goes to out (may be NULL). 0, or -1 after
 * cni_fail() with its own error. */
int cni_delegate(struct cni *c, const char *plugin, const char *command, struct buf *out);

#endif
