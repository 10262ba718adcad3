/* The attachments that a runtime still has, as it lists them for GC. */
#ifndef K3SBOX_CNI_ATTACHMENT_H
#define K3SBOX_CNI_ATTACHMENT_H

#include "cni/plugin.h"

struct cni_attachment {
	struct str id;
	struct str ifname;         /* may be empty: every interface of the container */
};

/* Reads cni.dev/valid-attachments (older: cni.dev/attachments) into a slice of struct
 * cni_attachment, whose IDs are not empty. No list, or one that makes no sense, is no permission
 * to remove everything: -1 after cni_fail(). */
int cni_valid_attachments(struct cni *c, struct slice *valid);

#endif
