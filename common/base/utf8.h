/* UTF-8 as Go's unicode/utf8 sees it (RFC 3629: no surrogates, no overlong forms, up to
 * U+10FFFF). */
#ifndef K3SBOX_UTF8_H
#define K3SBOX_UTF8_H

#include <stddef.h>
#include <stdint.h>

/* Length of the character at s (1 to 4) with its code in *c, or 0 if the bytes are not one; n is
 * what is left. */
size_t utf8_decode(const char *s, size_t n, uint32_t *c);

/* Writes c (a valid code point) to out[4] and returns the length. */
size_t utf8_encode(uint32_t c, char out[4]);

#endif
