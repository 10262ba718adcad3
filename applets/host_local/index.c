#include "index.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "io.h"

#define FOLDER K3SBOX_RUN "/cni"

struct header {
	char magic[8];
	uint64_t dev, ino, boot;
	int64_t mtime, mtime_ns, ctime, ctime_ns;
	uint64_t count;
	uint64_t sum;          /* of the records and of what is above */
};

static const char magic[8] = "k3scni1";

enum { MOST = 1 << 20 };   /* records; more leases than that are read one by one */

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
	uint64_t h = n;

	for (; n >= 8; s += 8, n -= 8) {
		uint64_t w;
		memcpy(&w, s, 8);
		h = mix(h ^ w);
	}
	uint64_t w = 0;
	if (n) memcpy(&w, s, n);
	return mix(h ^ w);
}

static uint64_t sum_of(const struct header *h, const struct hl_record *v)
{
	uint64_t sum = hl_index_hash((const char *)h, offsetof(struct header, sum));
	for (size_t i = 0; i < h->count; i++) sum ^= hl_index_hash((const char *)&v[i], sizeof v[i]);
	return sum;
}

static bool reserve(struct hl_index *x, size_t n)
{
	if (n <= x->cap) return true;
	size_t cap = n < 64 ? 64 : n + n / 4;
	void *p = realloc(x->v, cap * sizeof *x->v);
	if (!p) return false;
	x->v = p;
	x->cap = cap;
	return true;
}

static bool fits(const struct header *h, const struct stat *st, uint64_t boot)
{
	return !memcmp(h->magic, magic, sizeof magic) && h->dev == st->st_dev && h->ino == st->st_ino && h->boot == boot &&
		h->mtime == st->st_mtim.tv_sec && h->mtime_ns == st->st_mtim.tv_nsec && h->ctime == st->st_ctim.tv_sec &&
		h->ctime_ns == st->st_ctim.tv_nsec && h->count <= MOST;
}

bool hl_index_open(struct hl_index *x, int dir, uint64_t boot)
{
	struct header h;
	struct stat st;
	char path[128];

	*x = (struct hl_index){ .fd = -1, .dirty = SIZE_MAX, .boot = boot };
	if (fstat(dir, &st) < 0) return false;
	snprintf(path, sizeof path, FOLDER "/%llx-%llx", (unsigned long long)st.st_dev, (unsigned long long)st.st_ino);
	int flags = O_RDWR | O_CREAT | O_NOFOLLOW | O_CLOEXEC;
	x->fd = open(path, flags, 0600);
	if (x->fd < 0 && errno == ENOENT && !io_mkdirs(FOLDER, 0700)) x->fd = open(path, flags, 0600);
	if (x->fd < 0 || pread(x->fd, &h, sizeof h, 0) != (ssize_t)sizeof h || !fits(&h, &st, boot)) return false;
	ssize_t size = (ssize_t)(h.count * sizeof *x->v);
	if (!reserve(x, h.count + 1) || pread(x->fd, x->v, (size_t)size, sizeof h) != size) return false;
	if (sum_of(&h, x->v) != h.sum) return false;
	x->n = h.count;
	return true;
}

void hl_index_clear(struct hl_index *x)
{
	x->n = 0;
	x->dirty = 0;
}

static void touch(struct hl_index *x, size_t i)
{
	if (i < x->dirty) x->dirty = i;
}

void hl_index_add(struct hl_index *x, uint64_t owner, const struct ip *ip)
{
	if (!reserve(x, x->n + 1)) {
		/* Incomplete is worse than none. */
		if (x->fd >= 0) close(x->fd);
		x->fd = -1;
		return;
	}
	touch(x, x->n);
	x->v[x->n++] = (struct hl_record){ .owner = owner, .ip = *ip };
}

void hl_index_remove(struct hl_index *x, const struct ip *ip)
{
	for (size_t i = 0; i < x->n; i++) {
		if (ip_cmp(&x->v[i].ip, ip)) continue;
		x->v[i] = x->v[--x->n];
		touch(x, i);
		return;
	}
}

/* Gives the folder a time that no clock will give it; false if the file system did not take it as it is. */
static bool mark(int dir, struct stat *st)
{
	struct timespec now, t[2] = { { .tv_nsec = UTIME_OMIT } };

	if (clock_gettime(CLOCK_REALTIME, &now) < 0) return false;
	t[1].tv_sec = now.tv_sec - 2;
	t[1].tv_nsec = (long)(mix((uint64_t)now.tv_nsec ^ (uint64_t)getpid() << 32) % 1000000000);
	if (futimens(dir, t) < 0 || fstat(dir, st) < 0) return false;
	return st->st_mtim.tv_sec == t[1].tv_sec && st->st_mtim.tv_nsec == t[1].tv_nsec;
}

void hl_index_commit(struct hl_index *x, int dir)
{
	struct stat st;

	if (x->fd < 0 || x->n > MOST || !mark(dir, &st)) return;
	struct header h = {
		.dev = st.st_dev, .ino = st.st_ino, .boot = x->boot, .mtime = st.st_mtim.tv_sec,
		.mtime_ns = st.st_mtim.tv_nsec, .ctime = st.st_ctim.tv_sec, .ctime_ns = st.st_ctim.tv_nsec, .count = x->n,
	};
	memcpy(h.magic, magic, sizeof magic);
	h.sum = sum_of(&h, x->v);
	if (x->dirty < x->n) {
		size_t size = (x->n - x->dirty) * sizeof *x->v;
		off_t at = (off_t)(sizeof h + x->dirty * sizeof *x->v);
		if (pwrite(x->fd, x->v + x->dirty, size, at) != (ssize_t)size) return;
	}
	/* Last: an older header does not fit the folder any more. */
	if (pwrite(x->fd, &h, sizeof h, 0) != (ssize_t)sizeof h) return;
	x->dirty = SIZE_MAX;
}

void hl_index_close(struct hl_index *x)
{
	if (x->fd >= 0) close(x->fd);
	free(x->v);
	*x = (struct hl_index){ .fd = -1 };
}
