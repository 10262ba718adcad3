/* resolv.conf as upstream's dns.go reads it: white space at both ends of a line does not count, neither do
 * lines of one word. */
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "cleanup.h"
#include "host_local.h"
#include "io.h"

enum { LINE_MAX_GO = 64 * 1024 };   /* bufio.Scanner's longest line */

static struct str word(struct cni *c, char **p)
{
	*p += strspn(*p, " \t\r\v\f");
	size_t n = strcspn(*p, " \t\r\v\f");
	struct str s = { arena_copy(&c->arena, *p, n), n };
	*p += n;
	return s;
}

static void push(struct cni *c, struct slice *l, struct str s)
{
	if (l->n == l->cap) {
		size_t cap = l->cap ? l->cap * 2 : 4;
		struct str *v = arena_alloc(&c->arena, cap * sizeof *v);
		if (l->n) memcpy(v, l->v, l->n * sizeof *v);
		l->v = v;
		l->cap = cap;
	}
	((struct str *)l->v)[l->n++] = s;
}

static void take_line(struct cni *c, char *line, struct cni_dns *dns)
{
	struct str key = word(c, &line), s = word(c, &line);

	if (!key.n || !s.n || *key.s == '#' || *key.s == ';') return;
	if (!strcmp(key.s, "nameserver")) {
		push(c, &dns->nameservers, s);
	} else if (!strcmp(key.s, "domain")) {
		dns->domain = s;
	} else if (!strcmp(key.s, "search") || !strcmp(key.s, "options")) {
		for (; s.n; s = word(c, &line)) push(c, *key.s == 's' ? &dns->search : &dns->options, s);
	}
}

int hl_resolv_conf(struct cni *c, struct str path, struct cni_dns *dns)
{
	enum { BIGGEST = 1 << 20 };
	_cleanup_buf_ struct buf b = {0};

	if (hl_check_path(c, "open ", path) < 0) return -1;
	_cleanup_close_ int fd = open(path.s, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
	if (fd < 0) return cni_fail_path(c, "open", path.s, errno);
	int r = io_read_fd(fd, &b, BIGGEST);
	if (r < 0) return cni_fail_path(c, "read", path.s, -r);
	char *next;
	for (char *line = b.data; line && *line; line = next) {
		size_t n = strcspn(line, "\n");
		if (n >= LINE_MAX_GO) return cni_fail(c, CNI_INTERNAL, "bufio.Scanner: token too long");
		next = line + n + (line[n] == '\n');
		line[n] = 0;
		take_line(c, line, dns);
	}
	return 0;
}
