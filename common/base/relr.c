/* For musl before 1.2.4: an entry point that applies the packed relative relocations (DT_RELR of
 * the generic ABI, which the linker writes with -z pack-relative-relocs) and goes on to the C
 * library's start file, which knows only the older form. A newer one does it itself. Nothing here
 * may need a relocation or a canary. */
#include <elf.h>
#include <stddef.h>
#include <stdint.h>

#ifdef DT_RELR
enum { LIBRARY_APPLIES_THEM = 1, TAG_RELRSZ = DT_RELRSZ, TAG_RELR = DT_RELR };
#else
enum { LIBRARY_APPLIES_THEM = 0, TAG_RELRSZ = 35, TAG_RELR = 36 };
#endif

extern const Elf64_Ehdr __ehdr_start __attribute__((visibility("hidden")));
extern const Elf64_Dyn _DYNAMIC[] __attribute__((visibility("hidden")));

typedef uint64_t __attribute__((may_alias)) word;

void relr_apply(void);

/* An even entry is the address of a word; an odd one has a bit for each of the 63 words behind the
 * last. */
void relr_apply(void)
{
	const uintptr_t base = (uintptr_t)&__ehdr_start;
	const uint64_t *entry = NULL;
	size_t n = 0;
	word *at = NULL;

	if (LIBRARY_APPLIES_THEM) return;
	for (const Elf64_Dyn *d = _DYNAMIC; d->d_tag != DT_NULL; d++) {
		if (d->d_tag == TAG_RELR) entry = (const uint64_t *)(base + d->d_un.d_ptr);
		if (d->d_tag == TAG_RELRSZ) n = d->d_un.d_val / sizeof *entry;
	}
	for (; n; n--, entry++) {
		if (!(*entry & 1)) {
			at = (word *)(base + *entry);
			*at++ += base;
			continue;
		}
		word *next = at;
		for (uint64_t bits = *entry >> 1; bits; bits >>= 1, next++)
			if (bits & 1) *next += base;
		at += 63;
	}
}

#if defined __x86_64__
__asm__(".globl relr_start\n"
	"relr_start:\n"
	"	push %rdx\n"           /* for atexit(3), if it is not 0 */
	"	sub $8, %rsp\n"
	"	call relr_apply\n"
	"	add $8, %rsp\n"
	"	pop %rdx\n"
	"	jmp _start\n");
#elif defined __aarch64__
__asm__(".globl relr_start\n"
	"relr_start:\n"
	"	stp x0, x30, [sp, #-16]!\n"
	"	bl relr_apply\n"
	"	ldp x0, x30, [sp], #16\n"
	"	b _start\n");
#endif
