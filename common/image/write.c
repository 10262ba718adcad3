/* Streams an image as a docker-archive. The layer goes first and is hashed on the way; the
 * configuration and the manifest, which need its digest, follow. Readers accept any order, so
 * nothing is written twice or kept in memory. */
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/err.h"
#include "base/io.h"
#include "image/image.h"
#include "image/sha256.h"

#define LAYER_NAME "layer.tar"

struct sink {
	int fd;
	struct sha256 hash;    /* of the layer */
	bool in_layer;
};

static int put(struct sink *s, const void *data, size_t n)
{
	if (s->in_layer) sha256_add(&s->hash, data, n);
	return io_write_fd(s->fd, data, n);
}

static int put_zeros(struct sink *s, size_t n)
{
	static char zeros[TAR_END_BLOCKS * TAR_BLOCK];
	return put(s, zeros, n);
}

static int put_header(struct sink *s, const struct tar_entry *e)
{
	char header[TAR_BLOCK];
	int r = tar_header(e, header);
	return r < 0 ? r : put(s, header, sizeof header);
}

/* A member of the archive itself. */
static int put_file_header(struct sink *s, const char *name, uint64_t size)
{
	const struct tar_entry e = { .path = name, .type = TAR_FILE, .mode = 0644, .size = size };
	return put_header(s, &e);
}

static int put_text(struct sink *s, const char *name, const struct buf *text)
{
	if (text->failed) return -ENOMEM;
	int r = put_file_header(s, name, text->len);
	if (!r) r = put(s, text->data, text->len);
	return r ? r : put_zeros(s, tar_padding(text->len));
}

/* Copies a file, which must still have the size that its header states. */
static int put_file(struct sink *s, const struct image_item *it, struct err *e)
{
	char chunk[65536];
	uint64_t left = it->size;
	_cleanup_close_ int fd = open(it->from, O_RDONLY | O_CLOEXEC | O_NONBLOCK);

	if (fd < 0) return err_errno(e, -errno, "%s", it->from);
	for (;;) {
		ssize_t n = read(fd, chunk, sizeof chunk);
		if (n < 0 && errno == EINTR) continue;
		if (n < 0) return err_errno(e, -errno, "%s", it->from);
		if ((uint64_t)n > left || (!n && left))
			return err_set(e, -ESTALE,
				"%s: its size changed while it was read; try again", it->from);
		if (!n) return put_zeros(s, tar_padding(it->size));
		int r = put(s, chunk, (size_t)n);
		if (r < 0) return r;
		left -= (uint64_t)n;
	}
}

static int put_item(struct sink *s, const struct image_item *it, struct err *e)
{
	const struct tar_entry entry = {
		.path = it->path, .target = it->target, .type = it->type, .mode = it->mode,
		.size = it->size,
	};
	int r = put_header(s, &entry);
	return r || it->type != TAR_FILE ? r : put_file(s, it, e);
}

static uint64_t layer_size(const struct image *im)
{
	uint64_t size = TAR_END_BLOCKS * TAR_BLOCK;

	for (size_t i = 0; i < im->n; i++)
		size += TAR_BLOCK + im->items[i].size + tar_padding(im->items[i].size);
	return size;
}

static int put_layer(struct sink *s, const struct image *im, struct err *e)
{
	uint64_t size = layer_size(im);
	int r = put_file_header(s, LAYER_NAME, size);

	if (r == -EFBIG)
		return err_set(e, r, "the files together are 8 GiB or more, which does not fit in "
			"an image archive");
	if (r < 0) return r;
	sha256_init(&s->hash);
	s->in_layer = true;
	for (size_t i = 0; i < im->n && !r; i++) r = put_item(s, &im->items[i], e);
	if (!r) r = put_zeros(s, TAR_END_BLOCKS * TAR_BLOCK);
	s->in_layer = false;
	return r ? r : put_zeros(s, tar_padding(size));
}

static int put_image(struct sink *s, const struct image *im, struct err *e)
{
	_cleanup_buf_ struct buf config = {0}, manifest = {0};
	struct sha256 of_config;
	char digest[SHA256_HEX], name[SHA256_HEX + sizeof ".json"];

	int r = put_layer(s, im, e);
	if (r < 0) return r;
	sha256_hex(&s->hash, digest);
	image_config(im, digest, &config);
	if (config.failed) return -ENOMEM;
	sha256_init(&of_config);
	sha256_add(&of_config, config.data, config.len);
	sha256_hex(&of_config, digest);
	snprintf(name, sizeof name, "%s.json", digest);
	image_manifest(im, name, LAYER_NAME, &manifest);
	r = put_text(s, name, &config);
	if (!r) r = put_text(s, "manifest.json", &manifest);
	return r ? r : put_zeros(s, TAR_END_BLOCKS * TAR_BLOCK);
}

int image_write(const struct image *im, int fd, struct err *e)
{
	struct sink s = { .fd = fd };
	return put_image(&s, im, e);
}

/* Opens what exists at path and is not a regular file (a pipe, /dev/stdout): that is written to,
 * not replaced. -ENOENT for anything else. */
static int open_device(const char *path)
{
	struct stat st;

	if (stat(path, &st) < 0 || S_ISREG(st.st_mode)) return -ENOENT;
	if (S_ISDIR(st.st_mode)) return -EISDIR;
	int fd = open(path, O_WRONLY | O_CLOEXEC | O_NOCTTY);
	return fd < 0 ? -errno : fd;
}

static int write_path(const struct image *im, const char *path, struct err *e)
{
	char temp[PATH_MAX];

	if (!strcmp(path, "-")) return image_write(im, STDOUT_FILENO, e);
	_cleanup_close_ int device = open_device(path);
	if (device >= 0) return image_write(im, device, e);
	if (device != -ENOENT) return device;
	int fd = io_begin(path, temp, sizeof temp);
	return fd < 0 ? fd : io_end(fd, image_write(im, fd, e), 0644, temp, path);
}

int image_write_path(const struct image *im, const char *path, struct err *e)
{
	struct err detail = {0};
	int r = write_path(im, path, &detail);

	if (r < 0 && *detail.text) return err_set(e, r, "%s", detail.text);
	return r < 0 ? err_errno(e, r, "%s", strcmp(path, "-") ? path : "standard output") : r;
}
