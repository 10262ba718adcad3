/* Which memory in a tracee is free for the strings of the interceptor. The tracee maps the pages
 * itself when they are first needed (calls/dispatch.c), so its stack and heap are never touched.
 * One pool per process, one slot per call in flight: threads and vfork children share an address
 * space. This is bookkeeping only; no tracee is asked anything. */
#ifndef K3SBOX_SCRATCH_H
#define K3SBOX_SCRATCH_H

#include <limits.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

enum {
	SCRATCH_STRINGS = 2,                          /* per slot, each of up to PATH_MAX bytes */
	SCRATCH_SLOT = SCRATCH_STRINGS * PATH_MAX,
	SCRATCH_SLOTS = 8,
	SCRATCH_BYTES = SCRATCH_SLOT * SCRATCH_SLOTS, /* of a pool */
};

struct scratch {
	pid_t tgid;                /* 0: its process has ended or called exec */
	uint64_t addr;
	unsigned used;             /* bit per slot */
	struct scratch *next;
};

/* Takes a free slot of the process; NULL: none, a pool must be added first. */
struct scratch *scratch_get(struct scratch *list, pid_t tgid, int *slot);
void scratch_put(struct scratch *s, int slot);
/* The process has mapped a pool at this address. 0 or -ENOMEM. */
int scratch_add(struct scratch **list, pid_t tgid, uint64_t addr);
/* The address space is gone. */
void scratch_forget(struct scratch *list, pid_t tgid);

static inline uint64_t scratch_at(const struct scratch *s, int slot, int string)
{
	return s->addr + (uint64_t)slot * SCRATCH_SLOT + (uint64_t)string * PATH_MAX;
}

#endif
