/* struct statx, which musl has not and whose kernel header does not go with <sys/stat.h>: kept behind
 * plain bytes. */
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

/* statx(2) as it is; 0 or -errno (-ENOSYS where it is missing). */
int statx_call(int dirfd, const char *path, unsigned flags, unsigned mask, char out[STATX_BYTES]);
/* Makes an answer. */
void statx_make(const struct statx_info *i, char out[STATX_BYTES]);
/* Gives an answer another mount, device and mode. */
void statx_patch(char buf[STATX_BYTES], const struct statx_info *i);
/* The mount id of a path; false if this kernel does not say. */
bool statx_mount_id(const char *path, uint64_t *id);

#endif
