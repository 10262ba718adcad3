/* The table of system calls that have a rule, one row each. The seccomp filter, the dispatch of
 * stops, --list-rules and the counters are made from it. */
#ifndef K3SBOX_RULES_H
#define K3SBOX_RULES_H

#include <stddef.h>
#include <stdint.h>

#include "intercept/trace/flight.h"

/* What can be switched on. A row names the features that need it. */
enum syscall_feature {
	/* open stand-ins: --seeds, --map, --replace, --fstype, --controller */
	F_PATH = 1 << 0,
	F_LIST = 1 << 1,         /* stand-ins appear in directory listings */
	F_STATFS = 1 << 2,       /* --statfs */
	F_UNAME = 1 << 3,        /* --uname */
	F_PROPAGATION = 1 << 4,  /* --propagation */
	F_MOUNTS = 1 << 5,       /* --mounts */
	F_DUMPABLE = 1 << 6,     /* without CAP_SYS_PTRACE: tracees must stay dumpable */
	F_NOTE = 1 << 7,         /* only to warn the user */
	F_STAT = 1 << 8,         /* examine stand-ins without opening them; not with --opens-only */
	F_CGROUP = 1 << 9,       /* control files, whose file system is checked after open */
	F_REAPER = 1 << 10,      /* --subreaper */
	F_RUNC = 1 << 11,        /* --runc */
	/* only in watched processes (view/special.h); never in the filter */
	F_HOT = 1 << 12,
};

enum { RULE_NONE = -1 };

struct syscall_rule {
	const char *name;
	uint16_t nr;
	uint16_t features;         /* F_ */
	/* Which argument is a directory descriptor, a path, flags, and the buffer of the result.
	 * RULE_NONE: there is none. */
	int8_t dirfd, path, flags, buf;
	uint16_t error;            /* the filter itself returns this errno; 0: the call stops */
	struct {                   /* no stop if (arg & mask) == value; mask 0: no test */
		uint8_t arg;
		uint32_t mask, value;
	} pass;
	/* When the call begins; NULL: it goes on, and then `exit` runs. */
	call_handler *enter;
	/* When it has ended, if there is no `enter`; else what `enter` continues with, if at
	 * all. */
	call_handler *exit;
	const char *why;
};

extern const struct syscall_rule syscall_rules[];
extern const size_t syscall_rule_count;

/* The row of a number, if one of the features needs it; else NULL. */
const struct syscall_rule *syscall_rule_find(long nr, unsigned features);

#endif
