/* Removes secrets from text that goes to others. Rather too much than too little. */
#ifndef K3SBOX_DOCTOR_MASK_H
#define K3SBOX_DOCTOR_MASK_H

#include <stdbool.h>
#include <stddef.h>

#include "base/buf.h"

/* Pure. The text with *** in place of: credentials in URLs, PEM blocks, k3s's tokens, JSON web
 * tokens and PEM in base64 (of which the beginning may be missing), and what follows the name of a
 * secret and '=' or ':', or that of an option and a blank: up to the quote or bracket that ends it,
 * or else to the next blank or quote. */
void mask_text(const char *text, struct buf *out);

/* Pure. Is this the name of a secret ("--agent-token", "K3S_TOKEN", "-t")? */
bool mask_is_secret(const char *name);

/* Pure. A command line, with blanks between its words; values of secrets may have blanks. */
void mask_words(char *const *words, struct buf *out);

#endif
