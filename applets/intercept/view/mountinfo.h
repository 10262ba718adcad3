/* Mount tables with other file system types and sources. Pure. */
#ifndef K3SBOX_MOUNTINFO_H
#define K3SBOX_MOUNTINFO_H

#include <stdbool.h>
#include <stddef.h>

#include "base/buf.h"

/* One --fstype FROM=TO[:SOURCE]. */
struct fstype {
	const char *from, *to;
	const char *source;   /* the source to show; NULL: unchanged */
};

/* /proc/PID/mountinfo (info) or /proc/PID/mounts: in each line whose type is FROM, type and source
 * are replaced. All else stays byte for byte (cAdvisor compares device numbers with st_dev), and so
 * do lines that cannot be parsed. */
void mountinfo_rewrite(const char *text, size_t n, bool info, const struct fstype *rules,
	size_t rule_n, struct buf *out);

#endif
