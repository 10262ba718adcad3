/* Adds the node's name to /etc/hosts, and removes it. */
#include "plan/fix/hosts.h"

#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/buf.h"
#include "base/io.h"
#include "plan/node.h"

#define HOSTS "/etc/hosts"
#define MARK " # k3sbox"

static int write_hosts(const struct buf *b)
{
	char real[PATH_MAX];

	/* A link stays one. */
	int r = io_replace(realpath(HOSTS, real) ? real : HOSTS, 0644, b->data ? b->data : "",
		b->len);
	/* A mount point cannot be renamed over. */
	return r == -EBUSY || r == -EXDEV ? io_overwrite(HOSTS, b->data ? b->data : "", b->len) : r;
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

/* The file without our lines, and with this one if it is not empty. */
static int rewrite(const char *line)
{
	_cleanup_buf_ struct buf old = {0}, new = {0};
	int r = io_read(HOSTS, &old, 1 << 20);

	if (r < 0 && r != -ENOENT) return r;
	int removed = without_ours(old.data, &new);
	if (!removed && !*line) return 0;
	if (*line && new.len && new.data[new.len - 1] != '\n') buf_putc(&new, '\n');
	buf_puts(&new, line);
	if (new.failed) return -ENOMEM;
	r = io_mkparents(HOSTS, 0755);   /* a minimal root may not even have /etc */
	return r < 0 ? r : write_hosts(&new);
}

int hosts_add_node(const struct plan_options *o, const struct plan_step *s, struct err *e)
{
	char name[NODE_NAME_SIZE], address[64], line[400];

	(void)s;
	node_name(o, name);
	if (!node_first_address(address, sizeof address))
		snprintf(address, sizeof address, "127.0.0.1");
	snprintf(line, sizeof line, "%s\t%s" MARK "\n", address, name);
	int r = rewrite(line);
	return r < 0 ? err_errno(e, r, HOSTS) : 0;
}

int hosts_clean(const struct plan_options *o, const char *seen, struct err *e)
{
	(void)o, (void)seen;
	int r = rewrite("");
	return r < 0 ? err_errno(e, r, HOSTS) : 0;
}
