/* Requests of the kernel → what the tree does → replies. */
#ifndef K3SBOX_CGROUPFS_SERVE_H
#define K3SBOX_CGROUPFS_SERVE_H

#include "cgroupfs/tree.h"
#include "cgroupfs/wire.h"

/* Answers one request; r->len is 0 if the kernel expects no reply. */
void serve_answer(struct tree *t, const void *request, size_t len, struct wire_reply *r);

/* Serves the FUSE device until its mount is gone. state: a file of a struct cgroupfs_state, in
 * which the request is kept until it is answered: if this process is killed, the next one begins
 * with it. 0 or -errno. */
int serve_device(struct tree *t, int device, int state);

#endif
