/* The table of owners: its file, its checksum and the mark on the directory. */
#include "host_local/index.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "base/arena.h"
#include "base/io.h"

#define INDEX_DIR K3SBOX_RUN "/cni-index"

struct table_header {
	char magic[8];
	uint64_t dev, ino;
	int64_t boot;
	int64_t mtime, mtime_ns, ctime, ctime_ns;
	uint64_t count;
	uint64_t sum;          /* of the records and of the fields above */
};

struct hl_table {
	struct table_header h;
	struct hl_record v[];
};

enum {
	MOST = 1 << 20,        /* records; with more leases than that each is read */
	FIRST_RECORDS = 30,    /* enough for most nodes; touching more memory takes time */
	/* Bytes that are read, and written, at once. */
	FIRST = sizeof(struct table_header) + FIRST_RECORDS * sizeof(struct hl_record),
	TOLERANCE = 2,         /* seconds: the boot time is computed from two clocks */
};

static const char magic[8] = "k3scni2";

static uint64_t mix(uint64_t h)
{
	h ^= h >> 33;
	h *= 0xff51afd7ed558ccdU;
	h ^= h >> 33;
	h *= 0xc4ceb9fe1a85ec53U;
	return h ^ h >> 33;
}

uint64_t hl_index_hash(const char *s, size_t n)
{
	uint64_t h = n, w = 0;

	for (; n >= 8; s += 8, n -= 8) {
		memcpy(&w, s, 8);
		h = mix(h ^ w);
	}
	w = 0;
	if (n) memcpy(&w, s, n);
	return mix(h ^ w);
}

static uint64_t sum_of(const struct hl_table *t)
{
	uint64_t sum = hl_index_hash((const char *)&t->h, offsetof(struct table_header, sum));
	for (size_t i = 0; i < t->h.count; i++)
		sum ^= hl_index_hash((const char *)&t->v[i], sizeof t->v[i]);
	return sum;
}

static size_t size_of(size_t records)
{
	return sizeof(struct table_header) + records * sizeof(struct hl_record);
}

static void reserve(struct hl_index *x, size_t n)
{
	if (x->t && n <= x->cap) return;
	size_t cap = n > FIRST_RECORDS ? n + n / 4 : FIRST_RECORDS;
	struct hl_table *t = arena_alloc(x->arena, size_of(cap));
	if (x->t) memcpy(t, x->t, size_of(x->cap));
	x->t = t;
	x->cap = cap;
}

static bool fits(const struct table_header *h, const struct stat *st, int64_t boot)
{
	return !memcmp(h->magic, magic, sizeof magic) && h->count <= MOST &&
		h->dev == st->st_dev && h->ino == st->st_ino &&
		h->boot - boot <= TOLERANCE && boot - h->boot <= TOLERANCE &&
		h->mtime == st->st_mtim.tv_sec && h->mtime_ns == st->st_mtim.tv_nsec &&
		h->ctime == st->st_ctim.tv_sec && h->ctime_ns == st->st_ctim.tv_nsec;
}

/* There are 4096 files for all directories, so that the number of files is bounded. Two
 * directories of one file name replace each other's table, which the directory's numbers in the
 * header show. */
static int open_file(const struct stat *st)
{
	int flags = O_RDWR | O_CREAT | O_NOFOLLOW | O_CLOEXEC;
	char path[64];

	snprintf(path, sizeof path, INDEX_DIR "/%03x",
		(unsigned)mix((uint64_t)st->st_dev << 32 ^ st->st_ino) & 0xfff);
	int fd = openat(AT_FDCWD, path, flags, 0600);
	if (fd < 0 && errno == ENOENT && !io_mkdirs(INDEX_DIR, 0700))
		fd = openat(AT_FDCWD, path, flags, 0600);
	return fd;
}

bool hl_index_open(struct hl_index *x, struct arena *a, int dir, int64_t boot_time)
{
	struct stat st;

	*x = (struct hl_index){ .arena = a, .fd = -1, .dirty = SIZE_MAX };
	reserve(x, 0);
	if (fstat(dir, &st) < 0 || (x->fd = open_file(&st)) < 0) return false;
	ssize_t got = pread(x->fd, x->t, FIRST, 0);
	if (got < (ssize_t)sizeof x->t->h || !fits(&x->t->h, &st, boot_time)) return false;
	reserve(x, x->t->h.count + 1);
	size_t want = size_of(x->t->h.count);
	if (got == FIRST && want > FIRST) {
		ssize_t more = pread(x->fd, (char *)x->t + FIRST, want - FIRST, FIRST);
		got += more > 0 ? more : 0;
	}
	if (got < (ssize_t)want || sum_of(x->t) != x->t->h.sum) return false;
	x->n = x->t->h.count;
	return true;
}

void hl_index_clear(struct hl_index *x)
{
	x->n = 0;
	x->dirty = 0;
}

const struct hl_record *hl_index_at(const struct hl_index *x, size_t i)
{
	return i < x->n ? &x->t->v[i] : NULL;
}

static void touch(struct hl_index *x, size_t i)
{
	if (i < x->dirty) x->dirty = i;
}

void hl_index_add(struct hl_index *x, uint64_t owner, const struct ip *ip)
{
	if (!x->arena) return;
	reserve(x, x->n + 1);
	touch(x, x->n);
	x->t->v[x->n++] = (struct hl_record){ .owner = owner, .ip = *ip };
}

void hl_index_remove(struct hl_index *x, const struct ip *ip)
{
	for (size_t i = 0; i < x->n; i++) {
		if (ip_cmp(&x->t->v[i].ip, ip)) continue;
		x->t->v[i] = x->t->v[--x->n];
		touch(x, i);
		return;
	}
}

/* Gives the directory a time that no clock will give it; false if the file system does not keep
 * it exactly. */
static bool mark(int dir, struct stat *st)
{
	struct timespec now, t[2] = { { .tv_nsec = UTIME_OMIT } };

	if (clock_gettime(CLOCK_REALTIME, &now) < 0) return false;
	t[1].tv_sec = now.tv_sec - 2;
	t[1].tv_nsec = (long)(mix((uint64_t)now.tv_nsec ^ (uint64_t)now.tv_sec << 32) % 1000000000);
	if (futimens(dir, t) < 0 || fstat(dir, st) < 0) return false;
	return st->st_mtim.tv_sec == t[1].tv_sec && st->st_mtim.tv_nsec == t[1].tv_nsec;
}

static bool write_at(struct hl_index *x, size_t from, size_t to)
{
	return pwrite(x->fd, (char *)x->t + from, to - from, (off_t)from) == (ssize_t)(to - from);
}

void hl_index_commit(struct hl_index *x, int dir, int64_t boot_time)
{
	struct stat st;

	if (x->fd < 0 || x->n > MOST || !mark(dir, &st)) return;
	x->t->h = (struct table_header){
		.dev = st.st_dev, .ino = st.st_ino, .boot = boot_time, .count = x->n,
		.mtime = st.st_mtim.tv_sec, .mtime_ns = st.st_mtim.tv_nsec,
		.ctime = st.st_ctim.tv_sec, .ctime_ns = st.st_ctim.tv_nsec,
	};
	memcpy(x->t->h.magic, magic, sizeof magic);
	x->t->h.sum = sum_of(x->t);
	size_t from = x->dirty < x->n ? size_of(x->dirty) : size_of(x->n), end = size_of(x->n);
	/* The header is written last: the older one does not match the directory any more. A
	 * small table is written at once; if it is torn, its sum is wrong. */
	if (end <= FIRST) {
		if (!write_at(x, 0, end)) return;
	} else if ((from < end && !write_at(x, from, end)) || !write_at(x, 0, sizeof x->t->h)) {
		return;
	}
	x->dirty = SIZE_MAX;
}

void hl_index_close(struct hl_index *x)
{
	if (x->fd >= 0) close(x->fd);
	*x = (struct hl_index){ .fd = -1 };
}
