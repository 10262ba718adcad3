/* Where `run` says how far it is: its output, or the pipe to a `run -d` that waits. */
#include <stdarg.h>
#include <stdio.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/io.h"
#include "run/run.h"

void loop_report(const struct loop_reporter *r, const char *fmt, ...)
{
	char text[512], line[560];
	va_list ap;

	if (r->fd < 0) return;
	va_start(ap, fmt);
	vsnprintf(text, sizeof text, fmt, ap);
	va_end(ap);
	int64_t ms = clock_ms() - r->t0;
	int n = snprintf(line, sizeof line, "%4lld.%lld s  %s\n", (long long)(ms / 1000),
		(long long)(ms % 1000 / 100),
		text);
	io_write_fd(r->fd, line, (size_t)n);
}

void loop_report_end(struct loop_reporter *r, int status, int log_fd)
{
	char end[2] = { 0, (char)status };

	if (!r->pipe || r->fd < 0) return;
	/* From here on this process has no terminal; what it prints goes to the log. */
	if (log_fd >= 0) dup2(log_fd, STDERR_FILENO);
	io_write_fd(r->fd, end, sizeof end);
	close(r->fd);
	r->fd = -1;
}
