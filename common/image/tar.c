/* Headers of tar archives. */
#include "image/tar.h"

#include <errno.h>
#include <stddef.h>
#include <string.h>

/* The fields are not NUL-terminated when full. */
struct ustar_header {
	char name[100], mode[8], uid[8], gid[8], size[12], mtime[12], sum[8], type, target[100];
	char magic[6], version[2], user[32], group[32], major[8], minor[8], prefix[155], unused[12];
};
_Static_assert(sizeof(struct ustar_header) == TAR_BLOCK, "ustar header");

/* Zero-padded octal digits in size - 1 bytes, then NUL. */
static void octal(char *field, size_t size, uint64_t n)
{
	field[--size] = 0;
	while (size) {
		field[--size] = (char)('0' + (n & 7));
		n >>= 3;
	}
}

/* A path over 100 bytes is split at a '/' with at most 100 bytes after it and at most 155 before
 * it. */
static int put_path(struct ustar_header *h, const char *path)
{
	size_t len = strlen(path);

	if (!len) return -EINVAL;
	if (len <= sizeof h->name) {
		memcpy(h->name, path, len);
		return 0;
	}
	const char *cut = strchr(path + len - sizeof h->name - 1, '/');
	if (!cut || !cut[1] || (size_t)(cut - path) > sizeof h->prefix) return -ENAMETOOLONG;
	memcpy(h->prefix, path, (size_t)(cut - path));
	memcpy(h->name, cut + 1, strlen(cut + 1));
	return 0;
}

int tar_header(const struct tar_entry *e, char out[TAR_BLOCK])
{
	struct ustar_header h = { .type = (char)e->type, .magic = "ustar",
		.version = { '0', '0' } };
	unsigned sum = 0;

	int r = put_path(&h, e->path);
	if (r < 0) return r;
	if (e->type == TAR_SYMLINK) {
		size_t len = strlen(e->target);
		if (!len || len > sizeof h.target) return -ENAMETOOLONG;
		memcpy(h.target, e->target, len);
	}
	if (e->size >> 33) return -EFBIG;
	octal(h.mode, sizeof h.mode, e->mode);
	octal(h.uid, sizeof h.uid, 0);
	octal(h.gid, sizeof h.gid, 0);
	octal(h.size, sizeof h.size, e->size);
	octal(h.mtime, sizeof h.mtime, 0);
	octal(h.major, sizeof h.major, 0);
	octal(h.minor, sizeof h.minor, 0);
	/* The sum counts its own field as blanks; old readers expect six digits, a NUL and a
	 * blank. */
	memset(h.sum, ' ', sizeof h.sum);
	memcpy(out, &h, sizeof h);
	for (int i = 0; i < TAR_BLOCK; i++) sum += (unsigned char)out[i];
	octal(out + offsetof(struct ustar_header, sum), 7, sum);
	return 0;
}
