/* The FUSE protocol (linux/fuse.h): requests of the kernel are taken apart, replies put together.
 * Pure. */
#ifndef K3SBOX_CGROUPFS_WIRE_H
#define K3SBOX_CGROUPFS_WIRE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/stat.h>

#include "plan/fix/cgroupfs.h"

enum {
	WIRE_REQUEST = CGROUPFS_REQUEST,   /* room for a request */
	WIRE_REPLY = 8192,
	WIRE_ROOT = 1,             /* the node of the root directory */
};

struct wire_request {
	uint32_t opcode;           /* enum fuse_opcode */
	uint64_t unique, node;
	const char *name;          /* LOOKUP, MKDIR, RMDIR, …: in the request; never with a '/' */
	uint32_t mode;             /* MKDIR */
	uint64_t offset;           /* READDIR */
	uint32_t size;             /* READDIR */
	uint32_t major, minor;     /* INIT: of the kernel's protocol */
};

/* Takes apart a request of len bytes. 0; -EINVAL if its header is whole and the rest is not (unique
 * is filled in, so an error can be sent); -EBADMSG if it cannot be answered at all. */
int wire_parse(const void *data, size_t len, struct wire_request *q);

/* Starts with a header of its own; no more than WIRE_REPLY bytes are ever in it. */
struct wire_reply {
	size_t len;                /* 0: nothing is to be sent */
	_Alignas(8) unsigned char data[WIRE_REPLY];
};

/* Each begins the reply anew. error is -errno, or 0 for a success without data. */
void wire_status(struct wire_reply *r, const struct wire_request *q, int error);
void wire_init(struct wire_reply *r, const struct wire_request *q);
/* The kernel keeps name and attributes for so many seconds. */
void wire_entry(struct wire_reply *r, const struct wire_request *q, uint64_t node,
	const struct stat *st, unsigned seconds);
void wire_attr(struct wire_reply *r, const struct wire_request *q, uint64_t node,
	const struct stat *st, unsigned seconds);
void wire_text(struct wire_reply *r, const struct wire_request *q, const char *text);
void wire_open(struct wire_reply *r, const struct wire_request *q);
void wire_statfs(struct wire_reply *r, const struct wire_request *q);

/* Adds a directory's entry after wire_status(…, 0), unless more than q->size bytes would be in it:
 * then false. next: the offset behind it. */
bool wire_dirent(struct wire_reply *r, const struct wire_request *q, uint64_t node, uint64_t next,
	const char *name, bool is_dir);

#endif
