/* The program's entry. A static-pie relocates itself, and nearly all of that is adding the load address to pointers in tables. The linker
 * can pack those entries into a bitmap (DT_RELR, generic ABI; a tenth of the size), which musl reads from 1.2.4 on only. So it is done
 * here, before musl's own start code, and hidden afterwards from a musl that knows them. */
#include <elf.h>
#include <link.h>
#include <stddef.h>
#include <stdint.h>

#ifndef DT_RELR
#define DT_RELRSZ 35
#define DT_RELR 36
#endif

__attribute__((visibility("hidden"))) void k3sbox_relocate(ElfW(Dyn) *dynamic, uintptr_t base);

/* Nothing is relocated yet: no calls into libc, no addresses from tables; and no stack protector (the Makefile sees to that), for
 * its canary does not exist yet. */
__attribute__((used)) void k3sbox_relocate(ElfW(Dyn) *dynamic, uintptr_t base)
{
	const uintptr_t *entry = NULL;
	size_t n = 0;

	for (ElfW(Dyn) *d = dynamic; d->d_tag; d++) {
		if (d->d_tag == DT_RELR) entry = (const uintptr_t *)(base + d->d_un.d_ptr);
		else if (d->d_tag == DT_RELRSZ) n = d->d_un.d_val / sizeof *entry;
		else continue;
		d->d_tag = DT_DEBUG;   /* means nothing here: a newer musl must not add the base again */
	}
	uintptr_t *where = NULL;
	for (; n--; entry++) {
		if (!(*entry & 1)) {   /* an address: that word, and the start for the bitmaps behind it */
			where = (uintptr_t *)(base + *entry);
			*where++ += base;
			continue;
		}
		for (unsigned bit = 0; bit < 8 * sizeof *entry - 1; bit++)
			if (*entry >> (bit + 1) & 1) where[bit] += base;
		where += 8 * sizeof *entry - 1;
	}
}

#if defined __x86_64__
/* %rsp points at argc and must do so again when musl's _start gets control. */
__asm__(".text\n.global k3sbox_start\n.hidden k3sbox_start\n.type k3sbox_start,@function\n"
	"k3sbox_start:\n"
	"	xor %ebp,%ebp\n"
	"	mov %rsp,%rbx\n"
	"	and $-16,%rsp\n"
	"	lea _DYNAMIC(%rip),%rdi\n"
	"	lea __ehdr_start(%rip),%rsi\n"
	"	call k3sbox_relocate\n"
	"	mov %rbx,%rsp\n"
	"	jmp _start\n"
	".hidden _DYNAMIC\n.hidden __ehdr_start\n");
#elif defined __aarch64__
__asm__(".text\n.global k3sbox_start\n.hidden k3sbox_start\n.type k3sbox_start,%function\n"
	"k3sbox_start:\n"
	"	adrp x0,_DYNAMIC\n	add x0,x0,:lo12:_DYNAMIC\n"
	"	adrp x1,__ehdr_start\n	add x1,x1,:lo12:__ehdr_start\n"
	"	bl k3sbox_relocate\n"
	"	b _start\n"
	".hidden _DYNAMIC\n.hidden __ehdr_start\n");
#else
#error "how does a program start on this architecture?"
#endif
