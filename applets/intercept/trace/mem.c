/* Reading and writing the memory of a tracee. */
#include "intercept/trace/mem.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/ptrace.h>
#include <sys/uio.h>
#include <unistd.h>

const char *const mem_way_names[MEM_WAY_COUNT] = {
	[MEM_VM] = "process_vm", [MEM_FILE] = "/proc/PID/mem", [MEM_PTRACE] = "PEEK/POKE",
};

static int vm_copy(pid_t tid, uint64_t addr, void *p, size_t n, bool out)
{
	struct iovec here = { p, n }, there = { (void *)addr, n };
	ssize_t k = out ? process_vm_writev(tid, &here, 1, &there, 1, 0)
		: process_vm_readv(tid, &here, 1, &there, 1, 0);
	return k == (ssize_t)n ? 0 : k < 0 ? -errno : -EFAULT;
}

void mem_forget(struct mem *m, pid_t tid)
{
	struct mem_fd *s = &m->fds[(unsigned)tid % MEM_FDS];
	if (s->tid != tid) return;
	close(s->fd);
	s->tid = 0;
}

static int file_fd(struct mem *m, pid_t tid)
{
	struct mem_fd *s = &m->fds[(unsigned)tid % MEM_FDS];
	char path[64];

	if (s->tid == tid) return s->fd;
	if (s->tid) mem_forget(m, s->tid);
	snprintf(path, sizeof path, "/proc/%d/mem", (int)tid);
	int fd = open(path, O_RDWR | O_CLOEXEC);
	if (fd < 0) fd = open(path, O_RDONLY | O_CLOEXEC);   /* gVisor before 2025 has no writing */
	if (fd < 0) return -errno;
	s->fd = fd;
	s->tid = tid;
	return fd;
}

static int file_copy(struct mem *m, pid_t tid, uint64_t addr, void *p, size_t n, bool out)
{
	int fd = file_fd(m, tid);
	if (fd < 0) return fd;
	ssize_t k = out ? pwrite(fd, p, n, (off_t)addr) : pread(fd, p, n, (off_t)addr);
	if (k == (ssize_t)n) return 0;
	return k < 0 && errno != EIO ? -errno : -EFAULT;
}

/* Aligned words, so that none crosses a page; a word that is only partly written is read first. */
static int ptrace_copy(pid_t tid, uint64_t addr, char *p, size_t n, bool out)
{
	while (n) {
		uint64_t base = addr & ~7ull;
		size_t skip = (size_t)(addr - base), take = 8 - skip < n ? 8 - skip : n;
		errno = 0;
		long word = ptrace(PTRACE_PEEKDATA, tid, (void *)base, NULL);
		if (errno) return errno == ESRCH ? -ESRCH : -EFAULT;
		if (out) {
			memcpy((char *)&word + skip, p, take);
			if (ptrace(PTRACE_POKEDATA, tid, (void *)base, (void *)word) < 0)
				return -errno;
		} else {
			memcpy(p, (char *)&word + skip, take);
		}
		addr += take;
		p += take;
		n -= take;
	}
	return 0;
}

static int copy_by(struct mem *m, enum mem_way way, pid_t tid, uint64_t addr, void *p, size_t n,
	bool out)
{
	switch (way) {
	case MEM_VM: return vm_copy(tid, addr, p, n, out);
	case MEM_FILE: return file_copy(m, tid, addr, p, n, out);
	default: return ptrace_copy(tid, addr, p, n, out);
	}
}

/* An undumpable tracee refuses the first ways, but not the last (in gVisor), so after a refusal the
 * next ways are tried for this once. A bad address is an error of the tracee, and final. */
static int copy(struct mem *m, enum mem_way way, pid_t tid, uint64_t addr, void *p, size_t n,
	bool out)
{
	int r = copy_by(m, way, tid, addr, p, n, out);
	while (r < 0 && r != -EFAULT && r != -ESRCH && way < MEM_PTRACE)
		r = copy_by(m, ++way, tid, addr, p, n, out);
	return r;
}

int mem_read(struct mem *m, pid_t tid, uint64_t addr, void *to, size_t n)
{
	return copy(m, m->read, tid, addr, to, n, false);
}

int mem_write(struct mem *m, pid_t tid, uint64_t addr, const void *from, size_t n)
{
	return copy(m, m->write, tid, addr, (void *)from, n, true);
}

ssize_t mem_string(struct mem *m, pid_t tid, uint64_t addr, char *to, size_t size)
{
	size_t chunk = m->read == MEM_PTRACE ? 32 : 128;

	for (size_t got = 0; got < size; chunk *= 2) {
		size_t n = chunk, page = 4096 - ((addr + got) & 4095);
		if (n > page) n = page;
		if (n > size - got) n = size - got;
		int r = mem_read(m, tid, addr + got, to + got, n);
		if (r < 0) return r;
		const char *end = memchr(to + got, 0, n);
		if (end) return end - to;
		got += n;
	}
	return -ENAMETOOLONG;
}

void mem_probe(struct mem *m, pid_t tid, uint64_t addr, uint64_t value)
{
	for (m->read = MEM_VM; m->read < MEM_PTRACE; m->read++) {
		uint64_t got = 0;
		if (!copy_by(m, m->read, tid, addr, &got, sizeof got, false) && got == value) break;
	}
	for (m->write = MEM_VM; m->write < MEM_PTRACE; m->write++)
		if (!copy_by(m, m->write, tid, addr, &value, sizeof value, true)) break;
	mem_forget(m, tid);
}
