/* The table of system calls: one row each. The BPF filter, the dispatch, --list-rules and the counters
 * walk it. */
#ifndef K3SBOX_RULES_H
#define K3SBOX_RULES_H

#include <stddef.h>
#include <stdint.h>

struct call;

/* What can be switched on; each row names the features that need it. */
enum feature {
	F_PATH = 1 << 0,       /* faked or mapped files: --seeds, --map, --replace, --fstype, --controller */
	F_LIST = 1 << 1,       /* they show in directory listings */
	F_STATFS = 1 << 2,     /* --statfs */
	F_UNAME = 1 << 3,      /* --uname */
	F_PROPAGATION = 1 << 4,/* --propagation */
	F_MOUNTS = 1 << 5,     /* --mounts */
	F_DUMPABLE = 1 << 6,   /* we lack CAP_SYS_PTRACE: keep tracees readable */
	F_NOTE = 1 << 7,       /* only to tell the user */
	F_STAT = 1 << 8,       /* they can be looked at without being opened; off with --opens-only */
	F_CGROUP = 1 << 9,     /* faked control files, whose file system is checked by whoever opens them */
	F_REAPER = 1 << 10,    /* --subreaper */
	F_RUNC = 1 << 11,      /* --runc */
	F_HOT = 1 << 12,        /* looked at only in processes that hold an emulated descriptor; never in the filter */
};

/* What a handler wants. */
enum verdict {
	PASS,      /* the call goes on (with its registers as they now are); nobody looks at its result */
	EXIT,      /* the same, and c->then (or the row's exit handler) sees the result */
	DONE,      /* the call is over: c->result is what the tracee sees */
	AGAIN,     /* exit handlers only: the tracee issues the call once more, with its first arguments */
};

typedef enum verdict handler(struct call *c);

enum { RULE_NONE = -1 };

struct rule {
	const char *name;
	uint16_t nr;
	unsigned features;
	int8_t dirfd, path, flags;     /* which argument; RULE_NONE: it has none */
	int8_t buf;                    /* where the result goes; RULE_NONE: nowhere */
	uint16_t error;                /* the filter itself answers with this errno; 0: it stops */
	struct {                       /* the filter lets the call pass if (arg & mask) == value; mask 0: no test */
		uint8_t arg;
		uint32_t mask, value;
	} pass;
	handler *enter, *exit;
	const char *why;
};

extern const struct rule rules[];
extern const size_t rule_count;

/* For one number the row in use, among the features in use; NULL if none. */
const struct rule *rule_find(long nr, unsigned features);

#endif
