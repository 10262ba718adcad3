/* What kind of program a file is, from its ELF header or its "#!" line. The bytes are not
 * trusted, and nothing is mapped. */
#include <elf.h>
#include <errno.h>
#include <string.h>
#include <unistd.h>

#include "image/image.h"

static const struct { unsigned machine; const char *arch; } machines[] = {
	{ EM_X86_64, "amd64" }, { EM_AARCH64, "arm64" }, { EM_ARM, "arm" }, { EM_386, "386" },
	{ EM_PPC64, "ppc64le" }, { EM_S390, "s390x" }, { EM_RISCV, "riscv64" },
};

/* Offset and width of the fields that are read, by ELF class. */
struct elf_field { unsigned char at, width; };
struct elf_layout {
	struct elf_field phoff, phentsize, phnum, p_offset, p_filesz;
	unsigned phdr_min;
};
#define FIELD(type, member) { offsetof(type, member), sizeof(((type *)0)->member) }
static const struct elf_layout layouts[] = {
	[ELFCLASS32] = {
		FIELD(Elf32_Ehdr, e_phoff), FIELD(Elf32_Ehdr, e_phentsize),
		FIELD(Elf32_Ehdr, e_phnum),
		FIELD(Elf32_Phdr, p_offset), FIELD(Elf32_Phdr, p_filesz), sizeof(Elf32_Phdr),
	},
	[ELFCLASS64] = {
		FIELD(Elf64_Ehdr, e_phoff), FIELD(Elf64_Ehdr, e_phentsize),
		FIELD(Elf64_Ehdr, e_phnum),
		FIELD(Elf64_Phdr, p_offset), FIELD(Elf64_Phdr, p_filesz), sizeof(Elf64_Phdr),
	},
};

static uint64_t get(const unsigned char *p, struct elf_field f, bool big)
{
	uint64_t n = 0;

	for (unsigned i = 0; i < f.width; i++) n = n << 8 | p[f.at + (big ? i : f.width - 1 - i)];
	return n;
}

/* Up to size bytes at an offset; fewer at the file's end. */
static ssize_t read_at(int fd, void *to, size_t size, uint64_t at)
{
	ssize_t n;

	if (at > INT64_MAX) return 0;
	do n = pread(fd, to, size, (off_t)at);
	while (n < 0 && errno == EINTR);
	return n < 0 ? -errno : n;
}

static void trim(char *s, const char *blanks)
{
	size_t lead = strspn(s, blanks), len = strcspn(s + lead, blanks);

	memmove(s, s + lead, len);
	s[len] = 0;
}

static int look_elf(int fd, const unsigned char *head, struct image_program *p)
{
	bool wide = head[EI_CLASS] == ELFCLASS64;
	const struct elf_layout *l = &layouts[wide ? ELFCLASS64 : ELFCLASS32];
	bool big = head[EI_DATA] == ELFDATA2MSB;
	unsigned machine = (unsigned)get(head, (struct elf_field)FIELD(Elf64_Ehdr, e_machine), big);
	uint64_t phoff = get(head, l->phoff, big), step = get(head, l->phentsize, big);
	uint64_t count = get(head, l->phnum, big);

	for (size_t i = 0; i < sizeof machines / sizeof *machines; i++)
		if (machines[i].machine == machine) p->arch = machines[i].arch;
	for (uint64_t i = 0; i < count && step >= l->phdr_min; i++) {
		unsigned char ph[sizeof(Elf64_Phdr)];
		ssize_t n = read_at(fd, ph, l->phdr_min, phoff + i * step);
		if (n < 0) return (int)n;
		if (n < (ssize_t)l->phdr_min) break;
		if (get(ph, (struct elf_field)FIELD(Elf64_Phdr, p_type), big) != PT_INTERP)
			continue;
		uint64_t size = get(ph, l->p_filesz, big), at = get(ph, l->p_offset, big);
		n = read_at(fd, p->interp, size < sizeof p->interp ? size : sizeof p->interp - 1,
			at);
		if (n < 0) return (int)n;
		p->interp[n] = 0;
		break;
	}
	return 0;
}

int image_look(int fd, struct image_program *p)
{
	unsigned char head[sizeof p->interp + 2] = { 0 };

	*p = (struct image_program){ 0 };
	ssize_t n = read_at(fd, head, sizeof head - 1, 0);
	if (n < 0) return (int)n;
	if (n >= (ssize_t)sizeof(Elf32_Ehdr) && !memcmp(head, ELFMAG, SELFMAG))
		return look_elf(fd, head, p);
	if (n > 2 && !memcmp(head, "#!", 2)) {
		memcpy(p->interp, head + 2, sizeof p->interp);
		p->interp[sizeof p->interp - 1] = 0;
		p->interp[strcspn(p->interp, "\n")] = 0;
		trim(p->interp, " \t");
	}
	return 0;
}
