/* Leases that outlived a reboot belong to nobody. */
#ifndef K3SBOX_HOST_LOCAL_BOOT_H
#define K3SBOX_HOST_LOCAL_BOOT_H

#include <stdint.h>

struct hl_store;

/* When this boot began by the clocks, in seconds since 1970; setting the clock moves it. No system call
 * where the kernel maps its clocks. */
int64_t hl_boot_time(void);

/* Compares this boot's name with the one in the store's lock file (which upstream leaves empty and never
 * reads). If they differ, leases from before this boot are removed. Notes the name if it is new. */
void hl_boot_settle(struct hl_store *s);

#endif
