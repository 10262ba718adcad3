/* Leases that outlived a reboot belong to nobody. */
#ifndef K3SBOX_HOST_LOCAL_BOOT_H
#define K3SBOX_HOST_LOCAL_BOOT_H

#include <stdint.h>

struct hl_store;

/* Compares this boot's name with the one in the store's lock file (which upstream leaves empty and never reads). If they
 * differ, leases from before this boot are removed. Notes the name if it is new. Returns a hash of it. */
uint64_t hl_boot_settle(struct hl_store *s);

#endif
