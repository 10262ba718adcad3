/* The IPAM plugin that a configuration names in ipam.type: host-local in this process, any other
 * as a program. For plugins that plug something in. Functions return 0, or -1 after cni_fail(). */
#ifndef K3SBOX_HOST_LOCAL_IPAM_H
#define K3SBOX_HOST_LOCAL_IPAM_H

#include "cni/result.h"

/* Fills the result with at least one address, none of them null. What the IPAM plugin did is
 * undone if that is of no use. */
int hl_ipam_add(struct cni *c, struct cni_result *r);
int hl_ipam_del(struct cni *c);
/* Host-local also compares with the addresses of the result. */
int hl_ipam_check(struct cni *c, const struct cni_result *r);
int hl_ipam_gc(struct cni *c);
int hl_ipam_status(struct cni *c);

#endif
