/* struct statx, which musl does not declare and whose kernel header conflicts with <sys/stat.h>:
 * passed around as bytes. */
#ifndef K3SBOX_STATX_H
#define K3SBOX_STATX_H

#include <stdbool.h>
#include <stdint.h>

enum { STATX_BYTES = 256 };

struct statx_info {
	uint64_t dev_major, dev_minor, ino, mnt_id, size;
	uint32_t mode, nlink;
	bool has_mnt_id;
	int64_t seconds;          /* all three times */
};

/* statx(2). 0 or -errno (-ENOSYS where it is missing). */
int statx_call(int dirfd, const char *path, unsigned flags, unsigned mask, char out[STATX_BYTES]);
/* An answer from these values. */
void statx_make(const struct statx_info *i, char out[STATX_BYTES]);
/* Replaces mount, device, size and mode of an answer. */
void statx_patch(char buf[STATX_BYTES], const struct statx_info *i);
/* stx_mode of an answer. */
uint32_t statx_mode(const char buf[STATX_BYTES]);
/* The mount ID of a path; false: this kernel does not report it. */
bool statx_mount_id(const char *path, uint64_t *id);

#endif
