/* Files that are fetched: verified, and put in their place whole or not at all. */
#ifndef K3SBOX_PLACE_H
#define K3SBOX_PLACE_H

#include <stdbool.h>
#include <stddef.h>
#include <sys/types.h>

#include "image/sha256.h"

struct err;

struct place {
	const char *base, *name;   /* as download_get() takes them; or a file, and NULL */
	const char *to;
	mode_t mode;
	const char *sum;           /* SHA-256 that it must have, lower case; NULL: unknown */
	bool quiet;
};

/* By way of "TO.SUM.part" (the beginning of the sum), which stays if the sum is known and the
 * connection breaks: the next call goes on there. 1 if the file is there already, 0, or -errno. */
int place_file(const struct place *p, struct err *e);

/* Pure: the sum of the file with this name in what sha256sum(1) has written; false if it is not
 * there. */
bool place_find_sum(const char *text, size_t len, const char *name, char sum[SHA256_HEX]);

/* Pure: 64 hexadecimal digits; in lower case afterwards. */
bool place_read_sum(const char *text, size_t len, char sum[SHA256_HEX]);

#endif
