/* A container image of single files: the files are added and checked first, then streamed into a
 * docker-archive. Functions with a struct err return 0 or -errno; the message names the file. */
#ifndef K3SBOX_IMAGE_IMAGE_H
#define K3SBOX_IMAGE_IMAGE_H

#include <stddef.h>
#include <stdint.h>

#include "base/buf.h"
#include "image/tar.h"

struct err;

struct image_item {
	char *path;            /* in the image, without leading '/'; a directory's ends in '/' */
	char *from;            /* TAR_FILE: file on this machine */
	char *target;          /* TAR_SYMLINK */
	char *interp;          /* a file that this program needs to start, or NULL */
	enum tar_type type;
	unsigned mode;
	uint64_t size;
};

struct image {
	const char *tag;       /* complete, as image_tag() makes it */
	const char *arch;      /* GOARCH of the first program that was added; NULL: none so far */
	const struct strv *entrypoint, *cmd, *env;
	const char *workdir, *user;   /* may be NULL */
	struct image_item *items;
	size_t n;
};

/* program.c: what kind of program a file is. */
struct image_program {
	/* GOARCH; NULL: not an ELF file, or for a machine that Kubernetes does not support */
	const char *arch;
	/* PT_INTERP, or the path after "#!"; "" for a static program or any other file */
	char interp[256];
};

/* 0, whatever the file contains; -errno if it cannot be read. */
int image_look(int fd, struct image_program *p);

/* items.c: the files. */
/* Adds a regular file. to is its path in the image; NULL: /NAME; "/dir/": /dir/NAME. */
int image_add_file(struct image *im, const char *from, const char *to, struct err *e);
int image_add_pause(struct image *im, struct err *e);   /* this program, as /pause */
int image_add_link(struct image *im, const char *path, const char *target, struct err *e);
/* Adds the parent directories, sorts, and refuses two items of one name. Call it once, after the
 * last add. */
int image_settle(struct image *im, struct err *e);
/* The item with this path ("/bin/sh"), or NULL; after image_settle(). */
const struct image_item *image_find(const struct image *im, const char *path);
void image_free(struct image *im);
#define _cleanup_image_ __attribute__((cleanup(image_free)))

/* config.c: the texts in the archive. Pure. */
/* Completes a reference as Docker and containerd do: "busybox" →
 * "docker.io/library/busybox:latest". 0 or -EINVAL. */
int image_tag(const char *tag, struct buf *out, struct err *e);
void image_config(const struct image *im, const char *layer_sha256, struct buf *out);
void image_manifest(const struct image *im, const char *config_name, const char *layer_name,
	struct buf *out);

/* write.c: the archive. */
/* Streams the archive to fd. */
int image_write(const struct image *im, int fd, struct err *e);
/* Writes it to a file, which appears complete or not at all, to a device or pipe, or for "-" to
 * standard output. */
int image_write_path(const struct image *im, const char *path, struct err *e);

#endif
