/* Files from servers, by GET over https: redirects, what is there already, progress. */
#ifndef K3SBOX_DOWNLOAD_H
#define K3SBOX_DOWNLOAD_H

#include <stdbool.h>
#include <stdint.h>

#include "image/sha256.h"
#include "net/web.h"

struct download {
	int fd;                    /* where it goes */
	const char *name;          /* of that, for messages; NULL: no progress is shown */
	char *location;            /* of the last answer, if that is a redirect; allocated */
	bool to_version;           /* end at a redirect, too, whose last word is a version */

	/* What fd has: its size and sum. A download goes on behind it. */
	uint64_t have;
	struct sha256 sum;
	int write_error;           /* fd could not be written to: why, as -errno */

	/* download.c's own */
	struct web web;
	bool begun, fits;
	int64_t shown;             /* ms */
	uint64_t first;
};

/* base: a URL; name: what follows it after a slash, or NULL. 0 or -errno; -EPROTONOSUPPORT if the
 * server speaks only TLS 1.3, and no other program helps, -ENOENT for a status of HTTP that is an
 * error. */
int download_get(struct download *d, const char *base, const char *name, struct err *e);

/* The same from a file of this machine. */
int download_copy(struct download *d, const char *file, struct err *e);

/* Counts and adds up what fd has. 0 or -errno. */
int download_load(struct download *d);

/* "…/v1.36.3+k3s1" → "v1.36.3+k3s1"; NULL if the last word is no version, or for NULL. */
const char *download_version(const char *location);

#endif
