/* Which boot is this? What tells leases of this boot from those that outlived a reboot. */
#ifndef K3SBOX_HOST_LOCAL_BOOT_H
#define K3SBOX_HOST_LOCAL_BOOT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <time.h>

/* When this boot began, in seconds since 1970, as the difference of two clocks; it moves when the
 * clock is set. 0: unknown. No system call where the kernel maps its clocks. */
int64_t hl_boot_time(void);

/* Nothing that was made before this time was made in this boot. */
time_t hl_boot_earliest(void);

/* A line with its end: the name of this boot, a blank, and HL_BOOT_MACHINE characters that stay the
 * same when the machine reboots and differ between machines that share a store. */
enum { HL_BOOT_NOTE = 80, HL_BOOT_MACHINE = sizeof "0123456789abcdef\n" - 1 };

/* Writes the line for the store in the directory dir; its length, or 0 if the boot has no name. */
size_t hl_boot_note(int dir, char note[HL_BOOT_NOTE]);

#endif
