/* Messages on stderr, exits, and allocation that does not return NULL. The only part below the
 * applets that may end the program. */
#include "base/die.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static const char *name = "k3sbox";

void die_set_name(const char *s)
{
	name = s;
}

/* Appends at *len, never past size - 1; what does not fit is cut. */
__attribute__((format(printf, 4, 0)))
static void vadd(char *line, size_t size, size_t *len, const char *fmt, va_list ap)
{
	int n = vsnprintf(line + *len, size - *len, fmt, ap);
	if (n > 0) *len += (size_t)n < size - *len ? (size_t)n : size - *len - 1;
}

__attribute__((format(printf, 4, 5)))
static void add(char *line, size_t size, size_t *len, const char *fmt, ...)
{
	va_list ap;
	va_start(ap, fmt);
	vadd(line, size, len, fmt, ap);
	va_end(ap);
}

/* One line in one write(2); with strerror(-r) behind it if r is an error. Nothing is left to tell
 * if stderr itself is gone. */
__attribute__((format(printf, 2, 0)))
static void print_line(int r, const char *fmt, va_list ap)
{
	char line[4096];
	size_t len = 0;
	int saved = errno;

	add(line, sizeof line - 1, &len, "%s: ", name);
	vadd(line, sizeof line - 1, &len, fmt, ap);
	if (r) add(line, sizeof line - 1, &len, ": %s", strerror(-r));
	line[len++] = '\n';
	ssize_t n = write(STDERR_FILENO, line, len);
	(void)n;
	errno = saved;
}

void warn(const char *fmt, ...)
{
	va_list ap;
	va_start(ap, fmt);
	print_line(0, fmt, ap);
	va_end(ap);
}

void warn_errno(int r, const char *fmt, ...)
{
	va_list ap;
	va_start(ap, fmt);
	print_line(r, fmt, ap);
	va_end(ap);
}

_Noreturn void die(int status, const char *fmt, ...)
{
	va_list ap;
	va_start(ap, fmt);
	print_line(0, fmt, ap);
	va_end(ap);
	exit(status);
}

_Noreturn void die_errno(int status, int r, const char *fmt, ...)
{
	va_list ap;
	va_start(ap, fmt);
	print_line(r, fmt, ap);
	va_end(ap);
	exit(status);
}

_Noreturn void die_usage(const char *fmt, ...)
{
	char message[1024];
	va_list ap;

	va_start(ap, fmt);
	int n = vsnprintf(message, sizeof message, fmt, ap);
	va_end(ap);
	die(EX_USE, "%s (try '%s --help')", n < 0 ? fmt : message, name);
}

void *xmalloc(size_t n)
{
	void *p = malloc(n ? n : 1);
	if (!p) die(EX_SYS, "out of memory (%zu bytes)", n);
	return p;
}

void *xcalloc(size_t n, size_t size)
{
	void *p = calloc(n ? n : 1, size ? size : 1);
	if (!p) die(EX_SYS, "out of memory (%zu x %zu bytes)", n, size);
	return p;
}

void *xrealloc(void *p, size_t n)
{
	p = realloc(p, n ? n : 1);
	if (!p) die(EX_SYS, "out of memory (%zu bytes)", n);
	return p;
}

char *xstrdup(const char *s)
{
	size_t n = strlen(s) + 1;
	return memcpy(xmalloc(n), s, n);
}

char *xvasprintf(const char *fmt, va_list ap)
{
	char *s;

	if (vasprintf(&s, fmt, ap) < 0) die(EX_SYS, "out of memory");
	return s;
}

char *xasprintf(const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	char *s = xvasprintf(fmt, ap);
	va_end(ap);
	return s;
}
