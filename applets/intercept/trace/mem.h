/* The memory of a tracee, by the first way that works here: process_vm_readv(2) and
 * process_vm_writev(2), /proc/TID/mem, or PTRACE_PEEKDATA and PTRACE_POKEDATA. Old gVisors have
 * only some of them. */
#ifndef K3SBOX_MEM_H
#define K3SBOX_MEM_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

enum mem_way { MEM_VM, MEM_FILE, MEM_PTRACE, MEM_WAY_COUNT };
extern const char *const mem_way_names[MEM_WAY_COUNT];

enum { MEM_FDS = 128 };

struct mem {
	enum mem_way read, write;
	struct mem_fd {           /* /proc/TID/mem of threads that stopped lately; tid 0: free */
		pid_t tid;
		int fd;
	} fds[MEM_FDS];
};

/* Finds the ways, given a stopped tracee and the address of a word in it whose value is known. */
void mem_probe(struct mem *m, pid_t tid, uint64_t addr, uint64_t value);

/* All n bytes: 0, or -EFAULT / -ESRCH. */
int mem_read(struct mem *m, pid_t tid, uint64_t addr, void *to, size_t n);
int mem_write(struct mem *m, pid_t tid, uint64_t addr, const void *from, size_t n);

/* A string with its NUL; its length, -EFAULT, -ESRCH, or -ENAMETOOLONG if there is no NUL in size
 * bytes. Never reads beyond the page that the NUL is in. */
ssize_t mem_string(struct mem *m, pid_t tid, uint64_t addr, char *to, size_t size);

/* The thread is gone, new, or has another address space now. */
void mem_forget(struct mem *m, pid_t tid);

#endif
