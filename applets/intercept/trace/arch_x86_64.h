/* All that the interceptor knows about x86-64: the registers, the arguments of a system call, and
 * how a thread is made to issue its call once more. */
#ifndef K3SBOX_ARCH_X86_64_H
#define K3SBOX_ARCH_X86_64_H

#include <linux/audit.h>
#include <stdint.h>
#include <sys/user.h>

#define ARCH_AUDIT AUDIT_ARCH_X86_64

/* Length of the `syscall` instruction. */
enum { ARCH_INSN = 2 };

typedef struct user_regs_struct regs_t;

static inline long regs_nr(const regs_t *r) { return (long)r->orig_rax; }
static inline void regs_set_nr(regs_t *r, long nr) { r->orig_rax = (uint64_t)nr; }
static inline long regs_result(const regs_t *r) { return (long)r->rax; }
static inline void regs_set_result(regs_t *r, long v) { r->rax = (uint64_t)v; }
static inline uint64_t regs_ip(const regs_t *r) { return r->rip; }
static inline uint64_t regs_sp(const regs_t *r) { return r->rsp; }

static inline uint64_t regs_arg(const regs_t *r, int i)
{
	switch (i) {
	case 0: return r->rdi;
	case 1: return r->rsi;
	case 2: return r->rdx;
	case 3: return r->r10;
	case 4: return r->r8;
	default: return r->r9;
	}
}

static inline void regs_set_arg(regs_t *r, int i, uint64_t v)
{
	switch (i) {
	case 0: r->rdi = v; break;
	case 1: r->rsi = v; break;
	case 2: r->rdx = v; break;
	case 3: r->r10 = v; break;
	case 4: r->r8 = v; break;
	default: r->r9 = v; break;
	}
}

/* At an exit stop: steps back to the instruction, so that the thread issues the call nr once
 * more. */
static inline void regs_repeat(regs_t *r, long nr)
{
	r->rip -= ARCH_INSN;
	r->rax = (uint64_t)nr;
	r->orig_rax = (uint64_t)-1;
}

#endif
