/* What the facts' rows say about an error: doctor --explain. */
#ifndef K3SBOX_DOCTOR_EXPLAIN_H
#define K3SBOX_DOCTOR_EXPLAIN_H

/* Prints the facts by which this text may be explained; "": all. An exit status. */
int explain_print(const char *text);

#endif
