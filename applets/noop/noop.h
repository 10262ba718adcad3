/* How noop calls another IPAM plugin. */
#ifndef K3SBOX_NOOP_H
#define K3SBOX_NOOP_H

#include "cni/plugin.h"

/* Runs a plugin found in CNI_PATH with this one's environment and configuration and another
 * command. Its standard output is added to out (may be NULL). 0, or -1 after cni_fail() with the
 * plugin's own error. */
int noop_delegate(struct cni *c, const char *plugin, const char *command, struct buf *out);

#endif
