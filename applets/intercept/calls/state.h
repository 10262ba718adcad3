/* What the handlers of a call remember until it is over. Each family of calls has its own member
 * and touches no other; how a call goes on is not remembered here but in the continuation
 * (call_then(), call_again()). */
#ifndef K3SBOX_CALL_STATE_H
#define K3SBOX_CALL_STATE_H

#include <limits.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "intercept/view/stand_in.h"

struct mount_lack;

struct open_state {
	struct stand_in found;
	int start;                 /* the descriptor that the path starts from, or AT_FDCWD */
	uint64_t flags, mode;      /* as open(2) has them */
	uint64_t empty;            /* address of an empty string: the end of the path argument */
	long answer;               /* what the tracee sees if there is no stand-in after all */
	int unfilled;              /* descriptor of a stand-in without content, to be closed */
};

struct path_state {            /* stat, access, readlink, truncate */
	struct stand_in found;
	int start;
	bool nofollow;
};

struct fd_name_state {         /* readlink of /proc/self/fd/N */
	int fd;
};

struct list_state {            /* getdents */
	char path[PATH_MAX];
	size_t room;               /* how much of the buffer the added entries need */
};

struct mount_state {
	char source[PATH_MAX], target[PATH_MAX];   /* in place of the arguments; "": as they are */
	const struct mount_lack *last;             /* the last one that the call was repeated for */
	unsigned long without_flags;
	bool without_data;
};

struct setns_state {
	char root[PATH_MAX];       /* of the process whose mount namespace is joined */
};

struct owner_state {           /* fchownat */
	char name[32];             /* of the descriptor in /proc */
};

struct call_state {
	union {
		struct open_state open;
		struct path_state path;
		struct fd_name_state fd_name;
		struct list_state list;
		struct mount_state mount;
		struct setns_state setns;
		struct owner_state owner;
	};
};

#endif
