#include "plan/fix/hosts.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/buf.h"
#include "base/cleanup.h"
#include "base/io.h"

#define HOSTS "/etc/hosts"
#define MARK " # k3sbox"

static int write_hosts(const struct buf *b)
{
	char real[PATH_MAX];

	/* A link stays one. */
	int r = io_replace(realpath(HOSTS, real) ? real : HOSTS, 0644, b->data ? b->data : "", b->len);
	if (r != -EBUSY && r != -EXDEV) return r;
	/* A mount point cannot be renamed over. The new text goes in first, then what is too long is cut. */
	_cleanup_close_ int fd = open(HOSTS, O_WRONLY | O_CLOEXEC);
	if (fd < 0) return -errno;
	r = io_write_fd(fd, b->data ? b->data : "", b->len);
	return r < 0 ? r : ftruncate(fd, (off_t)b->len) < 0 ? -errno : 0;
}

/* Copies all lines but the marked ones. Returns how many were left out. */
static int without_ours(const char *text, struct buf *out)
{
	int removed = 0;

	for (const char *line = text; line && *line;) {
		size_t n = strcspn(line, "\n"), whole = n + (line[n] == '\n');
		size_t mark = strlen(MARK);
		if (n >= mark && !memcmp(line + n - mark, MARK, mark)) removed++;
		else buf_add(out, line, whole);
		line += whole;
	}
	return removed;
}

int hosts_add(const char *address, const char *name)
{
	_cleanup_buf_ struct buf old = {0}, new = {0};
	int r = io_read(HOSTS, &old, 1 << 20);

	if (r < 0 && r != -ENOENT) return r;
	without_ours(old.data, &new);
	if (new.len && new.data[new.len - 1] != '\n') buf_putc(&new, '\n');
	buf_printf(&new, "%s\t%s" MARK "\n", address, name);
	if (new.failed) return -ENOMEM;
	r = io_mkparents(HOSTS, 0755);   /* a minimal root may not even have /etc */
	return r < 0 ? r : write_hosts(&new);
}

int hosts_clean(void)
{
	_cleanup_buf_ struct buf old = {0}, new = {0};
	int r = io_read(HOSTS, &old, 1 << 20);

	if (r < 0) return r == -ENOENT ? 0 : r;
	if (!without_ours(old.data, &new)) return 0;
	return new.failed ? -ENOMEM : write_hosts(&new);
}
