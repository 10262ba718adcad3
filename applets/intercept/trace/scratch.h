/* Memory in a tracee for strings of ours: pages that it maps itself on our behalf, never its stack or
 * heap. One pool per process, a slot per call in flight (threads and vfork children share an address
 * space). */
#ifndef K3SBOX_SCRATCH_H
#define K3SBOX_SCRATCH_H

#include <stdint.h>
#include <sys/types.h>

#include "intercept/trace/tracer.h"

enum { SCRATCH_SLOT = 4096, SCRATCH_SLOTS = 8 };

struct scratch {
	pid_t tgid;
	uint64_t addr;
	unsigned used;          /* bit per slot */
	struct scratch *next;
};

/* A slot of the tracee's, or NULL if there is none free: then scratch_map must come first. */
struct scratch *scratch_get(struct call *c, int *slot);
void scratch_put(struct scratch *s, int slot);
static inline uint64_t scratch_at(const struct scratch *s, int slot) { return s->addr + (uint64_t)slot * SCRATCH_SLOT; }

/* At an entry stop: turns the call into an mmap of a pool; afterwards the call comes again. What fails
 * is left to the kernel: then the call goes on unchanged, and job's stage is set to given_up. */
enum verdict scratch_map(struct call *c, int given_up);

/* At an entry stop: makes the call with job's target as its path, so that the kernel judges it by the tracee's rights. */
enum verdict scratch_call(struct call *c, int path_arg, int given_up, handler *then);

/* The address space is gone. */
void scratch_forget(struct tracer *tr, pid_t tgid);

#endif
