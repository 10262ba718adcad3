/* Base64 (RFC 4648, section 4). Pure. */
#ifndef K3SBOX_BASE64_H
#define K3SBOX_BASE64_H

#include <stddef.h>

struct buf;

/* Appends what n bytes of text stand for to out; blanks and line ends in them do not count. 0 or
 * -EBADMSG. */
int base64_decode(const char *text, size_t n, struct buf *out);
/* Appends one line without an end. */
void base64_encode(const void *data, size_t n, struct buf *out);

#endif
