/* Mount tables rewritten. Pure. */
#ifndef K3SBOX_MOUNTINFO_H
#define K3SBOX_MOUNTINFO_H

#include <stdbool.h>
#include <stddef.h>

#include "base/buf.h"

/* One --fstype FROM=TO[:SOURCE]. */
struct fstype {
	const char *from, *to;
	const char *source;   /* what the mount's source becomes; NULL: as it is */
};

/* /proc/PID/mountinfo (true) or /proc/PID/mounts: each line whose type is a rule's FROM gets TO and the
 * source, everything else (device numbers above all: cAdvisor matches them with st_dev) stays byte by
 * byte; lines that are none stay too. */
void mountinfo_rewrite(const char *text, size_t n, bool info, const struct fstype *rules, size_t rule_n,
	struct buf *out);

#endif
