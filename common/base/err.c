/* Formats the detail of an error. Not for printing it: that is for the applets (die.h). */
#include "base/err.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

__attribute__((format(printf, 2, 0)))
static void set(struct err *e, const char *fmt, va_list ap)
{
	if (vsnprintf(e->text, sizeof e->text, fmt, ap) < 0) e->text[0] = 0;
}

int err_set(struct err *e, int r, const char *fmt, ...)
{
	va_list ap;

	if (!e) return r;
	va_start(ap, fmt);
	set(e, fmt, ap);
	va_end(ap);
	return r;
}

int err_errno(struct err *e, int r, const char *fmt, ...)
{
	va_list ap;

	if (!e) return r;
	va_start(ap, fmt);
	set(e, fmt, ap);
	va_end(ap);
	/* The reason is never cut: a path may be longer than the text. */
	const char *reason = strerror(-r);
	size_t len = strlen(e->text), most = sizeof e->text - strlen(reason) - sizeof ": ";
	if (len > most) len = most;
	snprintf(e->text + len, sizeof e->text - len, ": %s", reason);
	return r;
}
