/* DER (ITU-T X.690), as far as certificates need it: tags of one byte, lengths below 16 MiB.
 * Pure. */
#ifndef K3SBOX_NET_DER_H
#define K3SBOX_NET_DER_H

#include <stdbool.h>
#include <stdint.h>

/* What is left of an object's content. */
struct der { const uint8_t *p, *end; };

/* Takes the next object off: its tag, and its content. false if there is none, or it is cut off. */
bool der_next(struct der *d, uint8_t *tag, struct der *content);
/* The same for an object with this tag; false if it has another one. */
bool der_enter(struct der *d, uint8_t want, struct der *content);

#endif
