/* Small parsers and printers for what /proc and logs are made of. Pure. */
#ifndef K3SBOX_TEXT_H
#define K3SBOX_TEXT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <time.h>

/* A decimal number at s: its value in *out, and where it ends; NULL if there is none or it does not
 * fit. (scanf would bring 10 KB of floating point into the binary.) */
const char *text_number(const char *s, uint64_t *out);

/* The same for an int without sign. */
const char *text_unsigned(const char *s, unsigned *out);

/* The value of a hexadecimal digit, or -1. */
int text_hex(char c);

/* The index-th (from 0) of a line's fields, which blanks and tabs separate, NUL-terminated into
 * out; false if the line ends before, or it does not fit. The line ends at '\n' or NUL. */
bool text_field(const char *line, unsigned index, char *out, size_t size);

/* How near the word, of n bytes, is to the name that it may stand for by mistake: 3 if it is the
 * name, less by one for each letter that is missing, too many, wrong or swapped with the next; 0 if
 * these are more than two, or more than one in three. For "did you mean". */
unsigned text_resembles(const char *word, size_t n, const char *name);

/* Is it nearer to this name than to those before? near: how near it was, 0 at first. */
bool text_nearer(const char *word, size_t n, const char *name, unsigned *near);

/* The lines of a text, which need not end in a line end or a NUL:
 *     struct text_lines l = text_lines(text, len);
 *     while (text_line(&l)) use(l.line, l.len);
 * line has no NUL at its end; ended tells whether a line end stood there (the last line may lack
 * it). */
struct text_lines {
	const char *next, *end;
	const char *line;
	size_t len;
	bool ended;
};
struct text_lines text_lines(const char *text, size_t len);
bool text_line(struct text_lines *l);

/* "2026-11-22T10:14:49Z". */
enum { TEXT_TIME_SIZE = 32 };
void text_time(time_t t, char out[TEXT_TIME_SIZE]);

#endif
