/* An image to be: its files, gathered and checked first, streamed into a docker-archive afterwards.
 * Functions that take `why` return 0 or -errno and then leave a message there that names the thing. */
#ifndef K3SBOX_IMAGE_IMAGE_H
#define K3SBOX_IMAGE_IMAGE_H

#include <stddef.h>
#include <stdint.h>

#include "base/buf.h"
#include "image/tar.h"

struct item {
	char *path;            /* in the image, without the leading '/'; a folder's ends in '/' */
	char *from;            /* TAR_FILE: file on this machine */
	char *target;          /* TAR_SYMLINK */
	char *interp;          /* what must be in the image for this program to start; NULL: nothing */
	enum tar_type type;
	unsigned mode;
	uint64_t size;
};

struct image {
	const char *tag;       /* normalised */
	const char *arch;      /* GOARCH of the first program that was added; NULL: none so far */
	const struct strv *entrypoint, *cmd, *env;
	const char *workdir, *user;   /* may be NULL */
	struct item *items;
	size_t n;
};

/* What the kernel needs besides the file itself to run it. */
struct program {
	/* GOARCH; NULL: not an ELF file, or one of a machine that Kubernetes does not know */
	const char *arch;
	/* PT_INTERP, or what stands behind "#!"; "" for a static program or a file that is none */
	char interp[256];
};

/* 0 or -errno of reading; whatever the file contains is an answer. */
int program_look(int fd, struct program *p);

/* items.c */
/* Adds a regular file; `to` is where it goes, NULL: /NAME; "/dir/": /dir/NAME. */
int image_add_file(struct image *im, const char *from, const char *to, struct buf *why);
int image_add_link(struct image *im, const char *path, const char *target, struct buf *why);
/* Adds the folders that the files lie in, sorts, refuses two things of one name. To be called once, after
 * the last add. */
int image_settle(struct image *im, struct buf *why);
/* "/bin/sh"; after image_settle(); NULL: no */
const struct item *image_find(const struct image *im, const char *path);
void image_free(struct image *im);
#define _cleanup_image_ __attribute__((cleanup(image_free)))

/* config.c: pure */
/* The reference as Docker and containerd complete it: "busybox" → "docker.io/library/busybox:latest".
 * -EINVAL. */
int image_tag(const char *tag, struct buf *out, struct buf *why);
void image_config(const struct image *im, const char *layer_sha256, struct buf *out);
void image_manifest(const struct image *im, const char *config_name, const char *layer_name, struct buf *out);

/* write.c */
/* Streams the archive to fd. */
int image_write(const struct image *im, int fd, struct buf *why);
/* The same to a file, which appears complete or not at all; devices and pipes are written to; "-" is
 * standard output. */
int image_write_path(const struct image *im, const char *path, struct buf *why);

#endif
