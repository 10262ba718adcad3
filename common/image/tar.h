/* Headers of tar archives (POSIX.1-1988 ustar, which every reader knows). Pure: the caller
 * writes the bytes. */
#ifndef K3SBOX_TAR_H
#define K3SBOX_TAR_H

#include <stdint.h>

enum { TAR_BLOCK = 512 };

enum tar_type { TAR_FILE = '0', TAR_SYMLINK = '2', TAR_DIR = '5' };

struct tar_entry {
	const char *path;      /* relative, a directory's ends in '/' */
	const char *target;    /* TAR_SYMLINK; at most 100 bytes */
	enum tar_type type;
	unsigned mode;         /* permission bits */
	uint64_t size;         /* TAR_FILE: bytes that follow the header */
};

/* Owner 0:0, modification time 0: the same entry always gives the same bytes. 0; -ENAMETOOLONG
 * if the path does not fit in ustar's 155 + 1 + 100 bytes or the target not in 100; -EFBIG from
 * 8 GiB on. */
int tar_header(const struct tar_entry *e, char out[TAR_BLOCK]);

/* Zero bytes that fill up a file's last block. */
static inline unsigned tar_padding(uint64_t size)
{
	return (unsigned)(-size % TAR_BLOCK);
}

/* Blocks of zeros that end an archive. */
enum { TAR_END_BLOCKS = 2 };

#endif
