/* Messages and exit statuses. */
#ifndef K3SBOX_DIE_H
#define K3SBOX_DIE_H

#include <stdarg.h>
#include <stddef.h>

/* Exit statuses of every applet (s6's scheme, LSB for STOPPED, timeout(1) for TIMEOUT, sh for
 * 126/127/128+n). */
enum {
	EX_OK = 0,       /* done */
	EX_FAIL = 1,     /* the operation failed, or the answer is no */
	EX_LIMITED = 2,  /* doctor: works, but not all of it */
	EX_STOPPED = 3,  /* status: nothing is running */
	EX_USE = 100,    /* the command line makes no sense */
	EX_SYS = 111,    /* a system call failed that should not */
	EX_TIMEOUT = 124,/* a wait ran out of time */
	EX_NOEXEC = 126, /* the program was found but cannot be executed */
	EX_NOTFOUND = 127,/* the program was not found */
	EX_SIGNAL = 128, /* + n: the program died of signal n */
};

/* Name shown before each message ("k3sbox run"); the string must outlive the process's messages. */
void die_set_name(const char *name);

/* One line on stderr, "NAME: message", in one write(2). errno is preserved. */
void warn(const char *fmt, ...) __attribute__((format(printf, 1, 2)));

/* The same with ": strerror(-r)" behind it; r is what failed, as -errno. */
void warn_errno(int r, const char *fmt, ...) __attribute__((format(printf, 2, 3)));

/* The same, then exit with this status. */
_Noreturn void die(int status, const char *fmt,
	...) __attribute__((noreturn, format(printf, 2, 3)));
_Noreturn void die_errno(int status, int r, const char *fmt,
	...) __attribute__((noreturn, format(printf, 3, 4)));

/* Misuse: warn(), then where help is, exit EX_USE. */
_Noreturn void die_usage(const char *fmt, ...) __attribute__((noreturn, format(printf, 1, 2)));

/* Allocation that dies (status EX_SYS) when memory is out: for programs that run once and end. */
void *xmalloc(size_t n) __attribute__((malloc, alloc_size(1)));
void *xcalloc(size_t n, size_t size) __attribute__((malloc, alloc_size(1, 2)));
void *xrealloc(void *p, size_t n) __attribute__((alloc_size(2)));
char *xstrdup(const char *s) __attribute__((malloc));
char *xasprintf(const char *fmt, ...) __attribute__((malloc, format(printf, 1, 2)));
char *xvasprintf(const char *fmt, va_list ap) __attribute__((malloc, format(printf, 1, 0)));

#endif
