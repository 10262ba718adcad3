/* Detail of an error, for functions whose -errno alone would not tell what to do. The error rule is
 * in HACKING.md. */
#ifndef K3SBOX_ERR_H
#define K3SBOX_ERR_H

/* What went wrong, as a sentence without the program's name and without an end of line; cut to fit.
 * The caller provides it, zeroed; it means something only after a function returned a negative
 * number. */
struct err { char text[512]; };

/* Writes the message, unless e is NULL, and returns r: `return err_set(e, -EINVAL, "line %u: no
 * value", n);` */
int err_set(struct err *e, int r, const char *fmt, ...) __attribute__((format(printf, 3, 4)));
/* The same with ": strerror(-r)" behind it. */
int err_errno(struct err *e, int r, const char *fmt, ...) __attribute__((format(printf, 3, 4)));

#endif
